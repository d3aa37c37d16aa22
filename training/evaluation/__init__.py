"""Scores on held-out scenes, baselines, tables, pictures and the report."""
