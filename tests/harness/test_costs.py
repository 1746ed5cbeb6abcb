from harness.report.costs import RunCost, parse_cost, read_cost

_START = "2026-01-01T00:00:00.000+00:00 m starts with {} of 100 tasks answered\n"
_DONE = "2026-01-01T00:{}.500+00:00 {} of 100 tasks are answered\n"


def test_cost_is_counted_from_the_start_to_the_last_answer():
    log = _START.format(0) + _DONE.format("00:08", 64) + _DONE.format("00:12", 100)
    log += "2026-01-01T09:00:00.000+00:00 complete\n2026-01-02T00:00:00.000+00:00 scored again\n"
    assert parse_cost(log) == RunCost(seconds=12.5, tasks=100)
    assert parse_cost(log).seconds_per_task == 0.125


def test_time_between_two_starts_is_no_cost():
    log = _START.format(0) + _DONE.format("00:08", 64)
    log += "2026-01-02T00:00:00.000+00:00 m starts with 64 of 100 tasks answered\n"
    log += "2026-01-02T00:00:02.000+00:00 100 of 100 tasks are answered\n"
    assert parse_cost(log) == RunCost(seconds=10.5, tasks=100)


def test_a_log_that_tells_nothing_is_no_cost(tmp_path):
    assert parse_cost("") is None
    assert parse_cost(_START.format(0)) is None
    assert parse_cost("yesterday m starts with 0 of 1 tasks answered\nyesterday 1 of 1 tasks are answered") is None
    assert read_cost(tmp_path) is None
    (tmp_path / "run.log").write_bytes(b"\xff\n")
    assert read_cost(tmp_path) is None
