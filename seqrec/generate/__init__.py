"""Samples from the distribution: what could follow."""
