"""Tests that look at widgets in a real browser."""
