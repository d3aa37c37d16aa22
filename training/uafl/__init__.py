"""UAFL: configurations, training data, training, export and evaluation."""
