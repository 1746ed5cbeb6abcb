"""From shards to a rebuilt dataset folder (io), in the published layout; `README.json` comes last.

commits/{train,cr_val,cr_test,ood_test}.parquet     qna/{train,ir_val,ir_test,cr_val,cr_test,ood_test}.parquet
smartcap/qna/train.parquet    anchor/qna/train.parquet    splits/{train,ir_val,ir_test,cr_val,cr_test,ood_test}.json
"""

import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.manifest import FileEntry, current_versions, file_sha256
from repopeftbench.paper import capping, mine, ood, splits, tables
from repopeftbench.paper.manifest import MANIFEST_NAME, PaperManifest, PaperRepository, SmartCap
from repopeftbench.paper.mine import Shard
from repopeftbench.paper.splits import CR_TEST, CR_VAL, OOD_TEST, SEED, TEST, TRAIN, VAL

NEW = ".new"
PARTS = ("anchor", "commits", "qna", "smartcap", "splits")
_IN_REPO = {TRAIN: "train", VAL: "ir_val", TEST: "ir_test"}


def write_dataset(
    shards: Sequence[Shard],
    left_out: Mapping[str, str],
    cutoff: str | None,
    folder: Path,
    listed: Mapping[str, str] = MappingProxyType({}),
) -> PaperManifest:
    """Writes the dataset of some shards to `folder`, in the place of what was there, and returns its manifest.

    Args:
        shards: the repositories, in any order; in-distribution ones with at least 30 selected pairs.
        left_out: what is not in the dataset and why.
        cutoff: for the manifest.
        folder: the dataset folder.
        listed: `train`, `cr_val`, `cr_test` or `ood_test` of repositories that are not to be drawn.
    """
    ordered = sorted(shards, key=lambda shard: shard.repo_id)
    drawn = [shard for shard in ordered if not shard.is_ood and shard.repo_id not in listed]
    roles = splits.assign_repositories({shard.repo_id: shard.static_selected for shard in drawn})
    roles |= {shard.repo_id: listed.get(shard.repo_id, OOD_TEST) for shard in ordered if shard.repo_id not in roles}
    new = folder / NEW
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True)
    with _Tables(new) as out:
        for shard in ordered:
            _write_evolution(shard, roles[shard.repo_id], out)
        smart_cap = _write_smart_cap([shard for shard in ordered if roles[shard.repo_id] == TRAIN], out)
    rows = out.rows | _write_static(ordered, roles, new)
    manifest = PaperManifest(
        seed=SEED,
        cutoff=cutoff,
        versions=current_versions(),
        repositories=tuple(_entry(shard, roles[shard.repo_id]) for shard in ordered),
        left_out=dict(left_out),
        smart_cap=smart_cap,
        files=tuple(FileEntry(path=name, rows=rows[name], sha256=file_sha256(new / name)) for name in sorted(rows)),
    )
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    for part in PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
        if (new / part).exists():
            (new / part).replace(folder / part)
    write_atomically(folder / MANIFEST_NAME, (manifest.model_dump_json(indent=2) + "\n").encode())
    shutil.rmtree(new)
    return manifest


class _Tables:
    """The parquet files of a folder by name, opened when they get their first row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.rows: dict[str, int] = {}

    def __enter__(self) -> "_Tables":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def append(self, name: str, table: pa.Table) -> None:
        if not table.num_rows:
            return
        if name not in self._writers:
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            self._writers[name] = pq.ParquetWriter(self._folder / name, table.schema, compression="zstd")
            self.rows[name] = 0
        self._writers[name].write_table(table)
        self.rows[name] += table.num_rows


def _write_evolution(shard: Shard, role: str, out: _Tables) -> None:
    for table in _labelled(shard, mine.COMMITS, role):
        out.append(f"commits/{role}.parquet", table)
    for table in _labelled(shard, mine.QNA, role):
        if role != TRAIN:
            out.append(f"qna/{role}.parquet", table)
            continue
        for label, name in _IN_REPO.items():
            out.append(f"qna/{name}.parquet", table.filter(pc.equal(table["in_repo_split"], label)))
    if role == TRAIN:
        anchor = json.loads((shard.folder / mine.ANCHOR).read_text("utf-8"))
        out.append("anchor/qna/train.parquet", pa.Table.from_pylist(anchor, schema=tables.ANCHOR))


def _write_smart_cap(shards: Sequence[Shard], out: _Tables) -> SmartCap:
    """The published training file: in-repo val and test rows untouched and first, then the capped train rows."""
    name = "smartcap/qna/train.parquet"
    passed = kept = seen = 0
    for shard in shards:
        for table in _labelled(shard, mine.QNA, TRAIN):
            rest = table.filter(pc.not_equal(table["in_repo_split"], TRAIN))
            passed += rest.num_rows
            out.append(name, rest)
    rng = random.Random(SEED)
    for shard in shards:
        train = splits.commit_splits(shard.kept_commits).count(TRAIN)
        rows = [row for row in _light_rows(shard) if row.commit < train]
        seen += len(rows)
        # Train commits are the oldest, so the places among them are places in the file.
        chosen = capping.smart_cap(rows, rng)
        kept += len(chosen)
        first = 0
        for table in _labelled(shard, mine.QNA, TRAIN):
            inside = [place - first for place in chosen if first <= place < first + table.num_rows]
            out.append(name, table.take(pa.array(inside, pa.int64())))
            first += table.num_rows
    return SmartCap(
        max_per_file=capping.MOST_PER_FILE,
        max_per_commit=capping.MOST_PER_COMMIT,
        min_target_chars=capping.FEWEST_CHARACTERS,
        rows_in_train=seen,
        rows_out_train_capped=kept,
        rows_out_eval_passthrough=passed,
    )


def _light_rows(shard: Shard) -> list[capping.Row]:
    columns = pq.read_table(
        shard.folder / mine.QNA, columns=["commit_index", "test_file", "test_function", "target"]
    ).to_pydict()
    return [
        capping.Row(commit=commit, test_file=file, test_function=function, target=target)
        for commit, file, function, target in zip(*columns.values(), strict=True)
    ]


def _labelled(shard: Shard, name: str, role: str) -> Iterator[pa.Table]:
    """A shard's table, row group by row group, with both splits filled in."""
    labels = pa.array(splits.commit_splits(shard.kept_commits), pa.string())
    with pq.ParquetFile(shard.folder / name) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            for column, values in (
                ("cross_repo_split", pa.array([role] * table.num_rows, pa.string())),
                ("in_repo_split", labels.take(table["commit_index"].combine_chunks())),
            ):
                place = table.schema.get_field_index(column)
                table = table.set_column(place, table.schema.field(place), values)
            yield table


def _write_static(shards: Sequence[Shard], roles: Mapping[str, str], folder: Path) -> dict[str, int]:
    """The static track's JSON files; returns their rows by name."""
    found: dict[str, dict[str, Any]] = {name: {} for name in (TRAIN, "ir_val", "ir_test", CR_VAL, CR_TEST, OOD_TEST)}
    for shard in shards:
        pairs = json.loads((shard.folder / mine.STATIC).read_text("utf-8"))
        role = roles[shard.repo_id]
        if role == TRAIN:
            parts = splits.split_pairs(len(pairs))
            for name, places in ((TRAIN, parts.train), ("ir_val", parts.val), ("ir_test", parts.test)):
                if places:
                    found[name][shard.repo_id] = {"qna_pairs": splits.chosen(pairs, places)}
        else:
            found[role][shard.repo_id] = {"qna_pairs": _ood_pairs(shard) if role == OOD_TEST else pairs}
    rows: dict[str, int] = {}
    for name, repositories in found.items():
        if repositories:
            path = f"splits/{name}.json"
            (folder / "splits").mkdir(exist_ok=True)
            text = json.dumps({"repositories": repositories}, indent=2, ensure_ascii=False)
            (folder / path).write_text(text, "utf-8")
            rows[path] = sum(len(entry["qna_pairs"]) for entry in repositories.values())
    return rows


def _ood_pairs(shard: Shard) -> list[tables.Row]:
    path = shard.folder / mine.QNA
    columns = pq.read_table(path, columns=["test_file", "lineno"]).to_pydict()
    places = ood.ood_places(columns["test_file"], columns["lineno"])
    entries: dict[int, tables.Row] = {}
    first = 0
    for table in _labelled(shard, mine.QNA, OOD_TEST):
        inside = [place for place in places if first <= place < first + table.num_rows]
        chosen = table.take(pa.array([place - first for place in inside], pa.int64())).to_pylist()
        entries.update(zip(inside, map(ood.ood_entry, chosen), strict=True))
        first += table.num_rows
    return [entries[place] for place in places]


def _entry(shard: Shard, role: str) -> PaperRepository:
    return PaperRepository(
        repo_id=shard.repo_id,
        location=shard.location,
        revision=shard.revision,
        cross_repo_split=role,
        commits=shard.commits,
        kept_commits=shard.kept_commits,
        assertions=shard.assertions,
        static_extracted=shard.static_extracted,
        static_selected=shard.static_selected,
        file_versions=shard.file_versions,
        file_versions_dropped=shard.file_versions_dropped,
    )
