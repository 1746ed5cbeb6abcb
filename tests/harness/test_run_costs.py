"""What runs cost, in their logs and beside the scores of a report."""

import pytest
from report_cases import make_manifest, scored, training

from harness.costs import Costs, Pace, costs_of, note_costs, read_costs
from harness.report.exports import table_exports
from harness.report.methods import combine_seeds
from harness.report.rendering import to_json, to_markdown
from harness.report.tables import build_report
from harness.report.terminal import to_terminal
from harness.run_store import open_run


def trained(method, rights, *, seed=0, checkpoint="a", costs=None, **changes):
    run = scored(method, rights)
    manifest = run.manifest.model_copy(
        update={
            "training": training(seed=seed, **changes),
            "weights_sha256": checkpoint,
            "settings": run.manifest.settings.model_copy(update={"checkpoint": checkpoint}),
        }
    )
    return type(run)(manifest=manifest, scores=run.scores, costs=costs)


def test_costs_of_several_starts_add_up_and_a_training_is_counted_once(tmp_path):
    manifest = make_manifest("m")
    folder = tmp_path / "run"
    with open_run(folder, manifest) as run:
        run.note("m starts with 0 of 3 tasks answered")
    note_costs(folder, Costs(tasks=2, prompt_tokens=30, adapters=1, adapter_seconds=0.25, training_seconds=7.5))
    note_costs(folder, Costs(tasks=1, prompt_tokens=15, adapters=1, adapter_seconds=0.75, training_seconds=7.5))
    note_costs(folder, Costs(adapters=1))  # all tasks had their answers
    costs, pace = read_costs(folder)
    assert pace is None  # nothing was answered
    assert costs == Costs(tasks=3, prompt_tokens=45, adapters=2, adapter_seconds=1.0, training_seconds=7.5)
    assert (costs.tokens_per_task, costs.milliseconds_per_adapter) == (15.0, 500.0)
    assert (tmp_path / "run" / "run.log").read_text().count(" costs ") == 2


def test_a_log_that_says_nothing_and_a_predictor_that_counts_nothing_have_no_costs(tmp_path):
    assert read_costs(tmp_path) == (None, None)
    (tmp_path / "run.log").write_bytes(b"2026 costs {not json}\n\xff costs {}\n")
    assert read_costs(tmp_path) == (None, None)
    assert costs_of(object()) == Costs()
    assert (Costs().tokens_per_task, Costs().milliseconds_per_adapter) == (None, None)


_START = "2026-01-01T00:00:00.000+00:00 m starts with {} of 100 tasks answered\n"
_DONE = "2026-01-01T00:{}.500+00:00 {} of 100 tasks are answered\n"


def pace_of(folder, log):
    (folder / "run.log").write_text(log)
    return read_costs(folder)[1]


def test_pace_is_counted_from_the_start_to_the_last_answer(tmp_path):
    log = _START.format(0) + _DONE.format("00:08", 64) + _DONE.format("00:12", 100)
    log += "2026-01-01T09:00:00.000+00:00 complete\n2026-01-02T00:00:00.000+00:00 scored again\n"
    assert pace_of(tmp_path, log) == Pace(seconds=12.5, tasks=100)


def test_time_between_two_starts_is_not_counted(tmp_path):
    log = _START.format(0) + _DONE.format("00:08", 64)
    log += "2026-01-02T00:00:00.000+00:00 m starts with 64 of 100 tasks answered\n"
    log += "2026-01-02T00:00:02.000+00:00 100 of 100 tasks are answered\n"
    assert pace_of(tmp_path, log) == Pace(seconds=10.5, tasks=100)


def test_a_log_without_answers_or_times_has_no_pace(tmp_path):
    assert pace_of(tmp_path, "") is None
    assert pace_of(tmp_path, _START.format(0)) is None
    assert pace_of(tmp_path, _DONE.format("00:08", 64) + _DONE.format("00:12", 100)) is None
    odd = "yesterday m starts with 0 of 1 tasks answered\nyesterday 1 of 1 tasks are answered"
    assert pace_of(tmp_path, odd) is None


def test_a_report_has_costs_beside_the_scores():
    counted = Costs(tasks=2, prompt_tokens=30, adapters=2, adapter_seconds=0.025, training_seconds=61.0)
    report = build_report([trained("shared-lora", [True, False], costs=counted), scored("copy-prefix", [True, True])])
    markdown = to_markdown(report)
    assert (
        "| Method | Draws | Target tokens | Steps | Parameters | Training s | Prompt tokens | Adapter ms |" in markdown
    )
    assert "| shared-lora | 44 | 1,234 | 6 | 9,876,543 | 61 | 15 | 12.5 |" in markdown
    assert "\n| copy-prefix | – | – | – | – | – | – | – |" in markdown  # noqa: RUF001
    assert '"trainable_parameters": 9876543' in to_json(report)
    titles = [str(part.title) for part in to_terminal(report).renderables if hasattr(part, "title")]
    assert "Costs" in titles
    (costs,) = (export for export in table_exports(report) if export.name.endswith("-costs"))
    assert ("shared-lora", 44.0, 1234.0, 6.0, 9876543.0, 61.0, 15.0, 12.5) in costs.rows


def test_a_report_of_methods_that_cost_nothing_has_no_such_columns():
    assert "Prompt tokens" not in to_markdown(build_report([scored("copy-prefix", [True])]))


def test_seeds_of_a_training_are_one_method_although_their_checkpoints_have_other_names():
    runs = [trained("shared-lora", [True], seed=seed, checkpoint=f"lora/seed-{seed}") for seed in (1, 0)]
    (method,) = combine_seeds(runs)
    assert [run.manifest.training.seed for run in method.runs] == [0, 1]
    (row,) = build_report(runs).tables[0].rows
    assert row.seeds == (0, 1)


@pytest.mark.parametrize("changes", [{"settings_sha256": "other"}, {"seed": 0}])
def test_other_trainings_and_the_same_seed_twice_stay_apart(changes):
    one = trained("shared-lora", [True], checkpoint="a")
    other = trained("shared-lora", [True], **({"seed": 1, "checkpoint": "b"} | changes))
    assert [len(method.runs) for method in combine_seeds([one, other])] == [1, 1]
