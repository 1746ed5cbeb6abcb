"""A small dataset of repositories under different licences, and its files as they are on the Hub."""

import pyarrow.compute as pc
import pyarrow.parquet as pq

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.hub_records import HubConfig, HubFile, HubSplit
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.dataset.snapshot_tables import FILES, TREES
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.tables import COMMITS, TASKS
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Track
from repopeftbench.sources import repository_list

MIT = """The MIT License (MIT)

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in it.
"""
BSD = """Copyright 2020 somebody.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that:
* Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote
  products derived from this software.
"""
APACHE = "                 Apache License\n           Version 2.0, January 2004\n"
GPL = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n"

REPOSITORIES = {
    "org/mit": ("MIT", {"LICENSE": MIT}),
    "org/bsd": (None, {"LICENCE.txt": BSD}),
    "org/none": (None, {}),
    "org/gpl": ("GPL-3.0-or-later", {"COPYING": GPL}),
    "org/other": ("MIT", {"LICENSE": APACHE}),
    "org/dual": (None, {"LICENSE-MIT": MIT, "LICENSE-APACHE": APACHE}),
}
"""Name to what the list says of the licence, and the licence files."""


def build_case(folder, repositories=None, **options):
    """The dataset of `repositories`, mined into `folder`; each has ten commits with two new assertions each."""
    entries = []
    for number, (name, (licence, files)) in enumerate((repositories or REPOSITORIES).items()):
        place = folder / "repositories" / name.replace("/", "+")
        history = []
        for commit in range(10):
            paths = files if commit == 0 else {}
            values = "\n".join(f"    assert f_{number}({commit}) == {value}" for value in (f'"{commit}"', commit))
            tests = f"def test_a():\n{values}\n"
            paths = {**paths, f"tests/test_{commit}.py": tests, "code.py": f"X = {commit}\n"}
            changes = [(path, text.encode()) for path, text in paths.items()]
            history.append((f"commit {commit}", 1_672_617_600 + commit * 86_400, changes))
        write_history(place, history)
        entries.append(f'[[repository]]\nsource = "{place}"\nname = "{name}"\n')
        entries[-1] += f'licence = "{licence}"\n' if licence else ""
    (folder / "list.toml").write_text("\n".join(entries))
    build = BuildOptions(folder=folder / "data", cutoff="none", cache=folder / "cache", **options)
    build_dataset(repository_list(str(folder / "list.toml")), build, lambda *_: None)
    return Dataset(folder / "data")


def write_layout(dataset, folder):
    """The configs of a dataset, written to `folder` as on the Hub; a split of many rows has two files."""
    splits = {track.value: _task_splits(dataset, track) for track in Track}
    commits = pq.read_table(dataset.folder / "commits.parquet")
    splits["commits"] = {
        _hub_name(split): commits.filter(pc.equal(commits.column("split"), split))
        for split in commits.column("split").unique().to_pylist()
    }
    schemas = dict.fromkeys(("static", "evolution"), TASKS) | {"commits": COMMITS}
    for name, schema in (("files", FILES), ("trees", TREES)):
        if (dataset.folder / name).is_dir():
            splits[name] = {"train": pq.read_table(dataset.folder / name / "part-00000.parquet")}
            schemas[name] = schema
    return tuple(
        HubConfig(
            name=name,
            description=f"Rows of {name}.",
            schema=schemas[name],
            splits=tuple(HubSplit(name=split, files=_files(folder, name, split, rows)) for split, rows in own.items()),
        )
        for name, own in splits.items()
    )


def _task_splits(dataset, track):
    found = {}
    for split in dataset.splits(track):
        found[_hub_name(split)] = pq.read_table(dataset.folder / "tasks" / track / f"{split}.parquet")
    return found


def _hub_name(split):
    return "train" if split == "ir_train" else str(split)


def _files(root, config, split, rows):
    count = 2 if rows.num_rows > 20 else 1
    half = -(-rows.num_rows // count)
    files = []
    for shard in range(count):
        path = root / "data" / config / f"{split}-{shard:05d}-of-{count:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = rows.slice(shard * half, half)
        pq.write_table(part, path)
        files.append(
            HubFile(
                path=path.relative_to(root).as_posix(),
                rows=part.num_rows,
                size_bytes=path.stat().st_size,
                sha256=file_sha256(path),
            )
        )
    return tuple(files)
