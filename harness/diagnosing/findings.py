"""From measurements to findings: contrasts by stratum, controls, curves, and the evidence for the verdict. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from code2lora.adapters import Adapter
from code2lora.training.record import TrainingRecord
from harness.diagnosing.contrasts import (
    Contrast,
    Headroom,
    Likelihoods,
    OwnAgainstOthers,
    PlacedTask,
    contrast,
    exact_share,
    headroom,
    mean_nll,
    own_against_others,
)
from harness.diagnosing.measuring import Measured
from harness.diagnosing.strata import Stratum
from harness.diagnosing.verdict import Evidence
from harness.stats import Estimate

ALL = "all"
_MATCHED_TERMS = ("context_length", "loss", "draws", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """All tasks, or those of one stratum.

    Attributes:
        name: `all`, or the stratum.
        tasks: How many.
        repositories: Of how many repositories.
        nll: Mean negative log likelihood by arm, nats per token.
        exact: Exact match by arm.
        contrasts: Own minus `mean`, `shared`, `base`, `other`; also `shuffled`: own minus mean of that network.
        others: D3.
        headroom: D7.
    """

    name: str
    tasks: int
    repositories: int
    nll: Mapping[str, float]
    exact: Mapping[str, Estimate]
    contrasts: Mapping[str, Contrast]
    others: OwnAgainstOthers | None
    headroom: Headroom | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """D4: mean NLL at `mean + strength * (adapter - mean)`, of the own adapter and of another repository's."""

    strength: float
    own: float
    wrong: float


def slices(measured: Measured, *, seed: int) -> tuple[Slice, ...]:
    """All tasks, then every stratum that has any."""
    by_name: dict[str, list[PlacedTask]] = {ALL: list(measured.tasks)}
    for stratum in Stratum:
        chosen = [task for task in measured.tasks if task.stratum == stratum]
        if chosen:
            by_name[str(stratum)] = chosen
    return tuple(_slice(name, tasks, measured, seed) for name, tasks in by_name.items())


def curve(measured: Measured) -> tuple[CurvePoint, ...]:
    """D4 on all tasks. Flat and equal is dead; a best strength below 1 is over-confident, above it under-amplified."""
    points = []
    for strength, (own, wrong) in sorted(measured.strengths.items()):
        own_nll, wrong_nll = mean_nll(measured.tasks, own), mean_nll(measured.tasks, wrong)
        assert own_nll is not None and wrong_nll is not None
        points.append(CurvePoint(strength=strength, own=own_nll, wrong=wrong_nll))
    return tuple(points)


def evidence(measured: Measured, found: tuple[Slice, ...], mismatches: tuple[str, ...]) -> Evidence:
    """What the ladder looks at."""
    everything = found[0]
    private = next((one for one in found if one.name == Stratum.PRIVATE), None)
    shuffled = everything.contrasts.get("shuffled")
    room = None if private is None or private.headroom is None else private.headroom.nats
    return Evidence(
        mean_cosine=measured.shape.mean_cosine,
        spread=measured.shape.spread,
        against_mean=everything.contrasts.get("mean"),
        private_against_mean=None if private is None else private.contrasts.get("mean"),
        against_shared=everything.contrasts.get("shared"),
        private_against_shared=None if private is None else private.contrasts.get("shared"),
        mismatches=mismatches,
        others=None if private is None else private.others,
        shuffled_against_mean=None if shuffled is None else shuffled.nll,
        headroom=room,
    )


def shared_mismatches(
    own: Adapter, record: TrainingRecord | None, shared: Adapter, shared_record: TrainingRecord | None
) -> tuple[str, ...]:
    """D2b: in what a shared LoRA differs from the head that it is to be compared with; empty where it is matched.

    The rank of adapters may differ where the generated part's was added to a shared one's: then it is named, too.

    Args:
        own: One of the head's adapters.
        record: How the head was trained.
        shared: The shared LoRA.
        shared_record: How it was trained.
    """
    found = []
    if own.rank != shared.rank:
        found.append(f"rank {shared.rank}, not {own.rank}")
    if _pairs_of_layers(own) != _pairs_of_layers(shared):
        found.append(f"factors of {_pairs_of_layers(shared)} layers of their own, not {_pairs_of_layers(own)}")
    if set(own.types) != set(shared.types):
        found.append(f"modules {', '.join(shared.types)}, not {', '.join(own.types)}")
    if record is None or shared_record is None:
        whose = "the head" if record is None else "the shared LoRA"
        return (*found, f"how {whose} was trained is not recorded (format, mask, end of text, length, tokens)")
    for name in _MATCHED_TERMS:
        mine, theirs = record.settings.terms.get(name), shared_record.settings.terms.get(name)
        if mine != theirs:
            found.append(f"{name} {theirs}, not {mine}")
    for name in ("dataset_sha256", "backbone_sha256"):
        mine, theirs = getattr(record.settings, name), getattr(shared_record.settings, name)
        if mine != theirs:
            found.append(f"{name.removesuffix('_sha256')} {theirs[:12]}, not {mine[:12]}")
    if record.target_tokens != shared_record.target_tokens:
        found.append(f"{shared_record.target_tokens:,} target tokens, not {record.target_tokens:,}")
    return tuple(found)


def _pairs_of_layers(adapter: Adapter) -> int:
    """Layers with factors of their own; 1 also where every layer was written the same."""
    same = all(
        bool((factor == factor[:, :1]).all())
        for pair in adapter.factors.values()
        for factor in (pair.A_BLRI, pair.B_BLOR)
    )
    return 1 if same else adapter.layers


def _slice(name: str, tasks: list[PlacedTask], measured: Measured, seed: int) -> Slice:
    arms, own = measured.arms, measured.arms["own"]
    pairs: dict[str, tuple[Likelihoods, Likelihoods]] = {
        arm: (own, arms[arm]) for arm in ("mean", "shared", "base") if arm in arms
    }
    pairs["other"] = (own, measured.strengths[1.0][1])
    if "shuffled" in arms:
        pairs["shuffled"] = (arms["shuffled"], arms["shuffled mean"])
    contrasts = {pair: contrast(tasks, one, two, seed=seed) for pair, (one, two) in pairs.items()}
    everything = {**arms, "other": measured.strengths[1.0][1]}
    losses = {arm: mean_nll(tasks, found) for arm, found in everything.items()}
    shares = {arm: exact_share(tasks, found, seed=seed) for arm, found in everything.items()}
    return Slice(
        name=name,
        tasks=len(tasks),
        repositories=len({task.repo_id for task in tasks}),
        nll={arm: value for arm, value in losses.items() if value is not None},
        exact={arm: value for arm, value in shares.items() if value is not None},
        contrasts={pair: value for pair, value in contrasts.items() if value is not None},
        others=own_against_others(tasks, own, measured.others, measured.nearest, seed=seed),
        headroom=headroom(tasks, own, arms["shared"], arms["oracle"]) if {"shared", "oracle"} <= set(arms) else None,
    )
