import pytest
from leakage_cases import changed, counts, edit_row, found

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.repetition import IN_TRAIN, UNCHANGED, statements_in_train, unchanged_statements
from repopeftbench.schema import Split, Track

IR_TEST = "tasks/evolution/ir_test.parquet"


def keys(dataset, track, split):
    return [task.statement_key for task in dataset.tasks(track, split)]


def test_healthy_dataset_repeats_no_statement(healthy):
    findings = statements_in_train(healthy)
    assert findings.problems == ()
    assert counts(findings, IN_TRAIN) == (0, 8)
    assert unchanged_statements(healthy).measures == ()


@pytest.mark.parametrize("track", list(Track))
def test_statement_of_train_of_either_track_is_found_in_test(healthy, tmp_path, track):
    old = keys(healthy, track, Split.IR_TRAIN)[0]
    dataset = changed(healthy, tmp_path / "data", {IR_TEST: edit_row(0, statement_key=old)})
    findings = statements_in_train(dataset)
    (problem,) = found(findings, IN_TRAIN, Severity.ERROR)
    assert problem.where == "evolution/ir_test"
    assert problem.message.startswith("1 of 2 (50.0 %) tasks")
    assert counts(findings, IN_TRAIN) == (1, 8)


def test_in_the_paper_protocol_it_is_a_warning(healthy, tmp_path):
    old = keys(healthy, Track.EVOLUTION, Split.IR_TRAIN)[0]
    change = {IR_TEST: edit_row(0, statement_key=old)}
    dataset = changed(healthy, tmp_path / "data", change, protocol="paper")
    assert [problem.severity for problem in statements_in_train(dataset).problems] == [Severity.WARNING]


def reject_of(task, **values):
    names = ("repo_id", "track", "commit_sha", "history_index", "test_file", "test_function", "lineno", "family")
    row = {name: getattr(task, name) for name in (*names, "statement", "statement_key")}
    return row | {"reason": "cap-file"} | values


@pytest.mark.parametrize("track", list(Track))
def test_statement_that_a_cap_left_out_of_train_counts(healthy, tmp_path, track):
    tested = next(healthy.tasks(Track.EVOLUTION, Split.IR_TEST))
    trained = next(healthy.tasks(track, Split.IR_TRAIN))
    reject = reject_of(trained, statement_key=tested.statement_key)
    dataset = changed(healthy, tmp_path / "data", {"rejects.parquet": lambda rows: [*rows, reject]})
    assert counts(statements_in_train(dataset), IN_TRAIN) == (2, 8)  # on both tracks


@pytest.mark.parametrize("track", list(Track))
def test_reject_of_a_held_out_part_is_not_in_train(healthy, tmp_path, track):
    tested = next(healthy.tasks(Track.EVOLUTION, Split.IR_TEST))
    held_out = next(healthy.tasks(track, Split.IR_VAL))
    reject = reject_of(held_out, statement_key=tested.statement_key)
    dataset = changed(healthy, tmp_path / "data", {"rejects.parquet": lambda rows: [*rows, reject]})
    assert counts(statements_in_train(dataset), IN_TRAIN)[0] == 0


def test_held_out_file_whose_tasks_all_left_it_is_not_taken_for_train(healthy, tmp_path):
    tested = next(healthy.tasks(Track.STATIC, Split.IR_TEST))
    rejects = [
        reject_of(tested, test_file="tests/test_gone.py", statement_key="0" * 32, reason="in-train"),
        reject_of(tested, test_file="tests/test_gone.py", reason="no-expected-value"),
    ]
    dataset = changed(healthy, tmp_path / "data", {"rejects.parquet": lambda rows: [*rows, *rejects]})
    assert statements_in_train(dataset).problems == ()


def later(task, **values):
    return {**task, "commit_index": 99, "history_index": 99, **values}


def test_paper_protocol_says_how_much_is_unchanged_since_an_earlier_commit(healthy, tmp_path):
    def again(rows):
        return [*rows, later(rows[0]), later(rows[1], test_function="test_other")]

    dataset = changed(healthy, tmp_path / "data", {IR_TEST: again}, protocol="paper")
    findings = unchanged_statements(dataset)
    assert counts(findings, UNCHANGED) == (1, 22)
    (problem,) = found(findings, UNCHANGED, Severity.WARNING)
    assert problem.message.startswith("1 of 4 (25.0 %) tasks")


def test_statement_that_a_cap_left_out_at_an_earlier_commit_is_unchanged_too(healthy, tmp_path):
    task = next(healthy.tasks(Track.EVOLUTION, Split.IR_TEST))
    rejects = [reject_of(task, history_index=0), reject_of(task, history_index=0, statement_key=None, lineno=None)]
    changes = {"rejects.parquet": lambda rows: [*rows, *rejects]}
    dataset = changed(healthy, tmp_path / "data", changes, protocol="paper")
    assert counts(unchanged_statements(dataset), UNCHANGED) == (1, 20)
