"""What executing would take at most, before anything is executed: counts of the tasks, a rate of earlier executions.

Knows no sandbox, tree or environment, so it cannot tell which executions the store has already: what a result is kept
under depends on the environment, which only building shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.probing.mutants import mutants
from harness.probing.prober import Texts, units_of
from harness.probing.records import Site
from harness.probing.runnable import TIMES

_PER_PREDICTION = 2
"""The prediction, and its tripwire where it passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeForecast:
    """What executing would take.

    Attributes:
        tasks: that would be looked at.
        repositories: that they are of.
        trees: commits whose tree would be written.
        test_functions: in all of these trees; the tasks of one share the executions of the original.
        originals: executions of tests as they are, at most.
        mutants: executions of tests with another value, at most.
        predictions: executions of predictions and their tripwires, at most.
    """

    tasks: int
    repositories: int
    trees: int
    test_functions: int
    originals: int
    mutants: int
    predictions: int

    @property
    def executions(self) -> int:
        """All of them, at most."""
        return self.originals + self.mutants + self.predictions


def forecast_probe(sites: Sequence[Site], texts: Texts | None = None) -> ProbeForecast:
    """Counts what `Prober.probe` would execute of `sites` and `texts` if every test passed, and the store were empty.

    A test that only classes which inherit it collect takes some executions more.
    """
    units = units_of(sites)
    answered = texts or {}
    return ProbeForecast(
        tasks=len(sites),
        repositories=len({site.repo_id for site in sites}),
        trees=len({(site.repo_id, site.commit_sha) for site in sites}),
        test_functions=len(units),
        originals=TIMES * len(units),
        mutants=sum(len(mutants(site.target)) for site in sites),
        predictions=_PER_PREDICTION * sum(answered.get(site.task_id) is not None for site in sites),
    )
