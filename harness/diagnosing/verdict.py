"""The ladder: what the numbers of a diagnosis say, in one word, with the numbers that made it. Pure.

COLLAPSED                     every repository has nearly the same adapter
DIVERSE BUT NOT FUNCTIONAL    adapters differ, but the own one is no better than the mean of all
COARSE                        the own adapter is better, but not where the answer is the repository's alone
WEAK                          it is better there, but a gate of the last step is closed, or was not measured
REPO-SPECIFIC                 better there than the mean, than other repositories' and than a matched shared LoRA

A gate that was not measured, or whose comparison is not matched, is closed: it caps the verdict and is named. Intervals
are of 95 % over repositories.
"""

from dataclasses import dataclass
from enum import StrEnum

from harness.diagnosing.contrasts import LEAST_HEADROOM, Contrast, OwnAgainstOthers
from harness.stats import Estimate

MOST_COSINE = 0.99
LEAST_SPREAD = 0.05
LEAST_WIN_RATE = 0.75
LEAST_HARD_WIN_RATE = 0.6
MOST_P = 0.01
LEAST_NATS = 1e-3
"""A difference smaller than that is rounding, however certain."""


class Verdict(StrEnum):
    """The ladder, from the bottom."""

    COLLAPSED = "COLLAPSED"
    DIVERSE = "DIVERSE BUT NOT FUNCTIONAL"
    COARSE = "COARSE"
    WEAK = "WEAK"
    SPECIFIC = "REPO-SPECIFIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the ladder looks at; None is not measured.

    Attributes:
        mean_cosine: D1, mean cosine of two repositories' updates.
        spread: D1, rho.
        against_mean: D2a on all tasks.
        private_against_mean: D2a on the private stratum.
        against_shared: D2b on all tasks.
        private_against_shared: D2b on the private stratum.
        mismatches: In what the shared LoRA is not matched; empty is matched.
        others: D3 on the private stratum.
        shuffled_against_mean: D5, own minus mean of the network that was trained on shuffled inputs.
        headroom: D7 on the private stratum, in nats.
    """

    mean_cosine: float
    spread: float
    against_mean: Contrast | None
    private_against_mean: Contrast | None
    against_shared: Contrast | None = None
    private_against_shared: Contrast | None = None
    mismatches: tuple[str, ...] = ()
    others: OwnAgainstOthers | None = None
    shuffled_against_mean: Estimate | None = None
    headroom: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict, what made it, and what keeps it from the next step; sentences for the reader."""

    verdict: Verdict
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


def verdict(evidence: Evidence) -> Judgement:
    """The highest step of the ladder that the evidence reaches."""
    shape = (
        f"updates of two repositories have a mean cosine of {evidence.mean_cosine:.3f}, rho is {evidence.spread:.3f}"
    )
    if evidence.mean_cosine > MOST_COSINE or evidence.spread < LEAST_SPREAD:
        limits = f"collapsed above {MOST_COSINE} or with rho below {LEAST_SPREAD}"
        return Judgement(verdict=Verdict.COLLAPSED, reasons=(f"{shape} ({limits})",), missing=_unmeasured(evidence))
    overall = _said("own minus mean adapter", evidence.against_mean)
    private = _said("own minus mean adapter on the private stratum", evidence.private_against_mean)
    if not _beats(evidence.against_mean) and not _beats(evidence.private_against_mean):
        return Judgement(verdict=Verdict.DIVERSE, reasons=(shape, overall), missing=_unmeasured(evidence))
    if not _beats(evidence.private_against_mean):
        return Judgement(verdict=Verdict.COARSE, reasons=(shape, overall, private), missing=_unmeasured(evidence))
    closed = _closed_gates(evidence)
    return Judgement(
        verdict=Verdict.WEAK if closed else Verdict.SPECIFIC,
        reasons=(shape, overall, private, *(closed or _open_gates(evidence))),
        missing=_unmeasured(evidence),
    )


def _closed_gates(evidence: Evidence) -> tuple[str, ...]:
    """The gates of the last step that are closed, in words."""
    closed: list[str] = []
    private = evidence.private_against_mean
    if private is not None and (private.exact.low is None or private.exact.low <= 0):
        closed.append(
            f"exact match on the private stratum is not above the mean adapter's ({_interval(private.exact)})"
        )
    if evidence.private_against_shared is None or evidence.against_shared is None:
        closed.append("no matched shared LoRA was compared with on the private stratum (--shared)")
    elif evidence.mismatches:
        closed.append(f"the shared LoRA is not matched: {'; '.join(evidence.mismatches)}")
    elif not _beats(evidence.private_against_shared):
        said = _said("own minus shared LoRA on the private stratum", evidence.private_against_shared)
        closed.append(f"a shared LoRA does as well: {said}")
    elif (evidence.against_shared.nll.low or 0.0) > 0:
        closed.append(f"worse than a shared LoRA on all tasks: {_said('own minus shared', evidence.against_shared)}")
    closed += _closed_by_others(evidence.others)
    shuffled = evidence.shuffled_against_mean
    if shuffled is not None and _is_better(shuffled):
        closed.append(f"the network trained on shuffled inputs beats its mean, too ({_interval(shuffled)} nats)")
    if evidence.headroom is not None and evidence.headroom < LEAST_HEADROOM:
        closed.append(f"the private stratum holds {evidence.headroom:.3f} nats, too little to show conditioning")
    return tuple(closed)


def _closed_by_others(others: OwnAgainstOthers | None) -> list[str]:
    if others is None:
        return ["own adapters were not compared with others' on the private stratum"]
    closed = []
    if others.win_rate <= LEAST_WIN_RATE:
        closed.append(f"own adapters beat others' in {others.win_rate:.2f} of pairs, not in over {LEAST_WIN_RATE}")
    if others.p >= MOST_P:
        closed.append(f"labels of adapters could be drawn (p {others.p:.4f}, not below {MOST_P})")
    if others.hard_win_rate is None or others.hard_win_rate <= LEAST_HARD_WIN_RATE:
        rate = (
            "not at all measured" if others.hard_win_rate is None else f"in {others.hard_win_rate:.2f} of repositories"
        )
        closed.append(f"against the most similar repository's adapter: {rate}, not over {LEAST_HARD_WIN_RATE}")
    return closed


def _open_gates(evidence: Evidence) -> tuple[str, ...]:
    others = evidence.others
    assert others is not None
    return (
        _said("own minus matched shared LoRA on the private stratum", evidence.private_against_shared),
        f"own adapters beat others' in {others.win_rate:.2f} of pairs (p {others.p:.4f}), the most similar "
        f"repository's in {others.hard_win_rate:.2f}",
    )


def _unmeasured(evidence: Evidence) -> tuple[str, ...]:
    parts = {
        "the private stratum (D6)": evidence.private_against_mean,
        "a shared LoRA (D2b; --shared)": evidence.against_shared,
        "the network trained on shuffled inputs (D5; --shuffled)": evidence.shuffled_against_mean,
        "headroom of the private stratum (D7; --oracle)": evidence.headroom,
    }
    return tuple(name for name, value in parts.items() if value is None)


def _beats(found: Contrast | None) -> bool:
    return found is not None and _is_better(found.nll)


def _is_better(nll: Estimate) -> bool:
    return nll.high is not None and nll.high < 0 and nll.mean <= -LEAST_NATS


def _said(what: str, found: Contrast | None) -> str:
    if found is None:
        return f"{what}: not measured"
    return f"{what}: {_interval(found.nll)} nats, {_interval(found.exact)} exact match"


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return f"{found.mean:+.3f} (no interval: {found.clusters} repository)"
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
