"""A small mined dataset, and the ways in which tests damage a copy of it: rows, files, the manifest."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.gitrepo import write_history
from repopeftbench.sources import repository_list

DAY = 86_400
START = 1_672_617_600  # 2023-01-02
CUTOFF, CUTOFF_SECONDS = "2025-04-01", 1_743_465_600
EVOLUTION_TRAIN, STATIC_TRAIN = "tasks/evolution/ir_train.parquet", "tasks/static/ir_train.parquet"


def mine_small(folder):
    """Six in-distribution repositories and a young one, ten commits each."""
    names = [*(f"r{number}" for number in range(6)), "young"]
    for name in names:
        start = CUTOFF_SECONDS if name == "young" else START
        commits = [(f"commit {n}", start + n * DAY, [(f"tests/test_{n}.py", _test(name, n))]) for n in range(10)]
        commits[0][2].append((f"{name}.py", b"VALUE = 1\n"))
        write_history(folder / name, commits)
    (folder / "list.txt").write_text("".join(f"{folder / name}\n" for name in names))
    options = BuildOptions(folder=folder / "data", cutoff=CUTOFF, cache=folder / "cache")
    build_dataset(repository_list(str(folder / "list.txt")), options, lambda *_: None)
    return options.folder


def _test(name, number):
    lines = [f"import {name}", "", "", f"def test_{number}():"]
    lines += [f"    assert {name}.f{number}({n}) == {n}" for n in range(2)]
    lines += [f"    assert {name}.g{number}() == [{number}, 'é']", f"    assert {name}.h{number}(1)"]
    return ("\n".join(lines) + "\n").encode()


def edit_rows(folder, path, change, *, where=lambda row: True, honest=True):
    """Rewrites a table with `change` applied to the first row that `where` chooses; True where the row shall go.

    With `honest` the manifest gets the new hash and count, so that only the content is wrong.
    """
    table = pq.read_table(folder / path)
    rows = table.to_pylist()
    index = next(index for index, row in enumerate(rows) if where(row))
    if change(rows[index]):
        del rows[index]
    write_rows(folder, path, pa.Table.from_pylist(rows, schema=table.schema), honest=honest)


def write_rows(folder, path, table, *, honest=True):
    pq.write_table(table, folder / path)
    if honest:
        recorded = {"sha256": file_sha256(folder / path), "rows": table.num_rows}
        edit_manifest(folder, lambda m: next(f for f in m["files"] if f["path"] == path).update(recorded))


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def as_paper(folder):
    """Marks a dataset as one of the paper protocol."""
    edit_manifest(folder, lambda manifest: manifest["config"].update(protocol="paper"))


def in_repository(repo_id):
    return lambda row: row["repo_id"] == repo_id


def train_repository(folder):
    """The first repository of the train role."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return next(entry["repo_id"] for entry in manifest["repositories"] if entry["role"] == "train")
