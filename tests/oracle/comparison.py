"""A mined dataset beside the oracle's answer: lists of sentences, each one disagreement; an empty list is agreement."""

import ast
import json
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from oracle import reference
from oracle.history import Change, Git

Row = dict[str, Any]
APPROX = re.compile(r"(\w+\.)?(approx|near)\(")
VALUELESS = frozenset({"no-expected-value", "boolean-operator", "negation", "argument-not-found", "unknown-signature"})
CAP_COMMIT, CAP_FILE = 8, 4


@dataclass(frozen=True, slots=True)
class Mined:
    """The rows of one repository in a dataset folder."""

    tasks: tuple[Row, ...]
    rejects: tuple[Row, ...]
    commits: tuple[Row, ...]
    ledger: Row

    def rows(self, track: str) -> Iterator[Row]:
        """Tasks and rejects of a track: together all assertions."""
        for row in (*self.tasks, *self.rejects):
            if row["track"] == track:
                yield row


def read_rows(path: Path) -> list[Row]:
    """The rows of one parquet file."""
    return pq.ParquetFile(path).read().to_pylist()


def load(data: Path) -> dict[str, Mined]:
    """The repositories of a dataset by id."""
    tables: dict[str, list[Row]] = {
        "tasks": [row for path in sorted(data.glob("tasks/*/*.parquet")) for row in read_rows(path)],
        "rejects": read_rows(data / "rejects.parquet"),
        "commits": read_rows(data / "commits.parquet"),
    }
    grouped: dict[str, dict[str, list[Row]]] = defaultdict(lambda: {name: [] for name in tables})
    for name, rows in tables.items():
        for row in rows:
            grouped[row["repo_id"]][name].append(row)
    manifest = json.loads((data / "manifest.json").read_text("utf-8"))
    return {
        entry["repo_id"]: Mined(**{name: tuple(rows) for name, rows in grouped[entry["repo_id"]].items()}, ledger=entry)
        for entry in manifest["repositories"]
    }


def compare_static(git: Git, mined: Mined) -> list[str]:
    """Whether tasks and rejects of the snapshot are exactly the assertions of the last commit."""
    expected: Counter[tuple[str, int, str]] = Counter()
    refused = set()
    files = {path: oid for path, oid in git.files("HEAD").items() if reference.is_test_file(path)}
    blobs = git.load(set(files.values()))
    for path, oid in files.items():
        found = reference.assertions(blobs[oid])
        if found is None:
            refused.add(path)
        expected.update((path, item.lineno, item.text) for item in found or ())
    actual: Counter[tuple[str, int, str]] = Counter()
    problems = []
    for row in mined.rows("static"):
        if row["lineno"] is None:
            if row["test_file"] not in refused:
                problems.append(f"static: {row['test_file']} refused ({row['reason']}), Python parses it")
        elif row["test_file"] in refused:
            problems.append(f"static: {row['test_file']}:{row['lineno']} in a file that Python does not parse")
        else:
            actual[row["test_file"], row["lineno"], _text(row)] += 1
    named = {row["test_file"] for row in mined.rows("static") if row["lineno"] is None}
    problems += [f"static: {path} does not parse and has no reject" for path in sorted(refused - named)]
    return problems + list(_difference("static", expected, actual))


def _text(row: Row) -> str:
    try:
        return reference.canonical(row["statement"])
    except SyntaxError:
        return f"<no single assertion: {row['statement']!r}>"


def _difference(where: str, expected: Counter[Any], actual: Counter[Any]) -> Iterator[str]:
    for item, count in sorted((expected - actual).items()):
        yield f"{where}: missing {count} x {item}"
    for item, count in sorted((actual - expected).items()):
        yield f"{where}: invented {count} x {item}"


@dataclass(frozen=True, slots=True)
class EvolutionVerdict:
    """Disagreements, how many commits wrote test files, and how many files agree by libgit2's renames only."""

    problems: tuple[str, ...]
    commits: int
    other_renames: tuple[str, ...]


def compare_evolution(git: Git, mined: Mined) -> EvolutionVerdict:
    """Whether every commit's tasks and rejects are exactly what it brought into its test files.

    git and libgit2 measure similarity differently, so around 50 % one sees a rename where the other sees none. Where
    git's view disagrees, libgit2's is tried, and named in the verdict.
    """
    by_commit: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in mined.rows("evolution"):
        by_commit[row["commit_sha"]][row["test_file"]].append(row)
    problems, renames, compared, seen = [], [], 0, set()
    history = list(git.changes())
    tests = {c: [change for change in c.changes if reference.is_test_file(change.path)] for c in history}
    blobs = git.load({oid for found in tests.values() for change in found for oid in _blobs_of(change)})
    for commit in history:
        seen.add(commit.sha)
        rows = by_commit[commit.sha]
        compared += bool(tests[commit])
        for change in tests[commit]:
            where = f"{commit.sha[:8]} {change.path}"
            mine = rows.pop(change.path, [])
            found = list(_compare_change(where, change, blobs, mine))
            if found and (other := git.libgit2_parent(commit.sha, change)):
                blobs |= git.load({other})
                again = list(_compare_change(where, replace(change, old_blob=other), blobs, mine))
                if not again:
                    found = []
                    renames.append(where)
            problems += found
        problems += [f"{commit.sha[:8]} {path}: {len(found)} rows, not written" for path, found in rows.items()]
    problems += [f"{sha}: rows of a commit outside the history" for sha in by_commit if sha not in seen]
    return EvolutionVerdict(tuple(problems), compared, tuple(renames))


def _blobs_of(change: Change) -> list[str]:
    return [oid for oid in (change.blob, change.old_blob) if oid]


def _compare_change(where: str, change: Change, blobs: dict[str, bytes], rows: list[Row]) -> Iterator[str]:
    old = None if change.old_blob is None else blobs[change.old_blob]
    expected = reference.new_texts(old, blobs[change.blob])
    refused = [row for row in rows if row["lineno"] is None]
    actual = Counter(_text(row) for row in rows if row["lineno"] is not None)
    if expected is not None:
        yield from (f"{where}: refused ({row['reason']}), Python parses it" for row in refused)
    elif len(refused) != (change.blob != change.old_blob):
        yield f"{where}: does not parse, {len(refused)} file rejects"
    yield from _difference(where, expected or Counter(), actual)


def check_bytes(git: Git, mined: Mined) -> list[str]:
    """Whether the rows of every task and reject stand in the raw file where they say, and re-assemble."""
    trees: dict[str, dict[str, str]] = {}
    wanted = [(row, trees.setdefault(row["commit_sha"], {})) for row in mined.tasks]
    for sha, tree in trees.items():
        tree.update(git.files(sha))
    blobs = git.load({tree[row["test_file"]] for row, tree in wanted if row["test_file"] in tree})
    problems = []
    for row, tree in wanted:
        where = f"{row['track']} {row['commit_sha'][:8]} {row['test_file']}:{row['lineno']}"
        if row["test_file"] not in tree:
            problems.append(f"{where}: no such file in the commit")
            continue
        raw = blobs[tree[row["test_file"]]]
        problems += [f"{where}: {problem} in {row['statement']!r}" for problem in _byte_problems(row, raw)]
    return problems


def _byte_problems(row: Row, raw: bytes) -> Iterator[str]:
    encoding = reference.encoding_of(raw)
    start, end = row["statement_start_byte"], row["statement_end_byte"]
    target_start, target_end = row["target_start_byte"], row["target_end_byte"]
    if not start <= target_start < target_end <= end <= len(raw):
        yield "spans are not nested"
        return
    head, target, tail = (
        raw[a:b].decode(encoding) for a, b in ((start, target_start), (target_start, target_end), (target_end, end))
    )
    if head + target + tail != row["statement"]:
        yield "statement bytes are not the statement"
    if target != row["target"] or tail != row["suffix"]:
        yield "target or suffix differ from the file's bytes"
    if not (row["prefix"] + row["gap"]).endswith(head):
        yield "prefix and gap do not end as the file does before the target"
    if not (row["prefix"] + row["gap"] + row["target"] + row["suffix"]).endswith(row["statement"]):
        yield "the parts do not re-assemble"
    if not row["prefix"] or row["prefix"][-1].isspace() or row["prefix"].endswith("\\\n"):
        yield "the prefix ends in white space"
    if row["gap"].replace("\\\r\n", "").replace("\\\n", "").strip():
        yield f"the gap {row['gap']!r} is more than white space"
    if row["target"] != row["target"].strip():
        yield "the target has white space around it"
    if not _is_expression(row["target"]):
        yield f"the target {row['target']!r} is no expression"
    before = raw[:start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if before.count(b"\n") + 1 != row["lineno"]:
        yield "lineno is wrong"


def _is_expression(target: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(f"({target}\n)")
        except SyntaxError:
            return False
    return len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)


def check_targets(mined: Mined) -> list[str]:
    """Whether targets are what `ast` has as last comparator or argument, and comparisons are never called valueless."""
    problems = []
    for row in (*mined.tasks, *mined.rejects):
        if row["statement"] is None:
            continue
        node = reference.statement_node(row["statement"])
        where = f"{row['track']} {row['test_file']}:{row['lineno']} {row['statement']!r}"
        if "target" in row:
            expected = reference.possible_targets(node)
            actual = reference.canonical(row["target"])
            if actual not in expected:
                problems.append(f"{where}: target {row['target']!r} is none of {expected}")
            if isinstance(node, ast.Assert) and (row["family"] == "approx") != bool(APPROX.match(actual)):
                problems.append(f"{where}: family {row['family']}")
        elif row["reason"] in VALUELESS and isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            problems.append(f"{where}: a comparison, rejected as {row['reason']}")
    return problems


def check_tables(mined: Mined) -> list[str]:
    """Whether ids, caps, kept commits and the ledger are as the specification has them."""
    return [*_id_problems(mined.tasks), *_cap_problems(mined.tasks), *_commit_problems(mined), *_ledger_problems(mined)]


def _id_problems(tasks: Iterable[Row]) -> Iterator[str]:
    for task_id, count in Counter(row["task_id"] for row in tasks).items():
        if count > 1:
            yield f"task id {task_id} occurs {count} times"


def _cap_problems(tasks: Iterable[Row]) -> Iterator[str]:
    evolution = [row for row in tasks if row["track"] == "evolution"]
    for sha, count in Counter(row["commit_sha"] for row in evolution).items():
        if count > CAP_COMMIT:
            yield f"{sha}: {count} tasks in one commit"
    for (sha, path), count in Counter((row["commit_sha"], row["test_file"]) for row in evolution).items():
        if count > CAP_FILE:
            yield f"{sha} {path}: {count} tasks in one file"


def _commit_problems(mined: Mined) -> Iterator[str]:
    with_rows = {row["commit_sha"] for row in mined.rows("evolution")}
    kept = [row["commit_sha"] for row in mined.commits]
    if set(kept) != with_rows or len(kept) != len(with_rows):
        yield f"kept commits {sorted(set(kept) ^ with_rows)} have no rows, or the other way round"
    if [row["commit_index"] for row in mined.commits] != list(range(len(kept))):
        yield "commit_index is not consecutive"
    histories = [row["history_index"] for row in mined.commits]
    if histories != sorted(set(histories)):
        yield "history_index does not grow"
    place = {row["commit_sha"]: row for row in mined.commits}
    for task in mined.tasks:
        commit = place.get(task["commit_sha"])
        if task["track"] == "evolution" and commit is not None:
            for name in ("commit_index", "history_index", "committer_time", "split"):
                if task[name] != commit[name]:
                    yield f"{task['task_id']}: {name} {task[name]} is {commit[name]} in commits"
    for commit in mined.commits:
        for name, rows in (("tasks", mined.tasks), ("rejects", mined.rejects)):
            count = sum(row["commit_sha"] == commit["commit_sha"] and row["track"] == "evolution" for row in rows)
            if commit[name] != count:
                yield f"{commit['commit_sha']}: {name} says {commit[name]}, there are {count}"


def _ledger_problems(mined: Mined) -> Iterator[str]:
    for track in ("static", "evolution"):
        ledger = mined.ledger[track]
        dropped = Counter(row["reason"] for row in mined.rejects if row["track"] == track)
        kept = sum(row["track"] == track for row in mined.tasks)
        if (ledger["kept"], ledger["dropped"]) != (kept, dict(dropped)):
            yield f"{track}: ledger {ledger} but rows {kept}, {dict(dropped)}"
        if ledger["seen"] != kept + dropped.total():
            yield f"{track}: seen {ledger['seen']} is not {kept} kept + {dropped.total()} dropped"
