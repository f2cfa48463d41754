"""Sequences in, a distribution over the next event out."""
