r"""The static track of one repository (io: reads git): its pairs at the last commit, and at the anchor.

Source: `create_qnas_v2.py` over the separated test files, and `build_train_qnas_at_anchor.py`. Files come in path
order; the authors took the file system's at the last commit and git's, which is this one, at the anchor. A work tree
is read with `\n` for every line end, a blob as it is stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from repopeftbench.errors import GitObjectError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper.selection import balanced
from repopeftbench.paper.static_extract import StaticPair, static_pairs
from repopeftbench.paper.testpaths import has_test_component, has_test_content, is_quoted, is_separated


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The selected pairs of a commit's tree, and how many there were before the selection."""

    selected: tuple[StaticPair, ...]
    extracted: int


def separated_texts(repository: GitRepository, sha: str) -> dict[str, str]:
    """Path to text of the files that the separation of tests took for tests: by path, or by content."""
    found: dict[str, str] = {}
    for file in repository.python_files(sha):
        if not is_separated(file.path):
            continue
        try:
            text = repository.read(file.blob).decode("utf-8", "ignore")
        except GitObjectError:
            continue
        if has_test_component(file.path) or has_test_content(text):
            found[file.path] = text
    return found


def last_snapshot(texts: dict[str, str]) -> Snapshot:
    """The static track's pairs, from the separated files of the last commit."""
    return _snapshot((path, text.replace("\r\n", "\n").replace("\r", "\n")) for path, text in sorted(texts.items()))


def anchor_snapshot(repository: GitRepository, sha: str) -> Snapshot:
    """The pairs at a training repository's anchor, its last training commit; paths that git quotes are not seen."""
    texts = separated_texts(repository, sha)
    return _snapshot((path, text) for path, text in sorted(texts.items()) if not is_quoted(path))


def _snapshot(texts: Iterable[tuple[str, str]]) -> Snapshot:
    pairs = [pair for path, text in texts for pair in static_pairs(text, path) or ()]
    return Snapshot(selected=balanced(pairs), extracted=len(pairs))
