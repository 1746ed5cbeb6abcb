"""What can be wrong with a dataset, found and counted: structure, quality, leakage, conditioning."""
