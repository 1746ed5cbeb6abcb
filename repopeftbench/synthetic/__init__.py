"""Small Python repositories with private facts and histories that change them: for tests, demos and probes.

A repository is a function of the seed of its family and its index in it. Its names and numbers are drawn; its tests
pass at every commit, since what they expect is found by running the generated code. Nothing here touches git, disk,
clock or network, but for `controlled.benchmark`: `controlled` makes benchmarks whose best possible scores are known.
"""

from .history import FIRST_COMMIT_TIME, synthetic_history, synthetic_repositories
from .records import SyntheticCommit, SyntheticRepository

__all__ = [
    "FIRST_COMMIT_TIME",
    "SyntheticCommit",
    "SyntheticRepository",
    "synthetic_history",
    "synthetic_repositories",
]
