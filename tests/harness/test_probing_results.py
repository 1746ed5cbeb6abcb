"""Nothing is executed twice; what came of it is kept, counted and reported with one denominator."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from probing_cases import PASSED, make_site, result
from report_cases import graded, make_manifest

from harness.errors import ProbeError
from harness.probing.execution_table import EXECUTIONS, executions_from_parquet, executions_to_parquet
from harness.probing.funnel import count_yields, funnel_grid
from harness.probing.outcomes import all_executions, pass_rate
from harness.probing.records import Execution, Outcome, Reason, Runnability, Stage
from harness.probing.remembering import ExecutionStore, RememberingSandbox
from harness.probing.sites import draw_sites
from harness.report.executions import with_executions
from harness.report.methods import ScoredRun
from harness.report.rendering import to_json, to_markdown
from harness.report.tables import build_report
from repopeftbench.schema import Split, Track
from sandboxes.errors import SandboxUnavailableError
from sandboxes.scripted import ScriptedSandbox
from sandboxes.spec import Environment, ExecRequest, Limits, Patch, Verdict


@pytest.fixture
def request_(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "test_a.py").write_text("x")
    return ExecRequest(source=tmp_path / "tree", source_key="k", test="test_a.py::test_a")


@pytest.fixture
def store(tmp_path):
    with ExecutionStore(tmp_path / "executions.sqlite") as store:
        yield store


def test_same_request_is_executed_once_and_its_result_comes_back_whole(store, request_):
    rich = result(Verdict.FAILED, "no", error="AssertionError: é", output="out")
    sandbox = ScriptedSandbox(lambda request: rich)
    first = RememberingSandbox(sandbox, store, "docker a")
    again = RememberingSandbox(sandbox, store, "docker a")
    assert [first.execute(request_), first.execute(request_), again.execute(request_)] == [rich] * 3
    assert (len(sandbox.requests), len(store)) == (1, 1)
    assert (first.executed, first.remembered, again.executed, again.remembered) == (1, 1, 0, 1)


def test_patch_that_changes_nothing_is_none(store, request_):
    sandbox = ScriptedSandbox(lambda request: PASSED)
    remembering = RememberingSandbox(sandbox, store, "docker a")
    remembering.execute(request_)
    remembering.execute(replace(request_, patch=Patch(path="test_a.py", content=b"x")))
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"source_key": "other"},
        {"test": "test_a.py::test_b"},
        {"patch": Patch(path="test_a.py", content=b"y")},
        {"environment": Environment(key="other")},
        {"limits": Limits(wall_seconds=5.0)},
        {"import_paths": ("src",)},
        {"arguments": ("-v",)},
        {"hash_seed": 1},
        {"backwards": True},
    ],
)
def test_whatever_a_result_depends_on_is_part_of_its_name(store, request_, changes):
    sandbox = RememberingSandbox(ScriptedSandbox(lambda request: PASSED), store, "docker a")
    assert sandbox.key(request_) != sandbox.key(replace(request_, **changes))


@pytest.mark.parametrize(("identity", "runtime"), [("docker b", ""), ("docker a", "runsc")])
def test_other_images_and_runtimes_are_other_executions(store, request_, identity, runtime):
    sandbox = ScriptedSandbox(lambda request: PASSED)
    here = RememberingSandbox(sandbox, store, "docker a")
    assert here.key(request_) != RememberingSandbox(sandbox, store, identity, runtime).key(request_)


def test_what_says_nothing_is_not_remembered(store, request_):
    def answer(request):
        raise SandboxUnavailableError("no engine")

    with pytest.raises(SandboxUnavailableError):
        RememberingSandbox(ScriptedSandbox(answer), store, "docker a").execute(request_)
    assert len(store) == 0


def test_box_that_was_lost_is_tried_again(store, request_):
    answers = iter([result(Verdict.DAMAGED, "the engine went away"), PASSED])
    sandbox = RememberingSandbox(ScriptedSandbox(lambda request: next(answers)), store, "docker a")
    assert [sandbox.execute(request_).verdict for _ in range(3)] == [Verdict.DAMAGED, Verdict.PASSED, Verdict.PASSED]


def test_what_ran_out_of_time_is_known_for_this_start_alone(store, request_):
    answers = iter([result(Verdict.TIMEOUT, "ended after 60.0 s"), PASSED])
    sandbox = ScriptedSandbox(lambda request: next(answers))
    first = RememberingSandbox(sandbox, store, "docker a")
    assert [first.execute(request_).verdict for _ in range(2)] == [Verdict.TIMEOUT] * 2
    again = RememberingSandbox(sandbox, store, "docker a")
    assert [again.execute(request_).verdict for _ in range(2)] == [Verdict.PASSED] * 2
    assert (first.executed, first.remembered, again.executed, again.remembered) == (1, 1, 1, 1)


def test_store_that_can_no_longer_be_read_or_written_is_one_sentence(tmp_path, request_):
    with ExecutionStore(tmp_path / "executions.sqlite") as store:
        store.put("a", PASSED)
        store._database.execute("UPDATE executions SET result = x'00'")
        with pytest.raises(ProbeError, match=r"executions.sqlite is damaged: .*: delete it, or name another --store"):
            store.get("a")
        store._database.execute("PRAGMA query_only = ON")
        with pytest.raises(ProbeError, match=r"executions.sqlite cannot be written"):
            store.put("b", PASSED)


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(
        ProbeError, match=r"executions.sqlite cannot hold executions: File exists: name another --store"
    ):
        ExecutionStore(tmp_path / "file" / "executions.sqlite")


def test_file_that_is_no_store_is_one_sentence(tmp_path):
    (tmp_path / "executions.sqlite").write_text("precious" * 200)
    with pytest.raises(ProbeError, match=r"cannot hold executions: .*: delete it, or name another --store"):
        ExecutionStore(tmp_path / "executions.sqlite")
    assert (tmp_path / "executions.sqlite").read_text() == "precious" * 200


def site(number, repo_id="org/a", track=Track.STATIC):
    return make_site("c" * 40, "1 + 1 == ", "2", "test_right", task_id=f"t{number}", repo_id=repo_id, track=track)


def test_a_larger_limit_keeps_what_a_smaller_one_drew_of_each_repository_and_track():
    sites = [site(n, f"r{n % 2}", track) for track in Track for n in range(20)]
    sites = [replace(one, task_id=f"{one.track}{one.task_id}") for one in sites]
    few, many = draw_sites(sites, 3, 7), draw_sites(sites, 5, 7)
    assert (len(few), len(many), few < many, len(draw_sites(sites, None, 7))) == (12, 20, True, 40)
    assert draw_sites(sites[::-1], 3, 7) == few
    assert draw_sites(sites, 3, 8) != few


def test_funnel_counts_every_task_once():
    reasons = [Reason.RUNNABLE, Reason.FLAKY, Reason.ENV_PYTHON, Reason.NO_CLONE, Reason.VACUOUS, Reason.SKIPPED]
    sites = [site(n, "org/a" if n else "org/b") for n in range(len(reasons))]
    found = {f"t{n}": Runnability(reason=reason) for n, reason in enumerate(reasons)}
    yields = count_yields(sites, found)
    assert [one.repo_id for one in yields] == ["org/a", "org/b", "all"]
    assert list(yields[-1].reached.values()) == [6, 5, 4, 4, 3, 2, 1]
    for one in yields:
        assert one.reached[Stage.TASKS] == one.reached[Stage.RUNNABLE] + sum(one.reasons.values())
    assert funnel_grid(yields).rows[-1][:3] == (
        "static",
        "all",
        "no-clone 1, env-failed: python 1, skipped 1, flaky 1, vacuous 1",
    )


def execution(number, outcome, **changes):
    reason = Reason.RUNNABLE if outcome.counts else Reason.SKIPPED if outcome is Outcome.NOT_RUNNABLE else None
    made = Execution(
        task_id=graded(number, False).task_id,
        repo_id=f"r{number % 2}",
        track=Track.STATIC,
        split=Split.CR_TEST,
        outcome=outcome,
        reason=reason,
    )
    return replace(made, **changes)


def test_executions_come_back_from_parquet_and_only_runnable_tasks_have_a_score():
    rows = tuple(execution(n, outcome) for n, outcome in enumerate(Outcome))
    rows = (replace(rows[0], cheats=("walrus",), detail="é"), *rows[1:])
    data = executions_to_parquet(rows)
    assert executions_from_parquet(data, Path("x")) == rows
    assert executions_to_parquet(rows) == data
    scores = pq.read_table(pa.BufferReader(data)).column("exec_pass").to_pylist()
    assert scores == [outcome is Outcome.PASSED if outcome.counts else None for outcome in Outcome]


def test_table_of_another_schema_is_refused():
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    for data in (sink.getvalue().to_pybytes(), b"precious"):
        with pytest.raises(ProbeError, match=r"x\.parquet .*: probe the run again"):
            executions_from_parquet(data, Path("x.parquet"))
    assert "exec_pass" in EXECUTIONS.names


def test_every_task_has_a_row_and_failures_of_the_machine_stay_in_the_denominator():
    sites = [site(n) for n in range(4)]
    found = {
        "t0": execution(0, Outcome.PASSED, task_id="t0"),
        "t1": execution(1, Outcome.INFRASTRUCTURE, task_id="t1"),
        "t2": execution(2, Outcome.NOT_RUNNABLE, task_id="t2"),
    }
    rows = all_executions(sites, found)
    assert [row.outcome for row in rows][2:] == [Outcome.NOT_RUNNABLE, Outcome.NOT_DRAWN]
    counts = {outcome: sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    assert pass_rate(counts) == 0.5
    assert pass_rate({Outcome.NOT_RUNNABLE: 3}) is None


def probed_run(method, outcomes, matches, dataset="d"):
    scores = tuple(graded(number, right) for number, right in enumerate(matches))
    rows = tuple(execution(number, outcome) for number, outcome in enumerate(outcomes))
    return ScoredRun(manifest=make_manifest(method, dataset=dataset), scores=scores, executions=rows)


P, F, N = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_RUNNABLE


def reported(*runs):
    return with_executions(build_report(runs, resamples=50), runs)


def test_report_lists_passes_without_a_match_and_matches_without_a_pass():
    run = probed_run("a", [P, P, F, Outcome.CHEATED, N, N], [True, False, True, False, True, False])
    report = reported(run)
    (table,) = report.executions
    (row,) = table.rows
    assert (table.executed, table.tasks, table.repositories) == (6, 4, 2)
    assert (row.exec_pass.mean, row.em_strict.mean) == (0.5, 0.5)
    assert [one.task_id for one in row.passes_without_match] == [graded(1, False).task_id]
    assert [one.task_id for one in row.matches_without_pass] == [graded(2, False).task_id]
    assert row.outcomes[Outcome.CHEATED] == 1
    document = json.loads(to_json(report))
    assert document["executions"][0]["rows"][0]["matches_without_pass"][0]["outcome"] == "failed"
    text = to_markdown(report)
    assert "4 runnable of 6 executed tasks, of 2 repositories." in text
    assert "### a passes without a match" in text and "### a matches without a pass" in text


def test_probed_methods_share_one_denominator_and_others_are_named():
    one = probed_run("a", [P, P, Outcome.NOT_DRAWN, P], [True] * 4)
    two = probed_run("b", [P, F, F, N], [False] * 4)
    three = replace(probed_run("c", [], [False] * 4), executions=None)
    report = reported(one, two, three)
    (table,) = report.executions
    assert (table.executed, table.tasks) == (3, 2)
    assert [(row.method, row.exec_pass.mean) for row in table.rows] == [("a", 1.0), ("b", 0.5)]
    assert [(pair.first, pair.second) for pair in table.pairs] == [("a", "b")]
    assert "Not executed, and so without Exec: c (repobench probe RUN)." in report.notes


def test_report_of_runs_that_were_never_probed_stays_as_it_was():
    run = replace(probed_run("a", [], [True, False]), executions=None)
    assert reported(run) == build_report([run], resamples=50)
