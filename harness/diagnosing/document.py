"""A diagnosis as JSON and Markdown. Pure.

`similarity` and `controls` of the JSON are what the HTML report of runs draws.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.diagnosing.contrasts import Contrast
from harness.diagnosing.diagnosis import Diagnosis
from harness.diagnosing.findings import Slice
from harness.diagnosing.inputs import HIGH_COSINE
from harness.stats import Estimate

FORMAT = 1
_DIGITS = 6
_ARMS = ("own", "mean", "other", "shared", "oracle", "shuffled", "shuffled mean", "base")
_NAMES = {
    "own": "own adapter",
    "mean": "mean adapter",
    "other": "another repository's adapter",
    "shared": "shared LoRA",
    "oracle": "per-repository LoRA",
    "shuffled": "trained on shuffled inputs",
    "shuffled mean": "mean of shuffled",
    "base": "no adapter",
}


def to_json(found: Diagnosis) -> str:
    """The whole diagnosis; numbers have six digits behind the point."""
    shape, mean = asdict(found.measured.shape), found.measured.mean
    similarity = {"labels": found.measured.labels, "cosine": shape.pop("cosine")}
    document = {
        "format": FORMAT,
        "method": found.method,
        "verdict": found.judgement.verdict,
        "reasons": found.judgement.reasons,
        "not_measured": found.judgement.missing,
        "remarks": found.remarks,
        "subject_sha256": found.subject_sha256,
        "dataset_sha256": found.dataset_sha256,
        "backbone_sha256": found.backbone_sha256,
        "choice": {**asdict(found.choice), "context_length": found.context_length},
        "strata_from": "truth" if found.known_strata else "rules",
        "similarity": similarity,
        "controls": [
            {"control": _NAMES[arm], "em_strict": share.mean, "low": share.low, "high": share.high}
            for arm, share in _in_order(found.slices[0].exact)
        ],
        "geometry": shape,
        "mean_adapter": {
            "repositories": mean.repositories,
            "of": "training repositories" if mean.trained_on else "measured repositories",
            "rank": mean.reduced.adapter.rank,
            "relative_error": mean.reduced.error,
        },
        "inputs": None if found.inputs is None else asdict(found.inputs),
        "slices": [asdict(one) for one in found.slices],
        "strength": [asdict(point) for point in found.curve],
        "nearest": dict(found.measured.nearest),
        "shared_mismatches": found.mismatches,
        "edits": None if found.edits is None else asdict(found.edits),
        "drift": [asdict(one) for one in found.drift],
    }
    return json.dumps(_rounded(document), indent=2, sort_keys=True) + "\n"


def to_markdown(found: Diagnosis) -> str:
    """The diagnosis for reading."""
    lines = [f"# Diagnosis of {found.method}: {found.judgement.verdict}", ""]
    lines += [f"- {reason}" for reason in found.judgement.reasons]
    if found.judgement.missing:
        lines.append(f"- not measured: {'; '.join(found.judgement.missing)}")
    lines += ["", *found.remarks, ""] if found.remarks else [""]
    choice = found.choice
    lines += [
        f"{len(found.measured.tasks):,} tasks of {len(found.measured.labels)} repositories "
        f"({', '.join(choice.splits)}, {choice.track} track, at most {choice.limit} each, seed {choice.seed}). NLL is "
        "in nats per token of gap, target and end; EM is that greedy decoding begins with the target. Intervals are of "
        "95 % over repositories, 10,000 resamples.",
        "",
        *_geometry(found),
        *_by_stratum(found),
        *_against(found),
        *_others(found.slices),
        *_headroom(found.slices),
        *_strength(found),
        *_inputs(found),
        *_history(found),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _geometry(found: Diagnosis) -> list[str]:
    shape, mean = found.measured.shape, found.measured.mean
    return [
        "## Geometry (D1)",
        "",
        *_table(
            (
                "mean cosine",
                "least cosine",
                "pairs above 0.999",
                "rho",
                "effective rank",
                "mean adapter of",
                "its error",
            ),
            [
                (
                    f"{shape.mean_cosine:.4f}",
                    f"{shape.least_cosine:.4f}",
                    f"{100 * shape.nearly_equal:.1f} %",
                    f"{shape.spread:.4f}",
                    f"{shape.effective_rank:.2f}",
                    f"{mean.repositories} {'training' if mean.trained_on else 'measured'}",
                    f"{mean.reduced.error:.2g}",
                )
            ],
        ),
    ]


def _by_stratum(found: Diagnosis) -> list[str]:
    rows = []
    for one in found.slices:
        for arm, share in _in_order(one.exact):
            cells = (one.name, f"{one.tasks:,}", str(one.repositories), _NAMES[arm], f"{one.nll[arm]:.3f}")
            rows.append((*cells, _interval(share, percent=True)))
    source = "known from the benchmark's truth" if found.known_strata else "told by rules"
    heads = ("stratum", "tasks", "repositories", "adapter", "NLL", "EM %")
    return [f"## Strata (D6), {source}", "", *_table(heads, rows)]


def _against(found: Diagnosis) -> list[str]:
    rows = []
    for one in found.slices:
        for name, difference in one.contrasts.items():
            label = "shuffled: own minus mean" if name == "shuffled" else f"own minus {_NAMES[name]}"
            rows.append((one.name, label, *_cells(difference)))
    heads = ("stratum", "difference", "NLL", "EM points")
    lines = ["## Own against mean, shared and others (D2, D5)", "", *_table(heads, rows)]
    if found.mismatches:
        lines += [f"The shared LoRA is not matched: {'; '.join(found.mismatches)}.", ""]
    return lines


def _others(slices: Sequence[Slice]) -> list[str]:
    rows = [
        (
            one.name,
            f"{one.others.win_rate:.3f}",
            f"{one.others.mean_rank:.2f} (chance {one.others.chance_rank:.2f})",
            f"{one.others.top1:.3f}",
            f"{one.others.p:.4f}",
            "n/a" if one.others.hard_win_rate is None else f"{one.others.hard_win_rate:.3f}",
        )
        for one in slices
        if one.others is not None
    ]
    heads = ("stratum", "win rate", "mean rank", "top 1", "p", "win rate, most similar")
    return ["## Own against every other (D3)", "", *_table(heads, rows)] if rows else []


def _headroom(slices: Sequence[Slice]) -> list[str]:
    rows = []
    for one in slices:
        if one.headroom is not None:
            share = "too little to show conditioning" if one.headroom.share is None else f"{one.headroom.share:.2f}"
            rows.append((one.name, f"{one.headroom.nats:.3f}", share, f"{one.headroom.n:,}"))
    return ["## Headroom (D7)", "", *_table(("stratum", "nats", "share reached", "tasks"), rows)] if rows else []


def _strength(found: Diagnosis) -> list[str]:
    rows = [(f"{point.strength:g}", f"{point.own:.3f}", f"{point.wrong:.3f}") for point in found.curve]
    return ["## Strength of the residual (D4)", "", *_table(("lambda", "own NLL", "another's NLL"), rows)]


def _inputs(found: Diagnosis) -> list[str]:
    if found.inputs is None:
        return []
    rows = [
        (name, f"{one.mean_share:.3f}", f"{one.mean_cosine:.3f}", "high" if one.mean_cosine > HIGH_COSINE else "")
        for name, one in found.inputs.kernels.items()
    ]
    lines = ["## What conditioning is given (D0)", "", *_table(("features", "mean share", "mean cosine", ""), rows)]
    ceiling = found.inputs.ceiling
    if ceiling is None:
        return [*lines, "Too few words are shared by two repositories to ask what the inputs tell.", ""]
    said = f"Kernel ridge reads {ceiling.things} words of targets with R2 {ceiling.r2:.3f}, p {ceiling.p:.3f}"
    blame = "" if ceiling.p < 0.05 else ": the head is not to be blamed for what its input does not show"
    return [*lines, f"{said} ({ceiling.repositories} repositories){blame}.", ""]


def _history(found: Diagnosis) -> list[str]:
    lines = []
    if found.edits is not None:
        lines += [
            "## Edit test (D8)",
            "",
            f"{found.edits.edits} edits moved log p(new) - log p(old) by {_interval(found.edits.shift)} nats; "
            f"{100 * found.edits.followed:.0f} % followed the edit; {found.edits.skipped} tasks had nothing to edit.",
            "",
        ]
    if found.drift:
        rows = [(one.by, one.label, f"{one.nll.n:,}", _interval(one.nll), f"{one.distance:.3f}") for one in found.drift]
        heads = ("by", "", "tasks", "carried minus fresh, NLL", "distance")
        lines += ["## Drift (D9)", "", *_table(heads, rows)]
    return lines


def _cells(found: Contrast) -> tuple[str, str]:
    return _interval(found.nll), _interval(found.exact, percent=True, signed=True)


def _interval(found: Estimate, *, percent: bool = False, signed: bool | None = None) -> str:
    scale, digits = (100, 1) if percent else (1, 3)
    sign = "+" if signed or (signed is None and not percent) else ""
    values = [found.mean, found.low, found.high]
    said = [f"{scale * value + 0.0:{sign}.{digits}f}" for value in values if value is not None]
    return said[0] if len(said) < 3 else f"{said[0]} [{said[1]}, {said[2]}]"


def _in_order(by_arm: Mapping[str, Estimate]) -> list[tuple[str, Estimate]]:
    return [(arm, by_arm[arm]) for arm in _ARMS if arm in by_arm]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0
    if isinstance(value, Mapping):
        return {str(key): _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
