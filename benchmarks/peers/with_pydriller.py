"""The job with PyDriller as its documentation shows it: `python -m peers.with_pydriller REPOSITORY ANSWER`.

For each commit and modified file, the assertions of `source_code` less those of `source_code_before`. What it does not
do: sites, targets, prefixes, splits, the snapshot, parquet; nor the analysis that PyDriller brings (lizard's metrics,
line counts, blame). `with_pydriller_tuned` is the same with everything that makes it faster.

PyDriller's `Repository` walks every commit and has no option for first parents, and `modified_files` is empty for
merges: so this uses its `Git` class, whose list takes git's own options, and `Git.diff` against the first parent for
merges. In its favour: the diff of the commit itself serves as the production diff where it can.

PyDriller writes to the repository's git configuration: give it a copy.
"""

import sys
from collections import Counter
from pathlib import Path

from pydriller import Git, ModifiedFile

from peers.answer import write_commit
from peers.statements import is_production_file, is_test_file, statement_forms


def main(repository: str, answer: str) -> None:
    """Does the job and writes the answer."""
    git = Git(repository)
    previous: str | None = None
    with Path(answer).open("w", encoding="utf-8") as stream:
        for commit in git.get_list_commits(first_parent=True):
            files = git.diff(commit.parents[0], commit.hash) if commit.merge else commit.modified_files
            found = {file.new_path: new for file in files if file.new_path is not None and (new := _new(file))}
            if found:
                if previous is not None and previous != commit.parents[0]:
                    files = git.diff(previous, commit.hash)
                write_commit(stream, commit.hash, found, production_diff(files))
                previous = commit.hash
    git.clear()


def _new(file: ModifiedFile) -> Counter[str]:
    if file.new_path is None or not is_test_file(file.new_path) or file.source_code is None:
        return Counter()
    after = statement_forms(file.source_code)
    is_python = file.old_path is not None and file.old_path.endswith(".py")
    before = statement_forms(file.source_code_before) if is_python and file.source_code_before is not None else None
    return (after or Counter()) - (before or Counter())


def production_diff(files: list[ModifiedFile]) -> str:
    """The diffs of the production files one after the other."""
    return "".join(
        f"--- {file.old_path}\n+++ {file.new_path}\n{file.diff}"
        for file in files
        if any(path is not None and is_production_file(path) for path in (file.old_path, file.new_path))
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
