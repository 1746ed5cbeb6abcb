"""The published filters: each rule on its own, what a row may look like, and that no row is lost."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.candidate_rows import Candidate, RejectedCandidate, read_candidates
from repopeftbench.candidates import Profile, published_thresholds, select_candidates
from repopeftbench.sources import repository_list
from repopeftbench.tombstones import Tombstone

CUTOFF = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
KNOWN = published_thresholds(Profile.IN_DISTRIBUTION, CUTOFF)
LATER = published_thresholds(Profile.OOD, CUTOFF)
ROW = {
    "id": 1,
    "full_name": "owner/name",
    "html_url": "https://github.com/owner/name",
    "stargazers_count": 300,
    "size": 4_000,
    "license": {"key": "mit", "spdx_id": "MIT"},
    "created_at": "2020-01-01T00:00:00Z",
    "pushed_at": "2025-06-01T00:00:00Z",
    "fork": False,
    "archived": False,
}
LATER_ROW = ROW | {"created_at": "2025-04-01T00:00:00Z", "stargazers_count": 6}


def read(*rows):
    return list(read_candidates((row if isinstance(row, bytes) else json.dumps(row).encode()) for row in rows))


def select(*rows, thresholds=KNOWN, **more):
    return select_candidates(read(*rows), thresholds, **more)


def outcome(row, thresholds=KNOWN, **more):
    """The reason a lone row is dropped for, None where it is kept."""
    selection = select(row, thresholds=thresholds, **more)
    assert selection.ledger.balanced
    return selection.rejected[0].reason if selection.rejected else None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"license": "mit"}, None),
        ({"license": "Apache-2.0"}, "licence"),
        ({"license": None}, "licence"),
        ({"license": {"spdx_id": "NOASSERTION"}}, "licence"),
        ({"stargazers_count": 299}, "stars"),
        ({"size": 1}, None),
        ({"pushed_at": "2022-12-31T23:59:59Z"}, "inactive"),
        ({"pushed_at": "2023-01-01"}, None),
        ({"created_at": "2025-03-31T23:59:59Z"}, None),
        ({"created_at": "2025-04-01T00:00:00Z"}, "begins-after-cutoff"),
        ({"created_at": "2025-04-01T01:00:00+02:00"}, None),
        ({"fork": True}, "fork"),
        ({"archived": True}, None),
    ],
)
def test_rules_of_the_paper_for_known_repositories(change, reason):
    assert outcome(ROW | change) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"license": "apache-2.0"}, None),
        ({"license": "GPL-3.0"}, "licence"),
        ({"stargazers_count": 5}, "stars"),
        ({"size": 99}, "size"),
        ({"size": 204_801}, "size"),
        ({"size": None}, "size"),
        ({"pushed_at": "2024-12-31"}, "inactive"),
        ({"created_at": "2025-03-31T23:59:59Z"}, "begins-before-cutoff"),
        ({"archived": True}, "archived"),
        ({"fork": True}, "fork"),
    ],
)
def test_rules_for_repositories_that_came_later(change, reason):
    assert outcome(LATER_ROW | change, LATER) == reason


def test_age_counts_only_where_there_is_a_cutoff():
    young = ROW | {"created_at": "2026-01-01"}
    assert outcome(young, published_thresholds(Profile.IN_DISTRIBUTION, None)) is None
    assert outcome(LATER_ROW | {"created_at": "2011-01-01"}, published_thresholds(Profile.OOD, None)) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"full_name": "Base/Line"}, "in-baseline"),
        ({"fork": True, "parent": {"full_name": "base/line"}}, "fork-of-baseline"),
        ({"source": "Base/Line", "parent": "some/one"}, "fork-of-baseline"),
        ({"source_full_name": "base/line"}, "fork-of-baseline"),
        ({"parent": {"full_name": "some/one"}}, None),
    ],
)
def test_baseline_and_what_comes_from_it_are_dropped(change, reason):
    assert outcome(ROW | change, baseline=frozenset({"base/line"})) == reason


def test_copy_of_a_selected_repository_is_dropped_wherever_its_row_stands():
    copy = ROW | {"id": 2, "full_name": "a/copy", "parent": "owner/name"}
    of_copy = ROW | {"id": 3, "full_name": "b/copy", "parent": "a/copy"}
    selection = select(of_copy, copy, ROW)
    assert [candidate.full_name for candidate in selection.kept] == ["owner/name"]
    assert [row.reason for row in selection.rejected] == ["fork-of-selected"] * 2
    lone = select(copy, ROW | {"stargazers_count": 1})
    assert [candidate.full_name for candidate in lone.kept] == ["a/copy"]


def test_second_row_of_a_repository_is_dropped_also_under_another_name():
    rows = (ROW, ROW | {"full_name": "OWNER/Name", "id": None}, ROW | {"full_name": "owner/before"})
    selection = select(*rows)
    assert [(row.line, row.reason) for row in selection.rejected] == [(2, "duplicate"), (3, "renamed")]
    assert "line 1" in selection.rejected[0].detail
    assert "owner/name" in selection.rejected[1].detail


def test_what_was_taken_down_is_dropped_with_its_reason():
    tombstone = Tombstone(source="owner/name", date=dt.date(2026, 1, 31), reason="asked for")
    [row] = select(ROW, tombstones=[tombstone]).rejected
    assert (row.reason, row.detail) == ("taken-down", "taken down on 2026-01-31: asked for")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"{", "the row is no JSON"),
        (b"\xff{}", "the row is no JSON"),
        ([1], "the row is no JSON object, but list"),
        ({"stars": 1}, "full_name is missing"),
        (ROW | {"full_name": "name"}, "full_name 'name' is no owner/name"),
        (ROW | {"full_name": 3}, "full_name 3 is no str"),
        (ROW | {"stargazers_count": None}, "stars or stargazers_count is missing"),
        (ROW | {"stargazers_count": True}, "stargazers_count True is no int"),
        (ROW | {"created_at": "long ago"}, "created_at 'long ago' is no ISO 8601 date"),
        (ROW | {"pushed_at": None}, "pushed_at is missing"),
        (ROW | {"fork": "no"}, "fork 'no' is no bool"),
        (ROW | {"html_url": "ext::sh -c id"}, "is no URL"),
        (ROW | {"html_url": "http://host.org/a/b"}, "unknown scheme 'http'"),
        (ROW | {"html_url": "https://host.org/a\n../b"}, "space or control character"),
    ],
)
def test_row_that_cannot_be_used_is_named_with_its_line(row, message):
    good, bad = read(ROW, row)
    assert isinstance(good, Candidate)
    assert isinstance(bad, RejectedCandidate)
    assert (bad.line, bad.reason) == (2, "bad-row")
    assert message in bad.detail


def test_blank_lines_are_no_rows():
    assert [row.line for row in read(b"", ROW, b"  \r")] == [2]


def test_depth_of_a_row_does_not_end_the_whole():
    assert read(b"[" * 200_000, ROW)[1].full_name == "owner/name"


def test_repository_beyond_github_keeps_its_address_and_mine_takes_it():
    [row] = read(ROW | {"html_url": "https://host.org/group/sub/name"})
    [source] = repository_list(row.source.text).sources
    assert source.url == row.source.url == "https://host.org/group/sub/name"
    [row] = read(ROW)
    assert (row.source.text, row.source.url) == ("owner/name", repository_list("owner/name").sources[0].url)


@given(
    rows=st.lists(
        st.one_of(
            st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
            st.fixed_dictionaries(
                {
                    "full_name": st.sampled_from(["a/a", "A/a", "b/b", "c/c"]),
                    "stargazers_count": st.sampled_from([1, 500]),
                    "fork": st.booleans(),
                    "parent": st.sampled_from([None, "a/a", "b/b", "z/z"]),
                    "id": st.sampled_from([None, 1, 2]),
                }
            ).map(lambda row: json.dumps(ROW | row).encode()),
        ),
        max_size=8,
    )
)
def test_every_row_is_kept_or_dropped_once_and_kept_ones_are_apart(rows):
    found = list(read_candidates(rows))
    selection = select_candidates(found, KNOWN)
    assert selection.ledger.balanced
    lines = [row.line for row in (*selection.kept, *selection.rejected)]
    assert sorted(lines) == [number for number, row in enumerate(rows, start=1) if row.strip()]
    names = [candidate.key for candidate in selection.kept]
    assert names == sorted(set(names))
    assert not any(name in names for candidate in selection.kept for name in candidate.upstream)
