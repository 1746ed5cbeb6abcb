"""The published walk over scripted histories: what is kept, what is new, and in which order."""

import subprocess

import pytest

from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper.compare import compare
from repopeftbench.paper.diffs import production_diff
from repopeftbench.paper.evolution import MISSING, UNPARSABLE, EvolutionWalk
from repopeftbench.paper.static import separated_texts

TEST = "def test_a():\n    assert f(1) == 2\n\n\ndef test_b():\n    assert f(2) == 3\n"
LONG = "".join(f"def helper_{n}():\n    return {n}\n\n\n" for n in range(20))


def walked(folder, *, content_rule=True):
    repository = GitRepository(folder)
    history = repository.history(repository.resolve(None))
    files = frozenset(separated_texts(repository, history[-1].sha)) if content_rule else frozenset()
    walk = EvolutionWalk(repository, files)
    kept = list(walk.kept(history))
    places = {commit.sha: place for place, commit in enumerate(history)}
    rows = [
        (places[commit.sha], file.path, row.target, same)
        for commit in kept
        for file in commit.files
        for row, same in zip(file.assertions, file.unchanged, strict=True)
    ]
    return kept, rows, walk.ledger


def test_import_at_the_top_publishes_the_whole_file_again(make_repository):
    kept, rows, _ = walked(
        make_repository({"tests/t.py": TEST}, {"README.md": "x"}, {"tests/t.py": "import os\n" + TEST})
    )
    assert rows == [
        (0, "tests/t.py", "2", False),
        (0, "tests/t.py", "3", False),
        (2, "tests/t.py", "2", True),
        (2, "tests/t.py", "3", True),
    ]
    assert [commit.commit_index for commit in kept] == [0, 1]
    assert [commit.previous_kept for commit in kept] == [None, kept[0].sha]


def test_change_below_an_assertion_leaves_it_alone(make_repository):
    _, rows, _ = walked(make_repository({"tests/t.py": TEST}, {"tests/t.py": TEST.replace("f(2)", "f(5)")}))
    assert rows[2:] == [(1, "tests/t.py", "3", False)]


def test_white_space_alone_is_no_change(make_repository):
    spaced = TEST.replace("assert f(1) == 2", "assert  f(1)   ==  2").replace("\n\n\n", "\n\n")
    kept, _, _ = walked(make_repository({"tests/t.py": TEST}, {"tests/t.py": spaced}))
    assert len(kept) == 1


def test_renamed_file_is_known_under_its_new_name(make_repository):
    moved = make_repository({"tests/t.py": TEST + LONG}, {"tests/t.py": None, "tests/u.py": TEST + LONG + "x = 1\n"})
    assert len(walked(moved)[0]) == 1


def test_deleted_and_returned_file_is_new(make_repository):
    gone = make_repository({"tests/t.py": TEST}, {"tests/t.py": None, "a.py": "x = 1\n"}, {"tests/t.py": TEST})
    assert [row[0] for row in walked(gone)[1]] == [0, 0, 2, 2]


def test_file_that_stops_parsing_is_counted_and_is_new_when_it_parses_again(make_repository):
    folder = make_repository({"tests/t.py": TEST}, {"tests/t.py": "print 'x'\n"}, {"tests/t.py": TEST})
    _, rows, ledger = walked(folder)
    assert [row[0] for row in rows] == [0, 0, 2, 2]
    assert (ledger.seen, ledger.kept, ledger.dropped) == (3, 2, {UNPARSABLE: 1})


def test_missing_blob_is_counted_and_the_rest_goes_on(make_repository):
    folder = make_repository({"tests/t.py": TEST}, {"tests/u.py": TEST + "y = 1\n"}, {"tests/t.py": TEST + "x = 1\n"})
    repository = GitRepository(folder)
    (lost,) = [file.blob for file in repository.python_files(repository.resolve("HEAD~2"))]
    (folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    _, rows, ledger = walked(folder)
    assert [row[:2] for row in rows] == [(1, "tests/u.py")] * 2 + [(2, "tests/t.py")] * 2
    assert ledger.dropped == {MISSING: 1}


def test_candidates_are_found_by_path_and_by_content_at_the_last_commit(make_repository):
    folder = make_repository(
        {
            "latest/code.py": TEST,  # contains "test"
            "build/tests/t.py": TEST,  # a skipped folder, yet the separation took it for a test
            "plain.py": "import pytest\n" + TEST,  # by content
            "other.py": "assert x == 1\n",
            "tests/é.py": TEST,  # git quotes the path
            "tests/data.txt": TEST,
        }
    )
    paths = {row[1] for row in walked(folder)[1]}
    assert paths == {"latest/code.py", "build/tests/t.py", "plain.py"}
    assert {row[1] for row in walked(folder, content_rule=False)[1]} == {"latest/code.py"}


def test_equal_rows_are_all_published_and_files_come_in_path_order(make_repository):
    twice = "assert x == 1; assert x == 1\n"
    _, rows, _ = walked(make_repository({"tests/b.py": "assert y == 2\n", "tests/a.py": twice}))
    assert [row[1:3] for row in rows] == [("tests/a.py", "1"), ("tests/a.py", "1"), ("tests/b.py", "2")]


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("old", [0, None])
def test_production_diff_is_what_git_prints(make_repository, old):
    folder = make_repository(
        {"a/old.py": LONG, "gone.rst": "x\n", "name with space.md": "y\n", "é.py": "z = 1\n", "tests/t.py": TEST},
        {
            "a/old.py": None,
            "a/new.py": LONG.replace("return 3", "return 4"),
            "gone.rst": None,
            "name with space.md": "y\nno newline",
            "é.py": "z = 2\n",
            "empty.py": "",
            "tests/t.py": "",
            "data.txt": "x\n",
            "bytes.md": b"a\0b\n",
        },
    )
    repository = GitRepository(folder)
    history = repository.history(repository.resolve(None))
    first = None if old is None else history[0].sha
    base = first or git(folder, "hash-object", "-t", "tree", "/dev/null").strip()
    whole = git(folder, "diff", "--no-color", "-U3", base, history[1].sha)
    chunks = ["diff --git " + chunk for chunk in whole.split("diff --git ")[1:]]
    wanted = [chunk for chunk in chunks if not any(name in chunk.split("\n")[0] for name in ("tests/", ".txt", '"'))]
    assert production_diff(repository, first, history[1].sha) == "".join(wanted)


def test_author_date_has_its_offset(make_repository):
    folder = make_repository({"a.py": "x = 1\n"})
    repository = GitRepository(folder)
    sha = repository.resolve(None)
    assert repository.author_date(sha) == git(folder, "log", "-1", "--format=%ad", "--date=iso-strict").strip().replace(
        "Z", "+00:00"
    )


def test_comparison_counts_unchanged_known_and_visible_tasks(make_repository):
    commits = [
        {"tests/t.py": "x = 9\n" * n + "def test_a():\n    assert f(1) == 2\n    assert g == 9\n"} for n in range(10)
    ]
    repository = GitRepository(make_repository(*commits))
    found = compare(repository, "r", repository.history(repository.resolve(None)))
    assert (found.kept_commits, found.all.tasks, found.all.unchanged) == (10, 20, 18)
    assert (found.all.test_tasks, found.all.in_train, found.all.verbatim) == (2, 2, 9)
    assert found.capped == found.all
