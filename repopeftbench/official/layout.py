"""What lies in the folders to import: each file is taken for something known by its columns, or named and left (io).

Published sets come in several layouts (`commits/` and `qna/` with one file per split, `commits.parquet` and
`qna.parquet`, `splits/main/*.json`), and can be imported together. Columns decide what a parquet file is; the rows'
own columns, and never a file's name, decide which split they are of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from repopeftbench.dataset.manifest import MANIFEST_NAME, REBUILT_NAME, is_dataset
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError
from repopeftbench.official.columns import (
    ANCHOR_MARKS,
    COMMIT_COLUMNS,
    PLACE_COLUMNS,
    ROW_COLUMNS,
    check_columns,
    column_types,
    row_count,
)
from repopeftbench.paper.manifest import PaperManifest
from repopeftbench.schema import Split

STATIC_SPLITS = {
    "train": Split.IR_TRAIN,
    "ir_val": Split.IR_VAL,
    "ir_test": Split.IR_TEST,
    "cr_val": Split.CR_VAL,
    "cr_test": Split.CR_TEST,
    "ood_test": Split.OOD_TEST,
}
"""The files of the static track, by their names without `.json`."""
HUB_PATTERNS = (
    "*.parquet",
    *(f"{folder}{name}.json" for folder in ("", "splits/", "splits/main/") for name in STATIC_SPLITS),
    "*README*",
    MANIFEST_NAME,
)
"""What is downloaded of a published set: not the caches, results and wider splits that lie beside; and the manifest by
which a publication of ours is told from one."""
_SWEEP = "expanded"


class Kind(StrEnum):
    """What a file is taken for."""

    COMMITS = "commits"
    ROWS = "evolution tasks"
    ANCHOR = "static tasks at the anchor"
    STATIC = "static tasks"
    SIDE = "side file"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A folder to import, and what the reader knows it by (a Hub id with its revision, a folder's name)."""

    label: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file of a root, what it is taken for, and why it is left where it is.

    `columns` are those of a parquet file, `rows` its rows; of other files none and None.
    """

    name: str
    path: Path
    kind: Kind
    columns: frozenset[str] = frozenset()
    rows: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All files of the roots, by root and name, and the manifests of those that `mine --protocol paper` wrote."""

    files: tuple[PublishedFile, ...]
    rebuilt: tuple[PaperManifest, ...]

    def of(self, *kinds: Kind) -> tuple[PublishedFile, ...]:
        """The files of some kinds."""
        return tuple(file for file in self.files if file.kind in kinds)


def survey(roots: Sequence[Root]) -> Survey:
    """Looks at every file of the roots.

    Raises:
        DatasetError: a root is no folder, is a dataset already, or holds nothing known; or a file that must be of a
            known kind is damaged or lacks columns.
    """
    files: list[PublishedFile] = []
    rebuilt: list[PaperManifest] = []
    for root in roots:
        if not root.folder.is_dir():
            raise DatasetError(f"{root.folder} is no folder: name the folder that holds commits/ and qna/")
        if is_dataset(root.folder):
            Dataset(root.folder)
            raise DatasetError(f"{root.folder} is a dataset already: use it as it is, nothing is to be imported")
        found = [_taken(root, path) for path in sorted(root.folder.rglob("*")) if _is_shown(root.folder, path)]
        if all(file.kind in (Kind.SIDE, Kind.LEFT) for file in found):
            raise DatasetError(
                f"{root.folder} holds no published data: a folder with commits/ and qna/ is expected, with "
                "commits.parquet and qna.parquet, or with the static track's train.json and the like"
            )
        files += found
        rebuilt += _rebuilt(root.folder / REBUILT_NAME)
    return Survey(files=tuple(files), rebuilt=tuple(rebuilt))


def _is_shown(folder: Path, path: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _taken(root: Root, path: Path) -> PublishedFile:
    relative = path.relative_to(root.folder)
    name = f"{root.label}/{relative.as_posix()}"
    if path.suffix == ".parquet":
        return _taken_parquet(name, path, relative)
    if "README" in path.name or path.name == "LICENSE":
        return PublishedFile(name=name, path=path, kind=Kind.SIDE)
    if path.suffix == ".json" and path.stem in STATIC_SPLITS:
        if _SWEEP in relative.parts:
            return PublishedFile(name=name, path=path, kind=Kind.LEFT, reason="splits of the scaling sweep")
        return PublishedFile(name=name, path=path, kind=Kind.STATIC)
    return PublishedFile(name=name, path=path, kind=Kind.LEFT, reason="not known")


def _taken_parquet(name: str, path: Path, relative: Path) -> PublishedFile:
    types = column_types(path)
    columns = frozenset(types)
    home = {relative.stem, *relative.parts[:-1]}
    kind = Kind.LEFT
    needed: tuple[str, ...] = ()
    if {"prefix", "target", "cross_repo_split"} <= columns or home & {"qna", "qna_pairs"}:
        is_anchor = bool(ANCHOR_MARKS & columns) and not columns.issuperset(PLACE_COLUMNS)
        kind, needed = Kind.ANCHOR if is_anchor else Kind.ROWS, ROW_COLUMNS
    elif "commit_timestamp" in columns or "commits" in home:
        kind, needed = Kind.COMMITS, COMMIT_COLUMNS
    check_columns(path, types, needed)
    reason = "columns of no published file" if kind is Kind.LEFT else ""
    return PublishedFile(name=name, path=path, kind=kind, columns=columns, rows=row_count(path), reason=reason)


def _rebuilt(path: Path) -> list[PaperManifest]:
    """The manifest at a path, if there is one."""
    try:
        return [PaperManifest.model_validate_json(path.read_bytes())]
    except (OSError, ValidationError):
        return []
