"""Anything that answers tasks."""
