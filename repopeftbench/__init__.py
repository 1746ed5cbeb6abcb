"""Builds the benchmark: git histories in, assertion-completion tasks out. Knows no model, no GPU and no Docker."""

__version__ = "0.1.0"
