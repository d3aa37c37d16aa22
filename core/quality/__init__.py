"""Metrics and consistency with the input."""
