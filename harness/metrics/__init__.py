"""Scores of one prediction, pure functions of texts."""
