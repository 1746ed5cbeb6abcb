"""Runs untrusted test code. Knows nothing of models or datasets: a specification goes in, a verdict comes out.

Execution probes are not built yet; this package only holds their place in the layers (see ARCHITECTURE.md).
"""
