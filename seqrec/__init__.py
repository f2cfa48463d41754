"""Next items and anomalies in sequences of events, with recurrent networks."""
