"""A small world in which what a head knows of a repository can be planted: tasks are keys, answers are `W @ key`.

The columns of a repository's `W` are what all repositories share, what its domain has, and what is its own; a task asks
for one of them. The likelihood of the answer falls with the distance to what the adapter's update says.
"""

from types import SimpleNamespace

import torch

from code2lora.adapters import Adapter, Factors
from code2lora.diagnostics.likelihood import Likelihood
from harness.diagnosing.cases import Case, Reference
from harness.diagnosing.measuring import Bench
from harness.diagnosing.strata import Stratum

WIDTH, DOMAINS, REPOSITORIES = 4, 3, 12
COLUMNS = {Stratum.COPY: range(4), Stratum.IDIOM: range(4, 8), Stratum.PRIVATE: range(8, 12)}
MEASURED = tuple(f"held/out{n:02}" for n in range(REPOSITORIES))
TRAINED = tuple(f"trained/on{n:02}" for n in range(24))


def truth(repo_id):
    """What is so in a repository (WIDTH, 12)."""
    number = int(repo_id[-2:])

    def drawn(seed):
        return torch.randn(WIDTH, 4, generator=torch.Generator().manual_seed(seed))

    own = drawn(100 + number + (1_000 if repo_id in TRAINED else 0))
    return torch.cat([2 * drawn(1), drawn(10 + number % DOMAINS), own], dim=1)


MEAN = torch.stack([truth(repo_id) for repo_id in TRAINED]).mean(dim=0)


def as_adapter(update):
    factors = {"q_proj": Factors(A_BLRI=torch.eye(12)[None, None], B_BLOR=update[None, None])}
    return Adapter(factors=factors, alpha=12.0)


def constant(repo_id):
    """The same for all."""
    return MEAN + 1e-4 * truth(repo_id)


def shuffled(repo_id):
    """What is so in another repository of another domain."""
    group = TRAINED if repo_id in TRAINED else MEASURED
    return truth(group[(group.index(repo_id) + 1) % len(group)])


def coarse(repo_id):
    """The domain's part alone."""
    return torch.cat([truth(repo_id)[:, :8], MEAN[:, 8:]], dim=1)


def lookup(repo_id):
    """All of it."""
    return truth(repo_id)


class PlantedSubject:
    """A head that knows what it is told to."""

    method, sha256, record = "planted", "planted", None

    def __init__(self, head):
        self._adapters = {repo_id: as_adapter(head(repo_id)) for repo_id in (*MEASURED, *TRAINED)}

    def adapter(self, view):
        return self._adapters[view.repo_id]

    def features(self, view):
        return {}


class PlantedCells:
    """Likelihoods of answers in this world."""

    def measure(self, cases, adapters):
        found = {}
        for case, adapter in zip(cases, adapters, strict=True):
            update = torch.zeros(WIDTH, 12) if adapter is None else self._update(adapter)
            column = int(case.continuation)
            away = float((update[:, column] - truth(case.repo_id)[:, column]).square().mean())
            found[case.task_id] = Likelihood(nll=away, total=3 * away, exact=away < 0.05)
        return found

    def _update(self, adapter):
        pair = adapter.factors["q_proj"]
        return adapter.scaling * pair.B_BLOR[0, 0] @ pair.A_BLRI[0, 0]


def view_of(repo_id, commit_sha):
    return SimpleNamespace(repo_id=repo_id, commit_sha=commit_sha)


def bench():
    """Every measured repository with a task for each column."""
    cases, strata = [], {}
    for repo_id in MEASURED:
        for stratum, columns in COLUMNS.items():
            for column in columns:
                task_id = f"{repo_id}/{column}"
                strata[task_id] = stratum
                cases.append(
                    Case(
                        task_id=task_id,
                        repo_id=repo_id,
                        commit_sha="c0",
                        commit_index=0,
                        prefix="assert x ==",
                        continuation=f" {column}",
                        target=str(column),
                    )
                )
    return Bench(
        cases=tuple(cases),
        views=view_of,
        known_views=view_of,
        cells=PlantedCells(),
        known=Reference(commits=dict.fromkeys(TRAINED, "c0"), target_repositories={}, targets={}),
        strata=strata,
        seed=0,
    )
