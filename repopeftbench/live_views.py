"""A repository as it is, without a dataset: views of its commits, and the kept ones read as they are walked over.

What a dataset of the same history would hold is read here from git, one commit at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

from repopeftbench.errors import ConfigError, DatasetError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.mining.mine import RepositoryMiner
from repopeftbench.schema import CommitRecord, KeptCommit, SymbolChanges
from repopeftbench.symbol_sets import ExtractedSymbols, SymbolSource
from repopeftbench.views import GitRepositoryView


class LiveView(GitRepositoryView):
    """The production files of one commit, with the kept commits that are given (a `HistoryView`)."""

    def __init__(
        self,
        repo_id: str,
        commit_sha: str,
        repository: GitRepository,
        commits: Sequence[CommitRecord] = (),
        before: Mapping[str, str | None] = MappingProxyType({}),
        symbols: SymbolSource | None = None,
    ) -> None:
        """Describes the view; nothing is read yet.

        Args:
            repo_id: the repository.
            commit_sha: the commit whose tree is shown.
            repository: opened.
            commits: the kept commits that it tells of, oldest first; those before them are not known to it.
            before: of each of these the kept commit before, None of a history's first one.
            symbols: where its symbols come from; None parses its files.
        """
        super().__init__(repo_id, commit_sha, repository.path, symbols=symbols)
        self._opened = repository
        self._records = {record.commit_sha: record for record in commits}
        self._before = before

    @cached_property
    def _repository(self) -> GitRepository:
        return self._opened

    def kept_commits(self) -> tuple[KeptCommit, ...]:
        """The kept commits that it tells of, oldest first."""
        return tuple(KeptCommit(commit_sha=sha, split=None) for sha in self._records)

    def production_diff(self, commit_sha: str) -> str:
        """What one of `kept_commits` changed in production files since the kept commit before.

        Raises:
            DatasetError: it is none of them.
        """
        if commit_sha not in self._records:
            raise DatasetError(f"{commit_sha} of {self._repo_id} is no kept commit that this view tells of")
        return self._records[commit_sha].production_diff

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """What one of `kept_commits` changed in the symbols of the kept commit before, told of or not.

        Raises:
            DatasetError: it is none of them.
        """
        if commit_sha not in self._records or commit_sha not in self._before:
            raise DatasetError(f"{commit_sha} of {self._repo_id} is no kept commit that this view tells of")
        before = self._before[commit_sha]
        return self._symbols.changes(None if before is None else self.at(before), self.at(commit_sha))

    def at(self, commit_sha: str) -> "LiveView":
        """The view at one of `kept_commits`."""
        records = tuple(self._records.values())
        return LiveView(self._repo_id, commit_sha, self._opened, records, self._before, self._symbols)


class LiveHistory:
    """The first-parent history of one repository up to one commit."""

    def __init__(self, repository: GitRepository, repo_id: str, revision: str | None) -> None:
        """Finds the commit.

        Args:
            repository: opened.
            repo_id: what it is called.
            revision: the last commit; None is HEAD.

        Raises:
            SourceError: there is no such revision.
        """
        self._repository = repository
        self._commits = repository.history(repository.resolve(revision))
        self._places = {commit.sha: commit.history_index for commit in self._commits}
        self._before: dict[str, str | None] = {}
        self._symbols = ExtractedSymbols()
        self.repo_id = repo_id
        self.commit_sha = self._commits[-1].sha

    def holds(self, commit_sha: str) -> bool:
        """Whether a commit is in the history."""
        return commit_sha in self._places

    @property
    def length(self) -> int:
        """How many commits it has."""
        return len(self._commits)

    def place(self, commit_sha: str) -> int:
        """The position of one of its commits, from 0."""
        return self._places[commit_sha]

    def view(self, commit_sha: str, commits: Sequence[CommitRecord] = ()) -> LiveView:
        """The view at a commit, which tells of some kept commits, as `kept_after` gave them."""
        return LiveView(self.repo_id, commit_sha, self._repository, commits, self._before, self._symbols)

    def symbol_changes(self, before: str | None, after: str) -> SymbolChanges:
        """What has changed in the symbols between two commits, however many lie between.

        Files that are equal in both are not read.

        Args:
            before: the earlier commit; None for a repository of nothing.
            after: the later one.

        Raises:
            GitObjectError: the repository lacks the files of one of them.
        """
        return self._symbols.changes(None if before is None else self.view(before), self.view(after))

    def kept_after(self, commit_sha: str | None) -> Iterator[CommitRecord]:
        """The kept commits after one, oldest first; all of them where it is None.

        Only the commits behind it are looked at, and the last kept one before.

        Raises:
            ConfigError: the history does not hold it.
        """
        first = 0
        if commit_sha is not None:
            if not self.holds(commit_sha):
                raise ConfigError(f"{commit_sha} is not in the history of {self.repo_id} up to {self.commit_sha}")
            first = self._places[commit_sha] + 1
        miner = RepositoryMiner(self._repository, self.repo_id, None, DraftOptions())
        for harvest in miner.walk(self._commits, first, len(self._commits)):
            if harvest.commit is not None:
                self._before[harvest.commit.commit_sha] = harvest.previous_kept
                yield harvest.commit
