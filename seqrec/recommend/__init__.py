"""The top k of a distribution over the next item."""
