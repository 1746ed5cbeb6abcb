"""Tensors of the diagnosis: geometry and exact sums of adapters, likelihoods of targets, kernels of features."""
