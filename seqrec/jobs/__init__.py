"""Batch jobs on logs larger than memory."""
