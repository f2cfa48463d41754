"""Quantiles of what comes next: series of numbers, with their own times."""
