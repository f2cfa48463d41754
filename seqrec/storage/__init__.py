"""Model files: estimators as data, never as code."""
