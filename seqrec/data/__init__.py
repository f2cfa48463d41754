"""A log as sequences."""
