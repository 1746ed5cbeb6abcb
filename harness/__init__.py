"""Runs predictors on a dataset, scores what they say, and reports it. The only layer that sees all others."""
