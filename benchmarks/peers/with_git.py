"""The job with plain git and three processes of it: `python -m peers.with_git REPOSITORY ANSWER`.

The approach of the benchmark's authors: one `git log --raw -M` stream tells what changed, one `git cat-file --batch`
gives the blobs, `ast` reads them. What it does not do: sites, targets, prefixes, splits, the snapshot, parquet.

In its favour: a file version that was parsed is remembered by its blob id and not read again, old versions are read
only where the new one has assertions, and all production diffs come from one `git diff-tree --stdin`.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from peers.answer import write_commit
from peers.gitlog import Blobs, Change, history, stream
from peers.statements import MEMO_VERSIONS, is_test_file, new_statements, statement_texts

PRODUCTION = (
    *("*.py", ":(exclude,glob)**/test_*.py", ":(exclude,glob)**/*_test.py"),
    *(f":(exclude,glob)**/{folder}/**" for folder in ("tests", "test", "testing")),
)
Found = dict[str, Counter[str]]
Texts = Callable[[str], Counter[str] | None]


def main(repository: str, answer: str) -> None:
    """Does the job and writes the answer."""
    kept: list[tuple[str, Found]] = []
    pairs: list[str] = []
    base = ""  # previous kept commit; before there is one, the parent
    with Blobs(repository) as blobs:
        texts: Texts = lru_cache(maxsize=MEMO_VERSIONS)(lambda blob: statement_texts(blobs.read(blob)))
        parent = ""
        for sha, changes in history(repository, "-M"):
            found = {path: new for path, new in _new_per_file(changes, texts) if new}
            if found:
                kept.append((sha, found))
                pairs.append(f"{sha} {base or parent}".rstrip())
                base = sha
            parent = sha
    with Path(answer).open("w", encoding="utf-8") as lines:
        for (sha, found), diff in zip(kept, _production_diffs(repository, pairs), strict=True):
            write_commit(lines, sha, found, diff)


def _new_per_file(changes: list[Change], texts: Texts) -> Iterator[tuple[str, Counter[str]]]:
    for change in changes:
        old, new = change.old, change.new
        if new is None or not is_test_file(new.path) or (old is not None and old.blob == new.blob):
            continue
        after = texts(new.blob)
        if after:
            yield new.path, new_statements(None if old is None else texts(old.blob), after)


def _production_diffs(repository: str, pairs: list[str]) -> Iterator[str]:
    """The diff of every `COMMIT BASE` pair; a commit without a base is compared with nothing."""
    options = ("--stdin", "-r", "-p", "-M", "--root", "--always", "--format=%x00")
    with tempfile.TemporaryFile() as lines:
        lines.writelines(f"{pair}\n".encode() for pair in pairs)
        lines.seek(0)
        # A file may hold a zero byte, but then git calls it binary and shows nothing of it.
        diffs = stream(repository, "diff-tree", *options, "--", *PRODUCTION, stdin=lines)
        next(diffs)  # what stands before the first zero byte: nothing
        for diff in diffs:
            yield diff.decode("utf-8", "replace").lstrip("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
