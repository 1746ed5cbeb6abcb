"""The job with PyDriller, tuned for it: `python -m peers.with_pydriller_tuned REPOSITORY ANSWER`.

What it does not do: sites, targets, prefixes, splits, the snapshot, parquet. It leaves the analysis that PyDriller
brings (lizard's metrics, line counts, blame) alone, which is the fastest way to use it.

PyDriller's `Repository` walks every commit and has no option for first parents, and `modified_files` is empty for
merges: so this uses its `Git` class, whose list takes git's own options, and `Git.diff` against the first parent for
merges. In its favour: `content` is read once, as bytes (`source_code` reads the blob up to three times), old versions
are read only where the new one has assertions, parsed versions are remembered, and the diff of the commit itself serves
as the production diff where the previous kept commit is its parent.

PyDriller writes to the repository's git configuration: give it a copy.
"""

import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path

from pydriller import Git, ModificationType, ModifiedFile
from pydriller.domain.commit import Commit

from peers.answer import write_commit
from peers.statements import MEMO_VERSIONS, is_test_file, new_statements, statement_texts
from peers.with_pydriller import production_diff

_texts = lru_cache(maxsize=MEMO_VERSIONS)(statement_texts)


def main(repository: str, answer: str) -> None:
    """Does the job and writes the answer."""
    git = Git(repository)
    previous: str | None = None
    with Path(answer).open("w", encoding="utf-8") as stream:
        for commit in git.get_list_commits(first_parent=True):
            files = _modified_files(git, commit)
            found = _found(files)
            if found:
                if previous is not None and previous != commit.parents[0]:
                    files = git.diff(previous, commit.hash)
                write_commit(stream, commit.hash, found, production_diff(files))
                previous = commit.hash
    git.clear()


def _modified_files(git: Git, commit: Commit) -> list[ModifiedFile]:
    return git.diff(commit.parents[0], commit.hash) if commit.merge else commit.modified_files


def _found(files: list[ModifiedFile]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for file in files:
        if file.change_type is ModificationType.DELETE or file.new_path is None or not is_test_file(file.new_path):
            continue
        content = file.content  # None for a file that only moved: it has nothing new
        after = _texts(content) if content else None
        if after and (new := new_statements(_before(file), after)):
            found[file.new_path] = new
    return found


def _before(file: ModifiedFile) -> Counter[str] | None:
    is_python = file.old_path is not None and file.old_path.endswith(".py")
    content = file.content_before if is_python else None
    return _texts(content) if content else None


if __name__ == "__main__":
    main(*sys.argv[1:])
