"""The published parquet columns and rows of the `paper` protocol, by name and type.

Source: `COMMIT_SCHEMA` and `QNA_SCHEMA` of `build_commit_parquet_db.py`, `build_train_qnas_at_anchor.py` and its
writer. The event columns (`assertion_event_type`, `old_target`, ...) of the in-distribution files came from code that
was never released and are not rebuilt.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from repopeftbench.paper.evolution import KeptCommit, NewAssertions
from repopeftbench.paper.extract import source_lines, whole_file_prefix
from repopeftbench.paper.static_extract import StaticPair

_TEXT, _LONG, _INDEX = pa.string(), pa.large_string(), pa.int32()

COMMITS = pa.schema(
    [
        ("repo_id", _TEXT),
        ("cross_repo_split", _TEXT),
        ("commit_index", _INDEX),
        ("commit_sha", _TEXT),
        ("commit_timestamp", _TEXT),
        ("in_repo_split", _TEXT),
        ("production_code_diff", _LONG),
        ("n_new_assertions", _INDEX),
    ]
)
QNA = pa.schema(
    [
        ("repo_id", _TEXT),
        ("cross_repo_split", _TEXT),
        ("commit_index", _INDEX),
        ("commit_sha", _TEXT),
        ("in_repo_split", _TEXT),
        ("test_file", _TEXT),
        ("lineno", _INDEX),
        ("col_offset", _INDEX),
        ("assertion_type", _TEXT),
        ("test_function", _TEXT),
        ("prefix", _LONG),
        ("target", _TEXT),
    ]
)
ANCHOR = pa.schema(
    [
        ("repo_id", _TEXT),
        ("commit_sha", _TEXT),
        ("commit_index", _INDEX),
        ("in_repo_split", _TEXT),
        ("cross_repo_split", _TEXT),
        ("test_file", _TEXT),
        ("test_function", _TEXT),
        ("assertion_type", _TEXT),
        ("difficulty", _TEXT),
        ("context_lines", _INDEX),
        ("prefix", _LONG),
        ("target", _TEXT),
        ("anchor_sha", _TEXT),
        ("anchor_index", _INDEX),
        ("qna_source", _TEXT),
    ]
)
ANCHOR_SOURCE = "v2_extractor_at_anchor"

Row = dict[str, Any]


def commit_row(repo_id: str, commit: KeptCommit, timestamp: str, diff: str) -> Row:
    """A row of `commits`, its splits still empty."""
    return {
        "repo_id": repo_id,
        "cross_repo_split": "",
        "commit_index": commit.commit_index,
        "commit_sha": commit.sha,
        "commit_timestamp": timestamp,
        "in_repo_split": "",
        "production_code_diff": diff,
        "n_new_assertions": sum(len(file.assertions) for file in commit.files),
    }


def qna_rows(repo_id: str, commit: KeptCommit, file: NewAssertions, text: str) -> list[Row]:
    """The rows of one file of a commit, prefixes written out, splits still empty.

    Args:
        repo_id: the repository.
        commit: the kept commit.
        file: one of its files.
        text: the file's text at the commit.
    """
    lines = source_lines(text)
    return [
        {
            "repo_id": repo_id,
            "cross_repo_split": "",
            "commit_index": commit.commit_index,
            "commit_sha": commit.sha,
            "in_repo_split": "",
            "test_file": file.path,
            "lineno": assertion.lineno,
            "col_offset": assertion.col_offset,
            "assertion_type": assertion.assertion_type,
            "test_function": assertion.test_function,
            "prefix": whole_file_prefix(lines, assertion),
            "target": assertion.target,
        }
        for assertion in file.assertions
    ]


def anchor_rows(repo_id: str, sha: str, commit_index: int, pairs: Sequence[StaticPair]) -> list[Row]:
    """The rows of a training repository's anchor: static pairs at its last training commit."""
    return [
        {
            "repo_id": repo_id,
            "commit_sha": sha,
            "commit_index": commit_index,
            "in_repo_split": "train",
            "cross_repo_split": "train",
            "test_file": pair.file,
            "test_function": pair.test_function,
            "assertion_type": pair.assertion_type,
            "difficulty": pair.difficulty,
            "context_lines": pair.context_lines,
            "prefix": pair.prefix,
            "target": pair.target,
            "anchor_sha": sha,
            "anchor_index": commit_index,
            "qna_source": ANCHOR_SOURCE,
        }
        for pair in pairs
    ]


def static_entry(repo_id: str, pair: StaticPair) -> Row:
    """A pair as the static track's JSON has it; the authors' absolute `source_file` is left out."""
    sections = (["imports"] if pair.has_imports else []) + (["class_header"] if pair.test_class else [])
    return {
        "prefix": pair.prefix,
        "target": pair.target,
        "assertion_type": pair.assertion_type,
        "difficulty": pair.difficulty,
        "context_lines": pair.context_lines,
        "metadata": {
            "file": pair.file,
            "lineno": pair.lineno,
            "col_offset": pair.col_offset,
            "target_col_offset": pair.target_col_offset,
            "test_function": pair.test_function,
            "test_class": pair.test_class,
            "was_multiline": pair.was_multiline,
            "has_imports": pair.has_imports,
            "prefix_type": "structured",
            "prefix_sections": [*sections, "test_body"],
            "repo": repo_id,
        },
    }
