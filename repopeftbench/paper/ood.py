"""The static track out of distribution: rows of the evolution track, one per place in a file.

Source: `build_ood_bench_json.py`. A place is a file and a line number, so versions of a file mix and assertions since
deleted stay, as published; of each place the last commit's row counts.
"""

from collections.abc import Sequence

from repopeftbench.paper.tables import Row

MOST_PER_REPOSITORY = 120
PREFIX_CHARACTERS = 32_768


def ood_places(test_files: Sequence[str], linenos: Sequence[int]) -> list[int]:
    """The places of a repository's chosen rows, by file and line.

    Args:
        test_files: the rows' files, rows in commit order.
        linenos: the rows' line numbers.
    """
    last = {key: place for place, key in enumerate(zip(test_files, linenos, strict=True))}
    return [last[key] for key in sorted(last)[:MOST_PER_REPOSITORY]]


def ood_entry(row: Row) -> Row:
    """A row of `qna` as the static track's JSON has it, its prefix cut to the last 32,768 characters."""
    return {
        "prefix": row["prefix"][-PREFIX_CHARACTERS:],
        "target": row["target"],
        "assertion_type": row["assertion_type"],
        "metadata": {
            "file": row["test_file"],
            "lineno": row["lineno"],
            "col_offset": row["col_offset"],
            "target_col_offset": row["col_offset"],
            "test_function": row["test_function"],
            "test_class": "",
            "repo": row["repo_id"],
            "source_file": row["test_file"],
            "commit_idx": row["commit_index"],
        },
        "commit_idx": row["commit_index"],
    }
