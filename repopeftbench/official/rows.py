"""A published row as a task or a reject. Pure: one row in, one record out.

The prefix and the target stay as they are, byte for byte: the prefix ends in the white space that the extractors wrote
and the target of a call keeps its closing parenthesis, so there is neither a gap nor a suffix. Offsets count bytes of
the published text, prefix and target in a row; where the prefix is the whole file above the statement, its start is
also that in the file.
"""

import re
from dataclasses import dataclass

from repopeftbench.mining.imports import ImportTable
from repopeftbench.mining.keys import statement_key
from repopeftbench.mining.signatures import call_signature
from repopeftbench.schema import CommitInfo, Event, Family, Reject, Split, TargetType, Task, Track, content_id
from repopeftbench.tasks.cut import target_type

EMPTY = "empty"
LEADING_COMMA = "leading-comma"

_UNDERSCORE = re.compile(r"([\w.]*\bassert_\w*)\s*\(")
_USUAL_IMPORTS = ImportTable(
    aliases={"np": "numpy", "npt": "numpy.testing", "pd": "pandas", "tm": "pandas._testing"},
    starred=frozenset({"numpy.testing"}),
)
"""What the callees of `assert_*` rows are taken for; the published rows do not say what a file imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One published pair of prefix and target, of either track.

    `lineno` (from 1) and `col_offset` (bytes of UTF-8, as `ast` counts) are the statement's in the test file; None
    where the row does not say. `is_whole_file`: the prefix is the file above the statement, so that its lines are the
    file's.
    """

    track: Track
    split: Split
    repo_id: str
    commit_sha: str
    test_file: str
    test_function: str
    assertion_type: str
    lineno: int | None
    col_offset: int | None
    is_whole_file: bool
    prefix: str
    target: str
    event: Event
    old_target: str | None


def problem_of(prefix: str, target: str) -> str | None:
    """Why the published loader skips a row, or None."""
    if not prefix or not target.strip():
        return EMPTY
    return LEADING_COMMA if target.lstrip().startswith(",") else None


def identity(row: PublishedRow) -> str:
    """Hex id of a row's content; rows that agree in everything that tells them apart have the same.

    Of a static row the split is part of it, and not the commit, which the published files do not name.
    """
    commit = row.commit_sha if row.track is Track.EVOLUTION else row.split
    place = (row.test_file, row.test_function, row.lineno or 0, -1 if row.col_offset is None else row.col_offset)
    return content_id("published", row.track, row.repo_id, commit, *place, row.assertion_type, row.prefix, row.target)


def task_of(row: PublishedRow, commit: CommitInfo, occurrence: int) -> Task:
    """The task of a row.

    Args:
        row: the row.
        commit: its commit; `history_index` is the index among kept commits, the only one that is published.
        occurrence: how many equal rows of the commit come before it.
    """
    start = statement_start(row)
    statement = row.prefix[start:] + row.target
    cut = len(row.prefix.encode("utf-8"))
    end = cut + len(row.target.encode("utf-8"))
    same = identity(row)
    return Task(
        task_id=content_id(same, occurrence) if occurrence else same,
        repo_id=row.repo_id,
        track=row.track,
        split=row.split,
        commit_sha=row.commit_sha,
        commit_index=commit.history_index,
        history_index=commit.history_index,
        committer_time=commit.committer_time,
        test_file=row.test_file,
        test_function=row.test_function,
        lineno=row.lineno or row.prefix.count("\n", 0, start) + 1,
        statement_start_byte=cut - len(row.prefix[start:].encode("utf-8")),
        statement_end_byte=end,
        target_start_byte=cut,
        target_end_byte=end,
        family=family_of(row.assertion_type, statement),
        event=row.event,
        statement=statement,
        statement_key=statement_key(statement),
        prefix=row.prefix,
        gap="",
        target=row.target,
        suffix="",
        old_target=row.old_target,
        target_type=_target_type(row.target),
        licence=None,
    )


def reject_of(row: PublishedRow, history_index: int, reason: str) -> Reject:
    """The reject of a row; one without a target has no statement.

    Args:
        row: the row.
        history_index: the index of its commit among kept commits, -1 where it is unknown.
        reason: why it is no task.
    """
    statement = row.prefix[statement_start(row) :] + row.target if row.prefix and row.target else None
    return Reject(
        repo_id=row.repo_id,
        track=row.track,
        commit_sha=row.commit_sha,
        history_index=history_index,
        test_file=row.test_file,
        test_function=row.test_function,
        lineno=row.lineno,
        family=None if statement is None else family_of(row.assertion_type, statement),
        statement=statement,
        statement_key=None if statement is None else statement_key(statement),
        reason=reason,
    )


def statement_start(row: PublishedRow) -> int:
    """Where the statement begins in the prefix, in characters.

    At its published place, if an assertion of the row's type begins there: the column was used as one of characters
    where it counts bytes, so both are tried. Else behind the indentation of the last line.
    """
    last = row.prefix.rfind("\n") + 1
    line = _line_start(row.prefix, row.lineno) if row.is_whole_file and row.lineno is not None else last
    if line is not None and row.col_offset is not None:
        behind = row.prefix[line : line + row.col_offset]
        for column in (row.col_offset, len(behind.encode("utf-8")[: row.col_offset].decode("utf-8", "ignore"))):
            if _begins(row, line + column):
                return line + column
    return last + len(row.prefix[last:]) - len(row.prefix[last:].lstrip())


def family_of(assertion_type: str, statement: str) -> Family:
    """The family of a published assertion type; of `assert_*` by the callee's name and usual module names."""
    if assertion_type == "assert":
        return Family.ASSERT
    if assertion_type == "pytest.approx":
        return Family.APPROX
    if assertion_type == "assert_*":
        callee = _UNDERSCORE.search(statement)
        dotted = callee.group(1) if callee is not None else ""
    else:
        dotted = assertion_type
    # A receiver that is an expression leaves a dot in front: still a method.
    name = dotted.rpartition(".")[2]
    signature = call_signature(dotted, name, _USUAL_IMPORTS) if name else None
    return Family.OTHER if signature is None else signature.family


def _line_start(prefix: str, lineno: int) -> int | None:
    """Where a line begins, in characters, looked for from the end; None where the prefix is shorter."""
    behind = prefix.count("\n") - (lineno - 1)
    if behind < 0:
        return None
    end = len(prefix)
    for _ in range(behind):
        end = prefix.rfind("\n", 0, end)
    return prefix.rfind("\n", 0, end) + 1


def _begins(row: PublishedRow, at: int) -> bool:
    """Whether an assertion of the row's type begins at a place of its prefix."""
    if row.assertion_type == "assert":
        return row.prefix.startswith("assert", at)
    if row.assertion_type == "assert_*":
        return at < len(row.prefix) and not row.prefix[at].isspace() and "assert_" in row.prefix[at:]
    return row.prefix.startswith(row.assertion_type, at)


def _target_type(target: str) -> TargetType:
    """The type of a target, of that of a call without the parenthesis that closes the call."""
    kind = target_type(target)
    if kind is None and target.endswith(")"):
        kind = target_type(target[:-1])
    return kind or TargetType.OTHER
