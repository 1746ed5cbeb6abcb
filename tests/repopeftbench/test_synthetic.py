"""The generator of synthetic repositories: deterministic, parseable, and with tests that pass at every commit."""

import ast
import functools
import os
import random
import subprocess  # the generated tests run in an interpreter of their own, as a user would run them
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repopeftbench.errors import ConfigError
from repopeftbench.synthetic import FIRST_COMMIT_TIME, SyntheticRepository, synthetic_history, synthetic_repositories
from repopeftbench.synthetic.catalogue import KINDS
from repopeftbench.synthetic.draw import Draw
from repopeftbench.synthetic.themes import THEMES

FAMILY = 0


@pytest.fixture(scope="module")
def repositories() -> tuple[SyntheticRepository, ...]:
    return synthetic_repositories(FAMILY, 6)


def suite_of(tree: dict[str, bytes]) -> dict[str, bytes]:
    return {path: text for path, text in tree.items() if path.startswith("tests/") and "conftest" not in path}


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Test functions with their qualified names."""
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name.startswith("test"):
                yield owner + member.name, member


def halves(node: ast.AST) -> tuple[str, str] | None:
    """Left side and target of an assertion; None for anything else."""
    match node:
        case ast.Assert(test=ast.Compare(left=left, ops=ops, comparators=[*middle, last])):
            texts = [left, *middle]
            operators = [type(op).__name__ for op in ops]
            return f"{[ast.unparse(text) for text in texts]} {operators}", ast.unparse(last)
        case ast.Assert(test=test):
            return "assert", ast.unparse(test)
        case ast.Call(func=ast.Attribute(attr=name), args=[first, *rest]) if name.startswith("assert"):
            return f"{name} {ast.unparse(first)}", ", ".join(map(ast.unparse, rest))
        case ast.withitem(context_expr=ast.Call(func=function)) if "aises" in ast.unparse(function):
            return "raises", ast.unparse(node)
    return None


@functools.cache
def assertions(source: bytes) -> list[tuple[str, str, str]]:
    """Function, left side and target of every assertion in a test file."""
    found = []
    for name, function in functions(ast.parse(source)):
        found += [(name, *pair) for node in ast.walk(function) if (pair := halves(node))]
    return found


def changes(repository: SyntheticRepository) -> Counter[str]:
    """How many assertions the commits after the first added to a file, or modified in it."""
    counts: Counter[str] = Counter()
    for index in range(2, len(repository.commits) + 1):
        old, new = suite_of(repository.tree(index - 1)), suite_of(repository.tree(index))
        for path in new.keys() & old.keys():
            before, after = assertions(old[path]), assertions(new[path])
            fresh = Counter((left, target) for _, left, target in after)
            fresh -= Counter((left, target) for _, left, target in before)
            gone = {(name, left) for name, left, _ in before}
            for name, left, target in after:
                if fresh[left, target] > 0:
                    fresh[left, target] -= 1
                    counts["modified" if (name, left) in gone else "added"] += 1
        counts["added"] += sum(len(assertions(new[path])) for path in new.keys() - old.keys())
    return counts


def run_tests(repository: SyntheticRepository, commits: int, folder: Path) -> None:
    """Runs the tests of the repository as it is after so many commits; fails where they do not all pass."""
    for path, content in repository.tree(commits).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (
        f"{repository.name} after {commits} commits:\n{done.stdout[-3000:]}{done.stderr[-500:]}"
    )
    named = sum(len(list(functions(ast.parse(text)))) for text in suite_of(repository.tree(commits)).values())
    passed = int(done.stdout.strip().splitlines()[-1].split()[0])
    assert passed >= named, f"{passed} tests ran, {named} are written: some name hides another"


def test_same_arguments_give_the_same_bytes(repositories: tuple[SyntheticRepository, ...]) -> None:
    assert synthetic_history(FAMILY, 3) == repositories[3]


def test_result_is_independent_of_hash_randomisation() -> None:
    code = (
        "import hashlib; from repopeftbench.synthetic import synthetic_history; "
        "import sys; sys.stdout.write(hashlib.sha256(repr(synthetic_history(5, 1, commits=12)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert digests.pop()


def test_shorter_history_is_the_beginning_of_a_longer_one(repositories: tuple[SyntheticRepository, ...]) -> None:
    assert synthetic_history(FAMILY, 1, commits=7).commits == repositories[1].commits[:7]


def test_other_seed_gives_other_names_and_facts() -> None:
    one, other = synthetic_history(0, 0, commits=1), synthetic_history(1, 0, commits=1)
    assert one.name != other.name
    assert not set(one.tree().values()) & set(other.tree().values())


def test_names_are_distinct_beyond_the_pool_of_words() -> None:
    names = [repository.name for repository in synthetic_repositories(2, 24, commits=1)]
    names += [synthetic_history(2, index, commits=1).name for index in (803, 1603)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_family_goes_through_at_least_eight_themes() -> None:
    summaries = {
        repository.tree()["README.md"].split(b"\n")[2] for repository in synthetic_repositories(3, 10, commits=1)
    }
    assert len(summaries) >= 8


@pytest.mark.parametrize("key", sorted(KINDS))
def test_every_kind_of_feature_can_be_drawn_from_every_theme(key: str) -> None:
    for theme in THEMES:
        names, values = KINDS[key].draw(Draw(rng=random.Random(f"{key} {theme.key}"), theme=theme))
        assert set(KINDS[key].tunable) <= set(values)
        assert {"title", "subject"} <= set(names)


def test_commit_times_increase_strictly_from_the_given_one() -> None:
    repository = synthetic_history(0, 0, commits=15, first_commit_time=1_000_000_000)
    times = [commit.committer_time for commit in repository.commits]
    assert times[0] == 1_000_000_000
    assert times == sorted(set(times))
    assert synthetic_history(0, 0, commits=1).commits[0].committer_time == FIRST_COMMIT_TIME


def test_every_commit_changes_something_and_deletes_only_what_exists(
    repositories: tuple[SyntheticRepository, ...],
) -> None:
    for repository in repositories:
        present: dict[str, bytes] = {}
        for commit in repository.commits:
            assert commit.message
            assert commit.files
            assert [path for path, _ in commit.files] == sorted({path for path, _ in commit.files})
            for path, content in commit.files:
                assert present.get(path) != content
                if content is None:
                    del present[path]
                else:
                    present[path] = content


def test_every_python_file_of_every_commit_parses(repositories: tuple[SyntheticRepository, ...]) -> None:
    for repository in repositories:
        for commit in repository.commits:
            for path, content in commit.files:
                if path.endswith(".py") and content is not None:
                    assert ast.parse(content, filename=path).body, path


def test_every_history_modifies_and_adds_assertions(repositories: tuple[SyntheticRepository, ...]) -> None:
    for repository in repositories:
        counts = changes(repository)
        assert counts["modified"] >= 15, repository.name
        assert counts["added"] >= 40, repository.name


def test_every_history_renames_or_moves_and_has_commits_without_tests(
    repositories: tuple[SyntheticRepository, ...],
) -> None:
    for repository in repositories:
        touched = [{path.partition("/")[0] for path, _ in commit.files} for commit in repository.commits]
        assert any("tests" not in folders for folders in touched), repository.name
        assert any(folders == {"tests"} for folders in touched), repository.name
    deleted = [
        path for repository in repositories for commit in repository.commits for path, text in commit.files if not text
    ]
    assert any(path.startswith("tests/") for path in deleted)


def test_repositories_are_of_natural_size(repositories: tuple[SyntheticRepository, ...]) -> None:
    for repository in repositories:
        tests = suite_of(repository.tree())
        count = sum(len(assertions(source)) for source in tests.values())
        assert 80 <= count <= 300, f"{repository.name} has {count} assertions"
        assert 4 <= len(tests) <= 11, repository.name
        assert max(source.count(b"\n") for source in repository.tree().values()) <= 220, repository.name


@pytest.mark.parametrize(
    "text",
    [
        b"import pytest as pt",
        b"from pytest import",
        b"pytest.approx(",
        b"@pytest.fixture",
        b"parametrize(",
        b"IsolatedAsyncioTestCase",
        b"self.assertRaises(",
        b"self.assertIn(",
        b"self.assertAlmostEqual(",
        b"def setUp(self):",
        b"match=",
        b" as caught:",
        b"class Test",
        b" not in ",
        b" == \\\n",
    ],
)
def test_family_has_every_way_of_writing_assertions(repositories: tuple[SyntheticRepository, ...], text: bytes) -> None:
    contents = (
        content or b"" for repository in repositories for commit in repository.commits for _, content in commit.files
    )
    assert any(text in content for content in contents)


@pytest.mark.parametrize(("index", "commits"), [(0, 1), (0, 14), (0, 40), (1, 8), (1, 27), (1, 40)])
def test_generated_tests_pass(
    repositories: tuple[SyntheticRepository, ...], index: int, commits: int, tmp_path: Path
) -> None:
    run_tests(repositories[index], commits, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(8))
def test_generated_tests_pass_at_many_commits(index: int, tmp_path: Path) -> None:
    repository = synthetic_history(7, index)
    for commits in range(5, 41, 5):
        run_tests(repository, commits, tmp_path / str(commits))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), index=st.integers(0, 30))
def test_any_seed_gives_a_history(seed: int, index: int) -> None:
    repository = synthetic_history(seed, index, commits=10)
    assert len(repository.commits) == 10
    assert repository.licence == "MIT"
    for path, content in repository.tree().items():
        if path.endswith(".py"):
            ast.parse(content)


@pytest.mark.parametrize(("index", "commits"), [(-1, 3), (0, 0)])
def test_impossible_sizes_are_refused(index: int, commits: int) -> None:
    with pytest.raises(ConfigError, match=f"commits={commits}, index={index}"):
        synthetic_history(0, index, commits=commits)
