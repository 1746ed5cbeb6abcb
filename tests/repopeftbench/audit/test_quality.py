from dataclasses import replace

import pytest
from planted import STATIC_TRAIN, as_paper, edit_manifest, edit_rows

from repopeftbench.audit.findings import Severity
from repopeftbench.audit.quality import TaskText, broken_rules, properties, quality
from repopeftbench.dataset.store import Dataset
from repopeftbench.mining.keys import statement_key
from repopeftbench.schema import Split, Track

STATEMENT = "assert f(1) == 3, 'why'"
HEALTHY = TaskText(
    statement=STATEMENT,
    statement_key=statement_key(STATEMENT),
    prefix="def test_a():\n    assert f(1) ==",
    gap=" ",
    target="3",
    suffix=", 'why'",
    target_type="number",
)
PUBLISHED = TaskText(
    statement="self.assertEqual(f(1), 2)",
    statement_key="not compared",
    prefix="        self.assertEqual(f(1), ",
    gap="",
    target="2)",
    suffix="",
    target_type="number",
)


def broken(task, *, paper=False, **fields):
    return list(broken_rules(replace(task, **fields), paper=paper))


def statement(text):
    return {"statement": text, "statement_key": statement_key(text)}


def test_nothing_is_said_of_healthy_tasks():
    assert broken(HEALTHY) == []
    assert broken(PUBLISHED, paper=True, prefix="self.assertEqual(f(1),", target=" 2)") == []
    assert broken(PUBLISHED, paper=True) == ["prefix-ends-in-white-space"]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"target": "3 4", **statement("assert f(1) == 3 4, 'why'")}, "target-unparsable"),
        ({"target": "3)", **statement("assert f(1) == 3), 'why'")}, "target-unparsable"),
        ({"target": "", **statement("assert f(1) == , 'why'")}, "target-empty"),
        ({"target": " ", "gap": "", **statement("assert f(1) == , 'why'")}, "target-empty"),
        ({"target_type": "string"}, "target-type-wrong"),
        ({"prefix": "def test_a():\n    assert f(2) =="}, "cut-wrong"),
        ({"suffix": ""}, "cut-wrong"),
        ({"gap": ""}, "cut-wrong"),
        ({"prefix": HEALTHY.prefix + " ", "gap": ""}, "prefix-ends-in-white-space"),
        (
            {"prefix": HEALTHY.prefix + "\n", "gap": "", **statement("assert f(1) ==\n3, 'why'")},
            "prefix-ends-in-white-space",
        ),
        ({"statement_key": "0" * 32}, "statement-key-wrong"),
    ],
)
def test_task_that_breaks_one_rule_is_told_by_its_name(fields, rule):
    # What is wrong with the text of a target is wrong with its statement too.
    assert [name for name in broken(HEALTHY, **fields) if name != "statement-malformed"] == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "assert f(1) == 3, 'why'",
        "self.assertEqual(f(1),\n  3)",
        "assert_raises(\nValueError)",
        "np.testing.assert_equal(\n    a,\n  # why\n 3)",
        "assert " + "(" * 90 + "3" + ")" * 90,
    ],
)
def test_statement_on_its_own_is_python(text):
    assert "statement-malformed" not in broken(HEALTHY, **statement(text))


@pytest.mark.parametrize("text", ["assert_raises(, ValueError)", "m.asser2)", "self{'a': 1})", "assert f(1) == 3)"])
def test_statement_that_lost_a_part_at_the_cut_is_told(text):
    assert "statement-malformed" in broken(HEALTHY, **statement(text))


@pytest.mark.parametrize("target", ["2)", "ValueError, match='bad')", "0.5, rel=1e-3)", "f(x))", "[1, 2]", "not f(0)"])
def test_published_targets_may_close_their_call(target):
    assert "target-unparsable" not in broken(PUBLISHED, paper=True, target=target)


@pytest.mark.parametrize("target", ["2))", "[1, 2", ", 2)", "x y"])
def test_published_targets_are_else_expressions(target):
    assert "target-unparsable" in broken(PUBLISHED, paper=True, target=target)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"target": "3"}, {"target-type number", "target-characters up to 1", "prefix-bytes up to 1,024"}),
        (
            {"target": "()"},
            {"target-type number", "target-characters 2-3", "target-punctuation-only", "prefix-bytes up to 1,024"},
        ),
        (
            {"target": "_" * 81, "prefix": "x" * 1_025},
            {"target-type number", "target-characters from 81", "prefix-bytes 1,025-4,096"},
        ),
        (
            {"target": "a" * 10, "prefix": "é" * 513},
            {"target-type number", "target-characters 4-10", "prefix-bytes 1,025-4,096"},
        ),
        (
            {"target": "a" * 11, "prefix": "x" * 65_537},
            {"target-type number", "target-characters 11-30", "prefix-bytes from 65,537"},
        ),
    ],
)
def test_task_counts_for_one_class_of_each_kind(fields, names):
    assert set(properties(replace(HEALTHY, **fields))) == names


def test_healthy_dataset_has_no_problem_and_its_measures_add_up(whole):
    findings = quality(Dataset(whole))
    assert findings.problems == ()
    tasks = {(t, s): list(Dataset(whole).tasks(t, s)) for t in Track for s in Dataset(whole).splits(t)}
    for kind in ("target-type ", "target-characters ", "prefix-bytes "):
        for (track, split), rows in tasks.items():
            here = [m for m in findings.measures if m.name.startswith(kind) and (m.track, m.split) == (track, split)]
            assert sum(measure.count for measure in here) == len(rows)
    train = [m for m in findings.measures if (m.track, m.split) == (Track.STATIC, Split.IR_TRAIN)]
    numbers = sum(task.target_type == "number" for task in tasks[Track.STATIC, Split.IR_TRAIN])
    assert sum(m.count for m in train if m.name == "target-type number") == numbers > 0


@pytest.mark.parametrize(
    ("fields", "rule", "paper_severity"),
    [
        ({"target": "3 4"}, "target-unparsable", Severity.WARNING),
        ({"target": ""}, "target-empty", Severity.WARNING),
        ({"suffix": "x"}, "cut-wrong", Severity.WARNING),
        ({"statement": "assert_raises(, f)"}, "statement-malformed", Severity.WARNING),
        ({"prefix": "x "}, "prefix-ends-in-white-space", Severity.NOTE),
        ({"target_type": "call"}, "target-type-wrong", None),
        ({"statement_key": "k"}, "statement-key-wrong", None),
    ],
)
def test_broken_rule_is_an_error_in_clean_data_and_never_in_published(data, fields, rule, paper_severity):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(fields))
    (found,) = [problem for problem in quality(Dataset(data)).problems if problem.check == rule]
    assert (found.severity, found.where) == (Severity.ERROR, "static/ir_train")
    assert "1 of" in found.message
    as_paper(data)
    published = [problem.severity for problem in quality(Dataset(data)).problems if problem.check == rule]
    assert published == ([] if paper_severity is None else [paper_severity])


def test_another_python_than_the_one_that_mined_makes_parsing_no_error(data):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(target_type="call"))
    edit_manifest(data, lambda manifest: manifest["versions"].update(python="2.7.18"))
    (found,) = quality(Dataset(data)).problems
    assert (found.severity, "audit with Python 2.7.18" in found.fix) == (Severity.WARNING, True)


def test_message_shows_odd_text_on_one_line(data):
    edit_rows(data, STATIC_TRAIN, lambda row: row.update(target="\x1b[31m\n" + "é" * 99))
    (found,) = [problem for problem in quality(Dataset(data)).problems if problem.check == "target-unparsable"]
    assert r"'\x1b[31m\n\xe9" in found.message
    assert found.message.isascii()
    assert found.message.endswith("...'")
