import json
from pathlib import Path

import pytest
from report_cases import graded, make_manifest, scored, spread
from rich.console import Console

from harness.comparison import compare_runs
from harness.errors import RunError
from harness.pairing import Verdict
from harness.report.comparing import comparison_to_terminal
from harness.report.methods import ScoredRun
from harness.report.metrics import METRICS
from harness.report.rendering import comparison_to_json
from repopeftbench.schema import Split, Track


def compared(first, second, metric="em_strict"):
    return compare_runs(("a", first), ("b", second), metric=metric, resamples=200)


def shown(comparison, limit=10):
    with Path("/dev/null").open("w") as file:
        console = Console(width=200, record=True, file=file)
        console.print(comparison_to_terminal(comparison, limit=limit))
        return console.export_text()


def test_flips_are_the_tasks_that_only_one_solved_the_first_ones_first():
    (part,) = compared(scored("m", [True, False, True, True]), scored("m", [True, True, False, False])).parts
    assert (part.tasks, part.first_mean, part.second_mean) == (4, 0.75, 0.5)
    assert [flip.first_value - flip.second_value for flip in part.flips] == [1, 1, -1]
    assert [flip.repo_id for flip in part.flips] == ["r0", "r1", "r1"]
    assert part.flips[0].target == "3"
    assert (part.flips[0].first, part.flips[0].second) == ("3", "4")


def test_runs_are_compared_on_common_tasks_and_the_others_are_counted():
    comparison = compared(scored("m", [True, False, True]), scored("m", [True]))
    assert [(part.tasks, part.first_left_out, part.second_left_out) for part in comparison.parts] == [(1, 2, 0)]
    assert "left out: 2 that only a and 0 that only b answered" in shown(comparison)


def test_turning_the_runs_round_names_the_same_winner():
    strong, weak = spread("strong", [8, 9, 8, 7, 9, 8, 8, 9]), spread("weak", [0] * 8)
    (there,), (back,) = compared(strong, weak).parts, compared(weak, strong).parts
    assert there.pair.verdict is back.pair.verdict is Verdict.BEATS
    assert "a beats b by 41.2 points" in shown(compared(strong, weak))
    assert "b beats a by 41.2 points" in shown(compared(weak, strong))
    assert there.pair.difference.mean == pytest.approx(-back.pair.difference.mean)


def test_parts_are_in_a_fixed_order_and_corrected_together():
    leads = [5] * 8
    runs = [
        ScoredRun(
            manifest=make_manifest(),
            scores=tuple(
                score
                for track, split in ((Track.EVOLUTION, Split.CR_TEST), (Track.STATIC, Split.IR_TEST))
                for score in spread("m", [lead * side for lead in leads], track=track, split=split).scores
            ),
        )
        for side in (1, 0)
    ]
    # Ids are per number: the two parts may share them, since a part is of one track and split.
    parts = compared(*runs).parts
    assert [(part.track, part.split) for part in parts] == [("static", "ir_test"), ("evolution", "cr_test")]
    assert [part.pair.corrected for part in parts] == [2 * part.pair.sign_flip for part in parts]


def test_limit_bounds_the_printed_flips_and_json_has_all():
    comparison = compared(scored("m", [True] * 6), scored("m", [False] * 6))
    assert "4 more tasks flipped" in shown(comparison, limit=2)
    document = json.loads(comparison_to_json(comparison))
    assert len(document["parts"][0]["flips"]) == 6
    assert document["parts"][0]["verdict"] == "too few repositories"
    assert document["parts"][0]["sentence"].startswith("No verdict on a and b")


def test_long_and_multi_line_predictions_are_shown_as_short_lines():
    first = ScoredRun(manifest=make_manifest(), scores=(graded(0, False, prediction="f(\n  [bold]" + "x" * 100 + ")"),))
    text = shown(compared(first, scored("m", [True])))
    assert "f( [bold]xxx" in text
    assert "x…" in text


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_be_compared(metric):
    part = compared(scored("m", [True, False, True]), scored("m", [False, False, True]), metric).parts[0]
    assert part.pair.difference.n == 3
    assert (part.pair.mcnemar is None) == (
        METRICS[metric].points is False and part.first_mean % 1 not in (0, 1 / 3, 2 / 3)
    )


def test_what_cannot_be_compared_is_one_sentence():
    run = scored("m", [True])
    with pytest.raises(RunError, match="Unknown metric 'bleu'"):
        compared(run, run, "bleu")
    with pytest.raises(RunError, match="compare runs on one dataset"):
        compared(run, scored("m", [True], dataset="e"))
    with pytest.raises(RunError, match="answered no common task"):
        compared(run, ScoredRun(manifest=make_manifest(), scores=(graded(9, True),)))
