"""What every column of a dataset means, in one line: for its card and its Croissant description.

A name means the same in every table that has it. A test holds that no column is missing here.
"""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "task_id": "Id of the task: a hash of repository, track, commit, place and text, 32 hexadecimal digits.",
        "repo_id": "The repository, `owner/name` as a rule.",
        "track": "`static` (one snapshot) or `evolution` (commit by commit).",
        "split": "Suite and role: `ir_train`, `ir_val`, `ir_test`, `cr_val`, `cr_test` or `ood_test`.",
        "commit_sha": "The commit that the row is of; of a task, the one whose tree holds the statement.",
        "commit_index": "Place of the commit among the kept commits of its repository, from 0, the oldest.",
        "history_index": "Place of the commit in the first-parent history of its repository, from 0, the oldest.",
        "committer_time": "When the commit was made: seconds since 1970-01-01 UTC, committer's time.",
        "test_file": "Path of the test file in the repository.",
        "test_function": "Qualified name of the test function or method (`TestFees.test_parcel`).",
        "lineno": "Line of the statement in the test file, from 1.",
        "statement_start_byte": "First byte of the statement in the raw test file.",
        "statement_end_byte": "Byte after the statement in the raw test file.",
        "target_start_byte": "First byte of the target in the raw test file.",
        "target_end_byte": "Byte after the target in the raw test file.",
        "family": "Kind of assertion: `assert`, `unittest`, `raises`, `approx`, `numpy`, `mock` or `other`.",
        "event": "Why it is a task: `snapshot` (it stands there), or a commit `added` or `modified` it.",
        "statement": "The whole assertion statement; it ends with gap, target and suffix.",
        "statement_key": "Hash of the statement's syntax tree: equal for equal statements, layout and comments aside.",
        "prefix": "What a method is given: code of the test file up to the cut.",
        "gap": "White space between prefix and target.",
        "target": "What a method has to produce: the expression that the developers wrote at the cut.",
        "suffix": "The rest of the statement behind the target.",
        "old_target": "Target of the statement that a `modified` one replaced; null otherwise.",
        "target_type": "Syntactic kind of the target: `number`, `string`, `bool`, `none`, `collection`, `call`, "
        "`name`, `attribute` or `other`.",
        "licence": "SPDX expression of the repository's licence as its list gave it; null where it gave none.",
        "reason": "Why the assertion is no task.",
        "tasks": "Tasks of the evolution track that the commit brought.",
        "rejects": "Assertions and test files of the commit that are no tasks.",
        "production_diff": "Unified diff of the production `.py` files since the kept commit before.",
        "production_diff_truncated": "Whether the diff was cut off because of its size.",
        "blob": "Git's id of a file's content, 40 hexadecimal digits; in a tree, null where the path is gone.",
        "size_bytes": "Size of the raw file in bytes; null where the content is missing.",
        "is_test": "Whether the content stands at paths of tests alone.",
        "text": "The content as text; null where `problem` says why.",
        "problem": "Why a content has no text; null where it has one.",
        "diff_embedding": "Published embedding of `production_diff` [2048]; null where it was zero throughout.",
        "repo_state_embedding": "Published embedding of every `.py` file at the commit, tests included [2048]; null "
        "where it was zero throughout.",
        "path": "A path in the repository: of a tree one that changed since the kept commit before (null in the one "
        "row of a commit that changed none), of a symbol the production file that defines it.",
        "change": "What the commit did to the symbol: `removed` or `added` it, since the kept commit before.",
        "kind": "What the symbol is: `constant`, `enum-member`, `exception`, `default`, `config-key`, `return`, "
        "`signature` or `class`.",
        "name": "Qualified name of the symbol in its file (`Fees.parcel`); of a default that of its parameter "
        "(`Fees.parcel.weight`), of a config key with the key (`RATES['EU']`).",
        "value": "Source of the symbol's value, signature, bases or type on one line, cut at 200 characters with `…`.",
    }
)


def column_table(schema: pa.Schema) -> str:
    """The columns of a schema as a Markdown table: name, type, meaning."""
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for field in schema:
        kind = f"{field.type} or null" if field.nullable else str(field.type)
        lines.append(f"| `{field.name}` | {kind} | {MEANINGS[field.name]} |")
    return "\n".join(lines)
