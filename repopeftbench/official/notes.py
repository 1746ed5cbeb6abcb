"""What a reader of imported data must know, as sentences for its manifest."""

from collections.abc import Sequence

from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.official.commits import Commits
from repopeftbench.official.layout import Kind, Survey
from repopeftbench.official.published import SizeCheck

_AS_PUBLISHED = (
    "Imported from published data: prefix and target are as published. The prefix may end in white space, the target "
    "of a call keeps its closing parenthesis, gap and suffix are empty."
)
_UNKNOWN = (
    "Not published: history_index is the index among kept commits, committer_time the author's date, licences are "
    "unknown. Byte offsets count from the start of the prefix."
)
_STATIC = (
    "Static tasks: the snapshot is not published. They carry the repository's last kept commit, or the commit that "
    "their row names."
)
_CAPS = (
    "Training rows of the evolution track are those of the smart cap with seed 3407, evaluation rows the first 8 of "
    "each commit."
)
_ALL_ROWS = "All rows are tasks: neither the smart cap nor the first 8 of each commit were applied."


def import_notes(
    found: Survey, commits: Commits, checks: Sequence[SizeCheck], *, all_rows: bool, has_static: bool
) -> tuple[str, ...]:
    """The notes of an import: how rows became tasks, what is unknown, which files were read and left, sizes.

    Args:
        found: the files.
        commits: the commits.
        checks: sizes beside the published ones.
        all_rows: whether the caps were left out.
        has_static: whether there are static tasks.
    """
    notes = [_AS_PUBLISHED, _UNKNOWN, _ALL_ROWS if all_rows else _CAPS]
    if has_static:
        notes.append(_STATIC)
    if commits.undated:
        notes.append(f"{commits.undated:,} commits have no date that can be read; their time is 0.")
    for file in found.files:
        if file.kind is Kind.LEFT:
            notes.append(f"Left: {file.name}: {file.reason}.")
        elif file.kind is not Kind.SIDE:
            notes.append(f"Read: {file.name}: {file.kind}, sha256 {file_sha256(file.path)}.")
    notes += [size_note(check) for check in checks]
    return tuple(notes)


def size_note(check: SizeCheck) -> str:
    """One published size beside the measured one."""
    about = "about " if check.tolerance else ""
    verdict = "as published" if check.agrees else f"published: {about}{check.expected:,}"
    return f"Size of {check.what}: {check.measured:,}, {verdict}."
