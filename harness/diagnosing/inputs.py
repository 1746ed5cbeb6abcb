"""D0: what conditioning is given, and whether anything of the repository could be read from it (io: reads views)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from code2lora.diagnostics.kernels import Ceiling, Kernel, information_ceiling, kernel
from harness.diagnosing.cases import last_commits
from harness.diagnosing.measuring import MEAN_REPOSITORIES, Bench
from harness.diagnosing.subjects import Subject
from repopeftbench.schema import content_id

HIGH_COSINE = 0.5
"""Of features: a warning, not a finding; heads above it have been seen to work."""
_WORD = re.compile(r"[A-Za-z_]\w{2,}|\d{2,}")
_COMMON_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFindings:
    """D0a by what is given, and D0b of the first of it; None where too little is told by two repositories."""

    kernels: Mapping[str, Kernel]
    ceiling: Ceiling | None
    repositories: int


def input_findings(bench: Bench, subject: Subject, *, seed: int) -> InputFindings | None:
    """D0 of the measured and the training repositories; None of adapters whose making is not known.

    What is to be told are words of targets that at least two repositories have and at most a tenth of them (two, where
    that is less): what one alone has cannot be told from others, what all have need not be.

    Args:
        bench: The repositories.
        subject: Whose inputs.
        seed: Of the permutations.
    """
    commits = last_commits(bench.cases)
    names = sorted(bench.known.commits.keys() - commits.keys(), key=lambda name: content_id(seed, name))
    views = dict.fromkeys(commits, bench.views) | dict.fromkeys(names, bench.known_views)
    commits |= {name: bench.known.commits[name] for name in names[:MEAN_REPOSITORIES]}
    found: dict[str, list[torch.Tensor]] = {}
    for done, name in enumerate(sorted(commits)):
        bench.progress("inputs", done, len(commits))
        for kind, vector in subject.features(views[name](name, commits[name])).items():
            found.setdefault(kind, []).append(vector)
    if not found:
        return None
    features = {kind: torch.stack(vectors) for kind, vectors in found.items()}
    told = _told(bench, sorted(commits))
    first = next(iter(features.values()))
    return InputFindings(
        kernels={kind: kernel(vectors) for kind, vectors in features.items()},
        ceiling=information_ceiling(first, told, seed=seed) if told.shape[1] and len(first) > 2 else None,
        repositories=len(commits),
    )


def _told(bench: Bench, names: list[str]) -> torch.Tensor:
    """Which words the targets of which repository have (repositories, words)."""
    words: dict[str, set[str]] = {name: set() for name in names}
    for case in bench.cases:
        words[case.repo_id].update(_WORD.findall(case.target))
    for name, targets in bench.known.targets.items():
        if name in words:
            words[name].update(word for target in targets for word in _WORD.findall(target))
    counts: dict[str, int] = {}
    for mine in words.values():
        for word in mine:
            counts[word] = counts.get(word, 0) + 1
    most = max(2, int(_COMMON_SHARE * len(names)))
    rare = sorted(word for word, count in counts.items() if 2 <= count <= most)
    told = torch.zeros(len(names), len(rare))
    for row, name in enumerate(names):
        for column, word in enumerate(rare):
            told[row, column] = float(word in words[name])
    return told
