"""A run, or a report, as the files of a dataset repository on the Hub (io).

data/predictions/<split>-*.parquet   data/scores/<split>-*.parquet   run.json   README.md
report.md   report.json   README.md
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import RunError
from harness.publication.front_matter import front_matter
from harness.report.files import REPORT_JSON, REPORT_MARKDOWN, load_runs
from harness.report.rendering import to_markdown
from harness.report.tables import build_report
from harness.run_store import MANIFEST, SCORES, has_finished, reopen_run
from repopeftbench.dataset.hub_changes import Ownership
from repopeftbench.dataset.hub_layout import DATA_NAME, SPLITS, split_name
from repopeftbench.dataset.hub_shards import ShardedSplit
from repopeftbench.schema import Split

RUN_NAME = "run.json"
RUN = Ownership(marker=RUN_NAME, patterns=(f"{DATA_NAME}/*",))
REPORT = Ownership(marker=REPORT_JSON)
_GROUP_BYTES = 8 << 20

PREDICTIONS_SCHEMA = pa.schema(
    [
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("repo_id", pa.string(), nullable=False),
        pa.field("track", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        pa.field("stopped", pa.string(), nullable=False),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("error", pa.string()),
    ]
)


def write_run_repository(run: Path, folder: Path, repo_id: str, licence: str | None) -> tuple[str, ...]:
    """Fills an empty folder with a complete run: configs `predictions` and `scores`, manifest, card.

    Remarks tell of a backbone, checkpoint or encoder that is named by a folder of this machine.

    Raises:
        RunError: the run is not complete, or one of its files was changed since.
    """
    if not has_finished(run):
        raise RunError(f"Run folder {run} is not complete: start the same run again to finish it.")
    with reopen_run(run) as opened:
        opened.is_complete()
        predictions = {prediction.task_id: prediction for prediction in opened.read_predictions()}
    scores = without_maps(pq.read_table(run / SCORES))
    scored = scores.select(["task_id", "repo_id", "track", "split"]).to_pylist()
    rows = [
        row | {name: getattr(predictions[row["task_id"]], name) for name in PREDICTIONS_SCHEMA.names if name not in row}
        for row in scored
    ]
    _write_config("predictions", pa.Table.from_pylist(rows, schema=PREDICTIONS_SCHEMA), folder)
    splits = _write_config("scores", scores, folder)
    shutil.copyfile(run / MANIFEST, folder / RUN_NAME)
    (folder / "README.md").write_text(_run_card(run, repo_id, licence, splits), "utf-8")
    settings = opened.manifest.settings
    named = [name for name in (settings.backbone, settings.checkpoint, settings.encoder) if name is not None]
    return tuple(f"{RUN_NAME} names a folder of this machine ({name})" for name in named if Path(name).is_absolute())


def write_report_repository(report: Path, folder: Path, repo_id: str, licence: str | None) -> tuple[str, ...]:
    """Fills an empty folder with a report, which is also the text of its card; no remarks."""
    for name in (REPORT_MARKDOWN, REPORT_JSON):
        shutil.copyfile(report / name, folder / name)
    # There is no table to load: without `viewer: false` the Hub would look for one in report.json.
    metadata = {"pretty_name": repo_id, "license": licence, "viewer": False, "tags": ["repopeftbench", "code"]}
    text = (report / REPORT_MARKDOWN).read_text("utf-8")
    (folder / "README.md").write_text(f"{front_matter(metadata)}\n{text}", "utf-8")
    return ()


def without_maps(table: pa.Table) -> pa.Table:
    """The table with maps as lists of `key` and `value`: `datasets` 5.2 knows no maps, and would load nothing."""
    for index, field in enumerate(table.schema):
        if pa.types.is_map(field.type):
            entry = pa.struct([("key", field.type.key_type), ("value", field.type.item_type)])
            column = table.column(index).cast(pa.list_(entry))
            table = table.set_column(index, pa.field(field.name, column.type, nullable=field.nullable), column)
    return table


def _write_config(name: str, table: pa.Table, root: Path) -> tuple[str, ...]:
    """Writes the rows by split; the names of the splits that have some."""
    folder = root / DATA_NAME / name
    folder.mkdir(parents=True)
    written = []
    for split in sorted(Split, key=lambda split: SPLITS.index(split_name(split))):
        rows = table.filter(pc.equal(table.column("split"), split.value))
        if rows.num_rows:
            growing = ShardedSplit(folder, split_name(split), table.schema, group_bytes=_GROUP_BYTES)
            growing.add(rows)
            growing.finish()
            written.append(split_name(split))
    return tuple(written)


def _run_card(run: Path, repo_id: str, licence: str | None, splits: Iterable[str]) -> str:
    loaded = load_runs([run])
    manifest = loaded[0].manifest
    configs = [
        {
            "config_name": name,
            "data_files": [{"split": split, "path": f"{DATA_NAME}/{name}/{split}-*"} for split in splits],
        }
        for name in ("predictions", "scores")
    ]
    metadata = {
        "pretty_name": f"RepoPeftBench run: {manifest.method}",
        "license": licence,
        "language": ["code"],
        "tags": ["repopeftbench", "predictions", "code"],
        "configs": configs,
    }
    backbone = manifest.settings.backbone
    tables = to_markdown(build_report(loaded, seed=0), slices=()).partition("\n")[2].strip()
    return f"""{front_matter(metadata)}
# A RepoPeftBench run of `{manifest.method}`

One row per task of assertion completion: what the method answered (`predictions`: `raw`, and `stopped`, which is `raw`
up to the end of the first complete expression), and what that is worth (`scores`).

```python
from datasets import load_dataset

scores = load_dataset("{repo_id}", "scores")
```

| | |
|---|---|
| method | `{manifest.method}` |
| backbone | `{backbone}` |
| tasks | {manifest.task_count:,} |
| dataset (SHA-256 of its manifest) | `{manifest.dataset_sha256}` |
| repobench | {manifest.tool_version} |

`{RUN_NAME}` is the whole configuration. `task_id` is that of the dataset; the tasks themselves are not repeated here.

{tables}
"""
