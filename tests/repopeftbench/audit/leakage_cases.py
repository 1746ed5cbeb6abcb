"""Datasets with leaks: mined from histories that hold one, or mined healthy and changed row by row."""

import datetime as dt
import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.sources import repository_list
from repopeftbench.synthetic import synthetic_history

CUTOFF = "2025-04-01"
AFTER = int(dt.datetime(2025, 5, 1, tzinfo=dt.UTC).timestamp())
DAY = 86_400


def mined(folder, histories, cutoff=CUTOFF, snapshots=True):
    """The dataset of some histories: name of the repository to (time, {path: bytes or None}) of its commits."""
    listing = folder / "repos.txt"
    listing.parent.mkdir(parents=True, exist_ok=True)
    for name, commits in histories.items():
        write_history(folder / name, [("change", time, list(files.items())) for time, files in commits])
    listing.write_text("".join(f"{folder / name}\n" for name in histories))
    options = BuildOptions(folder=folder / "data", cutoff=cutoff, cache=folder / "cache", snapshots=snapshots)
    result = build_dataset(repository_list(str(listing)), options, lambda *_: None)
    assert result.failed == {}
    return Dataset(folder / "data")


def synthetic(index, commits=12, first=None):
    """A synthetic history as `mined` takes it, and the name of its package; `first` is the first commit's time."""
    start = {} if first is None else {"first_commit_time": first}
    history = synthetic_history(7, index, commits=commits, **start)
    return [(commit.committer_time, dict(commit.files)) for commit in history.commits], history.name


def rewritten(commits, first, old, new, edit=lambda path, text: text):
    """A history under another name and with its texts edited, that begins at `first`; a commit a day."""
    return [
        (
            first + number * DAY,
            {
                path.replace(old, new): None
                if content is None
                else edit(path, content.decode().replace(old, new)).encode()
                for path, content in files.items()
            },
        )
        for number, (_, files) in enumerate(commits)
    ]


def edited_in_every_third_file(paths):
    """Changes every number in 30 % of the files: what a fork looks like after a while."""
    chosen = {path for number, path in enumerate(sorted(paths)) if number % 10 < 3}
    return lambda path, text: re.sub(r"\d+", lambda m: str(int(m[0]) + 1), text) if path in chosen else text


def changed(dataset, folder, changes=None, **config):
    """A copy of a dataset whose tables were changed.

    Args:
        dataset: the original.
        folder: where the copy goes.
        changes: by path in the dataset, a function from rows to rows.
        config: fields of the manifest's config to change.
    """
    shutil.copytree(dataset.folder, folder)
    for path, change in (changes or {}).items():
        table = pq.read_table(folder / path)
        rows = change(table.to_pylist())
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"].update(config)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Dataset(folder)


def edit_row(number, **values):
    """A change of one row of a table."""

    def change(rows):
        rows[number].update(values)
        return rows

    return change


def growing(count, tag=""):
    """A history in which each commit adds a module and a test file of it, with two assertions of their own."""
    return [
        (
            1_672_617_600 + n * DAY,
            {
                f"pkg{tag}/m{n}.py": f"def measure{tag}_{n}(value):\n    return value * {n + 2} + {n}\n".encode(),
                f"tests/test_{n}.py": (
                    f"def test_measure{tag}_{n}():\n    first = measure{tag}_{n}({n})\n"
                    f"    assert measure{tag}_{n}(first) == {n * 31 + 1000}\n"
                    f"    assert measure{tag}_{n}(first + {n}) == {n * 17 + 2000}\n"
                ).encode(),
            },
        )
        for n in range(count)
    ]


def found(findings, check, severity=None):
    """The problems of one check, of one severity if it is given."""
    problems = [problem for problem in findings.problems if problem.check == check]
    return [problem for problem in problems if severity is None or problem.severity == severity]


def counts(findings, name):
    """Count and total of a measure, over all groups that have any."""
    measures = [measure for measure in findings.measures if measure.name == name]
    return sum(measure.count for measure in measures), sum(measure.of for measure in measures)
