"""The published data of the benchmark, read into a dataset of ours.

What is kept, computed and unknown: docs/adr/0014. Nothing here mines, and nothing knows how the data was made beyond
what its columns say; the two caps that select rows are `repopeftbench.paper.capping`'s.
"""
