"""Who wrote what a dataset holds: each repository with its mined commit, licence, role and tasks. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from repopeftbench.dataset.licences import RepositoryLicence
from repopeftbench.dataset.manifest import RepositoryEntry

ATTRIBUTION_NAME = "ATTRIBUTION.md"
"""What the whole table is called beside published data."""
_WITH_TREES = {"github.com": "tree", "gitlab.com": "-/tree", "codeberg.org": "src/commit", "bitbucket.org": "src"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """One repository; `url` is its address at the mined commit, None where it came from a local copy."""

    repo_id: str
    url: str | None
    revision: str
    licence: str | None
    role: str
    tasks: int


def attributions(
    repositories: Sequence[RepositoryEntry], licences: Sequence[RepositoryLicence], tasks: Mapping[str, int]
) -> tuple[Attribution, ...]:
    """The attributions, in the repositories' order.

    Args:
        repositories: of the manifest.
        licences: of the same repositories.
        tasks: how many tasks each repository has, by id.
    """
    names = {licence.repo_id: licence.spdx for licence in licences}
    return tuple(
        Attribution(
            repo_id=entry.repo_id,
            url=_address(entry.location, entry.revision),
            revision=entry.revision,
            licence=names.get(entry.repo_id),
            role=entry.role,
            tasks=tasks.get(entry.repo_id, 0),
        )
        for entry in repositories
    )


def attribution_table(found: Iterable[Attribution]) -> str:
    """The repositories as a Markdown table."""
    lines = ["| repository | commit | licence | role | tasks |", "|---|---|---|---|--:|"]
    for one in found:
        commit = f"`{one.revision[:12]}`" if one.revision else "unknown"
        linked = commit if one.url is None else f"[{commit}]({one.url})"
        lines.append(
            f"| {cell(one.repo_id)} | {linked} | {cell(one.licence or 'unknown')} | {one.role} | {one.tasks:,} |"
        )
    return "\n".join(lines)


def attribution_file(found: Sequence[Attribution], title: str) -> str:
    """`ATTRIBUTION.md`: the whole table, with what it means."""
    return "\n".join(_file_lines(found, title)) + "\n"


def cell(text: str) -> str:
    """Text as it is, on one line, in a cell of a Markdown table."""
    for character in ("\\", "|", "<", "*", "`", "["):
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())


def repository_url(location: str) -> str | None:
    """The web address of a repository's URL, without user and password; None for a local path."""
    scp = re.match(r"(?:[\w.-]+@)?([\w.-]+):(?!/)(\S+)\Z", location)
    if "://" not in location:
        return None if scp is None else f"https://{scp[1]}/{_plain(scp[2])}"
    parts = urlsplit(location)
    if parts.scheme not in ("https", "http", "ssh") or not parts.hostname:
        return None
    port = f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
    return f"https://{parts.hostname}{port}/{_plain(parts.path)}"


def _plain(path: str) -> str:
    return quote(path.strip("/").removesuffix(".git"), safe="/~+%")


def _address(location: str, revision: str) -> str | None:
    """The address of a repository at a commit; of the repository where its host's form of such addresses is unknown."""
    url = repository_url(location)
    if url is None:
        return None
    middle = _WITH_TREES.get(urlsplit(url).netloc.removeprefix("www."))
    return url if middle is None or not revision else f"{url}/{middle}/{revision}"


def _file_lines(found: Sequence[Attribution], title: str) -> Iterator[str]:
    yield f"# Attribution of {title}"
    yield ""
    yield (
        "Every statement, prefix, file and diff of this dataset is the work of the authors of the repositories below, "
        "at the commit named and before it, and stays under its licence. The texts that were found are in `licenses/`."
    )
    yield ""
    yield attribution_table(found)
