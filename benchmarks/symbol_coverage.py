"""How many tasks' targets the symbols of production code could answer, beside what the prefix already shows.

    python benchmarks/symbol_coverage.py DATA [--state commit|parent]

Words of a target are its identifiers and literals, without keywords. A task is in the stratum `in prefix` where its
prefix holds all of them, else in `not in prefix`, and of the latter those words count that the prefix lacks. It is
covered where all words that count stand in names or values of the records at its commit (or the kept commit before),
and touched where one of them does. Prints a Markdown table, by track and stratum. It does not look whether the record
that has a word is the one that the test is about: shares are upper bounds of what symbols can tell.
"""

import argparse
import builtins
import keyword
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import State, SymbolRecord, Track
from repopeftbench.views import DatasetViews

_WORDS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\W\d]\w*|\d[\w.]*")
_NO_NEWS = {*keyword.kwlist, *dir(builtins), "self"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--state", type=State, default=State.COMMIT)
    options = parser.parse_args(arguments)
    sys.stdout.write("\n".join(table(counted(Dataset(options.data), options.state))) + "\n")
    return 0


def words(text: str) -> set[str]:
    """The identifiers and literals of a source, strings without their quotes; no keywords and built-in names."""
    found = (word[1:-1] if word[0] in "'\"" else word for word in _WORDS.findall(text))
    return {word for word in found if word and word not in _NO_NEWS}


def counted(dataset: Dataset, state: State) -> Counter[tuple[Track, str, str]]:
    """Tasks by track, stratum and whether they are covered, touched, or neither."""
    views, last, known = DatasetViews(dataset.manifest, dataset.folder, folder=dataset.folder), None, set[str]()
    counts: Counter[tuple[Track, str, str]] = Counter()
    for track in Track:
        for split in dataset.splits(track):
            for task in dataset.tasks(track, split):
                if (task.repo_id, task.commit_sha) != last:
                    last = task.repo_id, task.commit_sha
                    known = set(_known(views.of_task(task, state).symbols()))
                wanted = words(task.target)
                lacking = wanted - words(task.prefix)
                stratum = "no words" if not wanted else "not in prefix" if lacking else "in prefix"
                asked = lacking or wanted
                there = len(asked & known)
                verdict = "covered" if there == len(asked) else "touched" if there else "neither"
                counts[track, stratum, verdict] += 1
    return counts


def _known(records: Sequence[SymbolRecord]) -> Iterator[str]:
    for record in records:
        yield from words(record.name)
        yield from words(record.value)


def table(counts: Counter[tuple[Track, str, str]]) -> Iterator[str]:
    """The counts as a Markdown table."""
    yield "| track | stratum | tasks | covered | touched |"
    yield "|---|---|--:|--:|--:|"
    for track in Track:
        for stratum in ("in prefix", "not in prefix", "no words"):
            found = {verdict: counts[track, stratum, verdict] for verdict in ("covered", "touched", "neither")}
            total = sum(found.values())
            if total:
                shares = (f"{found[name]:,} ({100 * found[name] / total:.1f} %)" for name in ("covered", "touched"))
                cells = ("-", "-") if stratum == "no words" else tuple(shares)
                yield f"| {track} | {stratum} | {total:,} | {cells[0]} | {cells[1]} |"


if __name__ == "__main__":
    sys.exit(main())
