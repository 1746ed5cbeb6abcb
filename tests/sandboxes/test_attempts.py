"""How an environment is asked for, of which day its packages are, and which trees share it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sandboxes.attempts import as_of, attempts, key_of
from sandboxes.requirements.asked import Asked, Guess
from sandboxes.requirements.own import OwnPackage

FLOOR = date(2023, 4, 1)
ASKED = Asked(runtime=("a>=1",), tests=("b==2", "pytest"), guesses=(), python=(">=3.8",), own=OwnPackage())


def test_attempts_become_laxer():
    tries = attempts(ASKED)
    assert [attempt.requirements for attempt in tries] == [
        ("a>=1", "b==2", "pytest"),
        ("a>=1", "b", "pytest"),
        ("a", "b", "pytest"),
        ("a", "pytest"),
    ]
    assert [attempt.optional for attempt in tries] == [(), (), (), ("b",)]
    assert len({attempt.name for attempt in tries}) == 4


def test_attempts_that_would_be_the_same_are_made_once():
    assert len(attempts(replace(ASKED, runtime=(), tests=("pytest",)))) == 1


@pytest.mark.parametrize(
    ("committed", "day"),
    [
        (date(2024, 1, 1), "2024-04-01"),
        (date(2024, 3, 31), "2024-04-01"),
        (date(2024, 4, 1), "2024-07-01"),
        (date(2024, 9, 30), "2024-10-01"),
        (date(2024, 10, 1), "2025-01-01"),
        (date(2024, 12, 31), "2025-01-01"),
        (date(2012, 5, 5), "2023-04-01"),
        (None, ""),
    ],
)
def test_packages_are_of_the_quarters_end_and_never_older_than_the_floor(committed, day):
    assert as_of(committed, FLOOR) == day


def test_a_year_has_four_days_and_none_is_before_its_commit():
    year = [date(2024, 1, 1) + timedelta(days=number) for number in range(366)]
    assert len({as_of(day, FLOOR) for day in year}) == 4
    assert all(as_of(day, FLOOR) > day.isoformat() for day in year)


def test_trees_that_ask_for_the_same_share_a_key_whatever_their_own_package_is():
    other = replace(ASKED, own=OwnPackage(name="x", version="2", import_paths=("src",)), python=())
    assert key_of(ASKED, "2024-04-01", ("image", "uv")) == key_of(other, "2024-04-01", ("image", "uv"))


@pytest.mark.parametrize(
    ("asked", "day", "tools"),
    [
        (replace(ASKED, runtime=("a>=2",)), "2024-04-01", ("image", "uv")),
        (replace(ASKED, tests=("pytest",)), "2024-04-01", ("image", "uv")),
        (replace(ASKED, guesses=(Guess(requirement="c"),)), "2024-04-01", ("image", "uv")),
        (ASKED, "2024-07-01", ("image", "uv")),
        (ASKED, "2024-04-01", ("other image", "uv")),
        (ASKED, "2024-04-01", ("image", "other uv")),
    ],
)
def test_whatever_changes_what_is_installed_changes_the_key(asked, day, tools):
    assert key_of(asked, day, tools) != key_of(ASKED, "2024-04-01", ("image", "uv"))
