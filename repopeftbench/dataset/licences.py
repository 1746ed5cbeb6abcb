"""The licences of a dataset's repositories: their texts, out of its snapshots, and what a publisher should know.

The licence of a repository is what its list says; where the list says nothing, what its text is recognised as. Only
files at the root of the static snapshot are looked at (`mining.metadata`): a licence elsewhere, in `pyproject.toml`
or in a README, is not found.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from repopeftbench.audit.findings import Findings, Problem, Severity
from repopeftbench.dataset.licence_rules import Terms, canonical, recognised, terms_of
from repopeftbench.dataset.manifest import RepositoryEntry
from repopeftbench.dataset.snapshots import SnapshotStore, has_snapshots
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError, GitObjectError
from repopeftbench.views import DatasetRepositoryView

TEXTS_NAME = "licenses"
"""Folder of the texts beside published data."""
_BEGINNINGS = ("license", "licence", "copying")
_LIST = "in a TOML list of repositories"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceText:
    """One licence file of a repository: its path there, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryLicence:
    """The licence of one repository; `declared` is what its list says, `recognised` what its texts are."""

    repo_id: str
    revision: str
    declared: str | None
    recognised: str | None
    texts: tuple[LicenceText, ...]

    @property
    def spdx(self) -> str | None:
        """The licence that counts, an SPDX expression where it is known at all."""
        return canonical(self.declared) if self.declared else self.recognised


def repository_licences(dataset: Dataset) -> tuple[RepositoryLicence, ...]:
    """The licence of every repository, in the manifest's order; no texts where the dataset has no snapshots.

    Raises:
        DatasetError: the snapshots cannot be read.
    """
    store = SnapshotStore(dataset.folder) if has_snapshots(dataset.folder) else None
    return tuple(_licence(entry, store) for entry in dataset.manifest.repositories)


def licence_files(licences: tuple[RepositoryLicence, ...]) -> Iterator[LicenceText]:
    """The texts under the paths that they are published at: `licenses/OWNER__NAME/LICENSE`."""
    folders = Counter[str]()
    for licence in licences:
        folder = re.sub(r"[^A-Za-z0-9._~-]", "_", licence.repo_id.replace("/", "__")).lstrip(".") or "_"
        folders[folder.casefold()] += 1
        count = folders[folder.casefold()]
        for text in licence.texts:
            place = folder if count == 1 else f"{folder}+{count}"
            yield LicenceText(path=f"{TEXTS_NAME}/{place}/{text.path}", text=text.text)


def licences(dataset: Dataset) -> Findings:
    """Warnings for repositories whose licence has no text, is unknown, is copyleft, or contradicts its text.

    A note says where a licence is known from its text alone.

    Raises:
        DatasetError: the snapshots cannot be read.
    """
    problems: list[Problem] = []
    found = repository_licences(dataset)
    snapshots = has_snapshots(dataset.folder)
    if not snapshots:
        fix = "mine without --no-snapshots, or add the texts by hand before you publish"
        problems.append(_problem("dataset", "the dataset has no snapshots, so it holds no licence text", fix))
    for licence in found:
        problems += _problems_of(licence, texts_expected=snapshots)
    return Findings(problems=tuple(problems))


def _licence(entry: RepositoryEntry, store: SnapshotStore | None) -> RepositoryLicence:
    texts = () if store is None else _texts(entry, store)
    names = {recognised(text.text) for text in texts}
    return RepositoryLicence(
        repo_id=entry.repo_id,
        revision=entry.revision,
        declared=entry.licence,
        recognised=names.pop() if len(names) == 1 else None,
        texts=texts,
    )


def _texts(entry: RepositoryEntry, store: SnapshotStore) -> tuple[LicenceText, ...]:
    try:
        commits = store.commits(entry.repo_id)
    except DatasetError:
        # Not one commit of it was kept.
        return ()
    revision = entry.revision if entry.revision in commits else commits[-1]
    view = DatasetRepositoryView(entry.repo_id, revision, store)
    found: list[LicenceText] = []
    for path in view.metadata_files():
        if path.lower().startswith(_BEGINNINGS):
            try:
                found.append(LicenceText(path=path, text=view.read_metadata(path)))
            except GitObjectError:
                # The blob is missing in the mined copy, or is no text: the audit says that there is none.
                continue
    return tuple(found)


def _problems_of(licence: RepositoryLicence, *, texts_expected: bool) -> Iterator[Problem]:
    name, spdx = licence.repo_id, licence.spdx
    if texts_expected and not licence.texts:
        message = f"no licence text at the root of {licence.revision}: LICENSE, LICENCE and COPYING were looked for"
        yield _problem(
            name, message, "see whether its licence asks for its text, and add it, or leave the repository out"
        )
    if spdx is None:
        message = "its licence is not known: the list names none, and none was recognised in its files"
        yield _problem(name, message, f'look it up and write licence = "SPDX-ID" {_LIST}, or leave the repository out')
        return
    terms = terms_of(spdx)
    if terms is Terms.COPYLEFT:
        message = f"its licence, {spdx}, is copyleft: what is derived from it may have to be under it too"
        yield _problem(name, message, "leave the repository out, or publish under terms that its licence allows")
    elif terms is Terms.UNKNOWN:
        message = f"its licence, {spdx!r}, is none that is known to be permissive"
        yield _problem(name, message, f"write its SPDX id {_LIST} if it has one, or leave the repository out")
    if licence.declared and licence.recognised and licence.recognised not in _parts(licence.declared):
        message = f"the list says {licence.declared}, its text is that of {licence.recognised}"
        yield _problem(name, message, f"look it up and correct licence {_LIST}")
    if not licence.declared:
        message = f"its licence is known from its text alone, which is that of {spdx}; its tasks name none"
        fix = f'write licence = "{spdx}" {_LIST} and mine again'
        yield _problem(name, message, fix, severity=Severity.NOTE)


def _parts(expression: str) -> set[str]:
    """The ids in an expression; `GPL-3.0-or-later` and `GPL-3.0-only` count as `GPL-3.0`."""
    names = re.split(r"\s+(?:AND|OR|WITH)\s+", expression.translate({40: None, 41: None}), flags=re.IGNORECASE)
    return {re.sub(r"-(?:only|or-later)\Z|\+\Z", "", canonical(name)) for name in names}


def _problem(where: str, message: str, fix: str, *, severity: Severity = Severity.WARNING) -> Problem:
    return Problem(check="licences", severity=severity, where=where, message=message, fix=fix)
