"""What a synthetic history is, once generated: names, commits and whole file contents. Knows no git and no theme."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticCommit:
    """One commit: its message, its time, and everything that it changes.

    `committer_time` is in seconds since the Unix epoch. `files` pairs a path with its content after the commit, or with
    None where the commit deletes it, sorted by path; a rename is a deletion beside an addition of nearly the same text.
    """

    message: str
    committer_time: int
    files: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticRepository:
    """A small Python project that exists nowhere else, as the commits that build it, oldest first.

    The first commit starts from an empty tree. `name` is also the name of the Python package inside.
    """

    name: str
    commits: tuple[SyntheticCommit, ...]
    licence: str = "MIT"

    def tree(self, commits: int | None = None) -> dict[str, bytes]:
        """Path and content of every file after the first `commits` commits (all of them by default), sorted by path."""
        files: dict[str, bytes] = {}
        for commit in self.commits[:commits]:
            for path, content in commit.files:
                if content is None:
                    del files[path]
                else:
                    files[path] = content
        return dict(sorted(files.items()))
