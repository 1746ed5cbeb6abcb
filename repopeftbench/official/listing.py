"""The repositories of imported data as a list that `mine` reads: pinned, with their published roles."""

from collections.abc import Sequence

from repopeftbench.dataset.manifest import RepositoryEntry

_HEAD = (
    "# The repositories of {origin}, each at the last commit that the data knows, with its role.",
    "# Licences are not published. The paper selects MIT repositories, out of distribution MIT or Apache-2.0.",
)


def repository_list_text(entries: Sequence[RepositoryEntry], origin: str) -> str:
    """A TOML list of the repositories, by role and id.

    Args:
        entries: the repositories.
        origin: what they were imported from.
    """
    roles = ("train", "cr_val", "cr_test", "ood_test")
    ordered = sorted(entries, key=lambda entry: (roles.index(entry.role), entry.repo_id))
    head = "\n".join(_HEAD).format(origin=" ".join(origin.split()))
    return "\n\n".join((head, *map(_entry, ordered))) + "\n"


def _entry(entry: RepositoryEntry) -> str:
    fields = {"source": entry.repo_id, "name": None, "revision": entry.revision, "licence": entry.licence}
    if entry.location != f"https://github.com/{entry.repo_id}.git":
        fields |= {"source": entry.location, "name": entry.repo_id}
    lines = [f"{key} = {_quoted(value)}" for key, value in {**fields, "role": entry.role}.items() if value]
    return "\n".join(("[[repository]]", *lines))


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'
