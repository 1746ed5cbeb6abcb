"""What a contender found, on disk: one JSON line per commit that has new statements. Writing it is part of the job."""

import json
from collections import Counter
from pathlib import Path
from typing import TextIO

DIFF_LIMIT = 200_000
"""Most characters kept of a production diff, as in the dataset of `repobench`."""

Answer = dict[str, dict[str, Counter[str]]]
"""By commit, by path of the test file: the new statements in normal form."""


def write_commit(stream: TextIO, sha: str, found: dict[str, Counter[str]], diff: str) -> None:
    """Writes one commit."""
    json.dump({"sha": sha, "found": found, "diff": diff[:DIFF_LIMIT]}, stream)
    stream.write("\n")


def read_answer(path: Path) -> Answer:
    """Everything that `write_commit` wrote to a file, but for the diffs."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["sha"]: {file: Counter(found) for file, found in row["found"].items()} for row in rows}
