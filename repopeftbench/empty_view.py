"""What a repository shows before its first kept commit: nothing."""

from collections.abc import Mapping

from repopeftbench.errors import DatasetError, GitObjectError
from repopeftbench.schema import KeptCommit, SymbolChanges, SymbolRecord


class NothingYet:
    """A repository before its first kept commit: a `HistoryView` that shows nothing."""

    commit_sha = ""

    def __init__(self, repo_id: str) -> None:
        """Takes the repository's name."""
        self.repo_id = repo_id

    def production_files(self) -> tuple[str, ...]:
        """No path."""
        return ()

    def read(self, path: str) -> str:
        """Nothing can be read.

        Raises:
            GitObjectError: always.
        """
        raise GitObjectError(f"{path} is not a production file of {self.repo_id} before its first kept commit")

    def blobs(self) -> Mapping[str, str]:
        """No content."""
        return {}

    def description(self) -> str:
        """No text."""
        return ""

    def kept_commits(self) -> tuple[KeptCommit, ...]:
        """No commit."""
        return ()

    def production_diff(self, commit_sha: str) -> str:
        """No commit has a diff.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{commit_sha} of {self.repo_id} does not come before its first kept commit")

    def symbols(self) -> tuple[SymbolRecord, ...]:
        """No record."""
        return ()

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """No commit changes anything.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{commit_sha} of {self.repo_id} does not come before its first kept commit")

    def at(self, commit_sha: str) -> "NothingYet":
        """No commit can be shown.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{commit_sha} of {self.repo_id} does not come before its first kept commit")
