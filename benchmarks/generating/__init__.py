"""What `benchmarks/generation.py` compares, and on what."""
