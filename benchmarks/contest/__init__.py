"""How `benchmarks/mining.py` runs the contenders, compares what they found and shows what they cost."""
