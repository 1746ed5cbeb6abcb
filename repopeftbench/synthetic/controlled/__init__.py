"""Benchmarks with controlled information: repositories whose facts are known, and the best that can be done on them.

Every fact is drawn from a pool of known size, and it is known what a method must see to answer: the prefix, what is
typical of a domain, or the repository. `values` has the chances, `drawing` the facts, `wording` and the templates how
they are said, `rendering` the files, `benchmark` (io) the dataset with its truth.
"""

from .benchmark import BenchmarkOptions, make_benchmark
from .drawing import blueprint
from .rendering import controlled_repository
from .wording import Templates

__all__ = ["BenchmarkOptions", "Templates", "blueprint", "controlled_repository", "make_benchmark"]
