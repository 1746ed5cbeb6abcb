"""Progress: bars where someone watches, else a line now and then and a sum; nothing where work is short."""

import json

import pytest

from harness.console import SECONDS_BETWEEN_LINES, Tracker, print_document, record, session, show


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def track(clock, updates, unit="commits"):
    with Tracker(unit, clock) as tracker:
        for seconds, *arguments in updates:
            clock.now = seconds
            tracker.update(*arguments)


def test_short_work_leaves_no_line(capsys):
    track(Clock(), [(0, "a", 0, 10), (1, "a", 5, 10), (2, "a", 10, 10)])
    assert capsys.readouterr().err == ""


def test_long_work_has_items_rate_time_left_and_what_is_worked_on_and_a_sum(capsys):
    updates = [(0, "pallets/click", 0, 1000), (20, "pallets/click", 200, 1000), (40, "pallets/click", 1000, 1000)]
    track(Clock(), updates)
    assert capsys.readouterr().err.splitlines() == [
        "pallets/click: 200 of 1,000 commits, 10/s, 80 s left",
        "pallets/click: 1,000 of 1,000 commits, 25/s",
        "1,000 commits (25/s) in 40 s",
    ]


def test_lines_keep_their_distance(capsys):
    track(Clock(), [(0.1 * index, "a", index, 1000) for index in range(1001)])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) - 1 == int(100 / SECONDS_BETWEEN_LINES)


def test_what_an_earlier_start_did_is_not_in_the_rate(capsys):
    track(Clock(), [(0, "run", 900, 1000), (20, "run", 920, 1000)], "tasks")
    assert capsys.readouterr().err.splitlines() == [
        "run: 920 of 1,000 tasks, 1/s, 80 s left",
        "20 tasks (1/s) in 20 s",
    ]


def test_units_are_summed_apart(capsys):
    with Tracker("steps", clock := Clock()) as tracker:
        tracker.update("vectors", 0, 50, unit="vectors")
        clock.now = 20
        tracker.update("vectors", 50, 50, unit="vectors")
        tracker.update("fft", 0, 10)
        clock.now = 40
        tracker.update("fft", 10, 10)
    assert capsys.readouterr().err.splitlines()[-1] == "50 vectors (2.5/s), 10 steps (0.5/s) in 40 s"


def test_time_in_which_nothing_was_left_to_do_is_in_no_rate(capsys):
    with Tracker("tasks", clock := Clock()) as tracker:
        tracker.encoding("o/r", 0, 100)
        clock.now = 10
        tracker.encoding("o/r", 100, 100)
        clock.now = 110
        tracker.encoding("o/r", 100, 120)
        clock.now = 111
        tracker.encoding("o/r", 110, 120)
    assert capsys.readouterr().err.splitlines() == [
        "encoding o/r: 100 of 100 texts, 10/s",
        "encoding o/r: 100 of 120 texts, 10/s, 2 s left",
        "110 texts (10/s) in 2 min",
    ]


def test_bars_of_another_unit_are_no_others(capsys):
    with Tracker("tasks", clock := Clock()) as tracker:
        tracker.encoding("o/r", 0, 1)
        clock.now = 20
        tracker.update("run", 1, 10)
    assert capsys.readouterr().err.splitlines()[0] == "run: 1 of 10 tasks"


def test_failed_work_has_no_sum(capsys):
    clock = Clock()
    with pytest.raises(KeyError), Tracker("tasks", clock) as tracker:
        tracker.update("a", 0, 10)
        clock.now = 20
        tracker.update("a", 1, 10)
        raise KeyError
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_quiet_shows_no_progress(capsys):
    with session(quiet=True):
        track(Clock(), [(0, "a", 0, 10), (100, "a", 10, 10)])
    assert capsys.readouterr().err == ""


def test_results_for_people_leave_stdout_to_the_document(capsys):
    with session(as_json=True) as document:
        show("a table [bold]")
        record(tasks=3, by={1: "a\tb"})
        print_document(document)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"tasks": 3, "by": {"1": "a\tb"}}
    assert captured.err == "a table [bold]\n"
