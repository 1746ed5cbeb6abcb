"""What a prefix holds and what it must not, on one test file whose every block carries a word of its own."""

import pytest

from oracle.comparison import load
from oracle.conftest import mine_into
from oracle.prefix_checks import check_prefixes
from oracle.prefixes import HOLDS, LACKS, TEST_FILE
from oracle.scripted import BUILDERS

TRACKS = ("static", "evolution")


def tasks_of(mined, target, track=None):
    found = [row for row in mined["prefixes"].tasks if row["target"] == target and track in (None, row["track"])]
    assert found or track == "evolution", f"{target} is no task"  # the caps leave only some of them
    return found


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("target", sorted(HOLDS))
def test_prefix_holds_its_blocks_in_order(scripted, target, track):
    for row in tasks_of(scripted.mined, target, track):
        for words in HOLDS[target]:
            places = [row["prefix"].find(word) for word in words]
            assert -1 not in places, (words, places, row["prefix"])
            assert places == sorted(places), (words, places, row["prefix"])


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("target", sorted(LACKS))
def test_prefix_lacks_other_tests_and_what_comes_after(scripted, target, track):
    for row in tasks_of(scripted.mined, target, track):
        assert [word for word in LACKS[target] if word in row["prefix"]] == []


def test_both_tracks_have_the_same_prefix(scripted):
    static = {row["statement"]: row["prefix"] for row in scripted.mined["prefixes"].tasks if row["track"] == "static"}
    both = [row for row in scripted.mined["prefixes"].tasks if row["track"] == "evolution"]
    assert both
    assert all(static[row["statement"]] == row["prefix"] for row in both if row["statement"] in static)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_prefixes_are_made_of_the_file_and_show_no_other_test(scripted, name):
    problems = check_prefixes(scripted.git(name), scripted.mined[name])
    assert not problems, "\n".join(problems)


def test_small_budget_takes_helpers_away_and_never_the_test_function(scripted, tmp_path):
    folder = scripted.scripts["prefixes"].folder
    target = '"SECOND_TARGET"'
    start = TEST_FILE.index("    @pytest.mark.parametrize")
    function = TEST_FILE[start : TEST_FILE.index(" " + target)]
    for budget in (1, 700):
        data = tmp_path / str(budget)
        options = ("--prefix-bytes", str(budget), "--workers", "1")
        assert mine_into(folder, data, tmp_path / "cache", *options) == 0
        mined = {"prefixes": next(iter(load(data).values()))}
        for row in tasks_of(mined, target, "static"):
            assert row["prefix"].endswith(function)
            if budget == 1:
                assert not [word for word in ("HELPER_ABOVE", "HELPER_BELOW", "SET_UP") if word in row["prefix"]]
            else:
                assert len(row["prefix"].encode()) <= budget
                for block in ("HELPER_ABOVE", "FIXTURE_ABOVE", "SET_UP", "HELPER_BELOW"):
                    header = {"SET_UP": "def setUp"}.get(block, f"def {block.lower()}")
                    assert (block in row["prefix"]) == (header in row["prefix"])
