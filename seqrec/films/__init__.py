"""Films, and what comes next in them: images over time, forecast, judged and told apart."""
