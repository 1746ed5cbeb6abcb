"""The rows of published files, each with its commit: parquet in batches, JSON a file at a time (io)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from repopeftbench.errors import DatasetError
from repopeftbench.official.columns import EVENT_COLUMNS, PLACE_COLUMNS, ROW_COLUMNS, TEXT_ROWS, batches
from repopeftbench.official.commits import Commits, split_of
from repopeftbench.official.layout import STATIC_SPLITS, Kind, PublishedFile
from repopeftbench.official.rows import PublishedRow
from repopeftbench.schema import CommitInfo, Event, Track

UNKNOWN_INDEX = -1
_EVENTS = {"added": Event.ADDED, "modified": Event.MODIFIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """A row and its commit; `history_index` of an unknown commit is -1."""

    row: PublishedRow
    commit: CommitInfo


def parquet_rows(file: PublishedFile, commits: Commits) -> Iterator[ReadRow]:
    """The rows of a parquet file, of either track, in file order.

    Raises:
        DatasetError: the file is damaged or has an unknown split.
    """
    track = Track.STATIC if file.kind is Kind.ANCHOR else Track.EVOLUTION
    optional = [name for name in (*PLACE_COLUMNS, *EVENT_COLUMNS) if name in file.columns]
    for batch in batches(file.path, (*ROW_COLUMNS, *optional), TEXT_ROWS):
        for values in batch.to_pylist():
            repo_id, sha = values["repo_id"], values["commit_sha"]
            commit = commits.by_sha.get((repo_id, sha))
            event, old_target = _event(values) if track is Track.EVOLUTION else (Event.SNAPSHOT, None)
            row = PublishedRow(
                track=track,
                split=split_of(values["cross_repo_split"], values["in_repo_split"], where=str(file.path)),
                repo_id=repo_id,
                commit_sha=sha,
                test_file=values["test_file"] or "",
                test_function=values["test_function"] or "",
                assertion_type=values["assertion_type"] or "",
                lineno=values.get("lineno"),
                col_offset=values.get("col_offset"),
                is_whole_file=track is Track.EVOLUTION,
                prefix=values["prefix"] or "",
                target=values["target"] or "",
                event=event,
                old_target=old_target,
            )
            unknown = CommitInfo(sha=sha, history_index=UNKNOWN_INDEX, committer_time=0)
            yield ReadRow(row=row, commit=unknown if commit is None else commit.info)


def _event(values: Mapping[str, str | None]) -> tuple[Event, str | None]:
    """What a row says happened; where it says nothing, the assertion counts as added."""
    event = _EVENTS.get(values.get("assertion_event_type") or "", Event.ADDED)
    return event, (values.get("old_target") or None) if event is Event.MODIFIED else None


class _Lenient(BaseModel):
    # Other keys (difficulty, embeddings, paths of the authors' machines) are not looked at.
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Metadata(_Lenient):
    file: str = ""
    lineno: int | None = None
    col_offset: int | None = None
    test_function: str | None = None


class _Pair(_Lenient):
    prefix: str
    target: str
    assertion_type: str = ""
    metadata: _Metadata = _Metadata()
    commit_idx: int | None = None


class _Repository(_Lenient):
    qna_pairs: tuple[_Pair, ...]


class _StaticSplit(_Lenient):
    repositories: dict[str, _Repository]


class StaticReader:
    """Reads the static track's JSON; gives each pair the commit that stands for the snapshot, which is not published.

    That is the commit that a pair names by its index (out of distribution), else the repository's revision where
    `mine --protocol paper` recorded it, else its last kept commit, else none: an empty SHA.
    """

    def __init__(self, commits: Commits, revisions: Mapping[str, str]) -> None:
        """Prepares to read.

        Args:
            commits: the published commits.
            revisions: SHA of the snapshot by repository, where it is known.
        """
        self._last = commits.last()
        self._by_index = {
            (repo_id, commit.info.history_index): commit.info for (repo_id, _), commit in commits.by_sha.items()
        }
        self._revisions = revisions

    def rows(self, file: PublishedFile) -> Iterator[ReadRow]:
        """The pairs of a file, in file order.

        Raises:
            DatasetError: the file is no split of the static track.
        """
        try:
            split = _StaticSplit.model_validate_json(file.path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise DatasetError(
                f"{file.path} is no split of the static track: {place}: {first['msg']}: download it again"
            ) from error
        for repo_id, repository in split.repositories.items():
            for pair in repository.qna_pairs:
                commit = self._commit(repo_id, pair.commit_idx)
                row = PublishedRow(
                    track=Track.STATIC,
                    split=STATIC_SPLITS[file.path.stem],
                    repo_id=repo_id,
                    commit_sha=commit.sha,
                    test_file=pair.metadata.file,
                    test_function=pair.metadata.test_function or "",
                    assertion_type=pair.assertion_type,
                    lineno=pair.metadata.lineno,
                    col_offset=pair.metadata.col_offset,
                    is_whole_file=False,
                    prefix=pair.prefix,
                    target=pair.target,
                    event=Event.SNAPSHOT,
                    old_target=None,
                )
                yield ReadRow(row=row, commit=commit)

    def _commit(self, repo_id: str, index: int | None) -> CommitInfo:
        named = self._by_index.get((repo_id, index)) if index is not None else None
        if named is not None:
            return named
        last = self._last.get(repo_id)
        return CommitInfo(
            sha=self._revisions.get(repo_id) or ("" if last is None else last.info.sha),
            history_index=0 if last is None else last.info.history_index,
            committer_time=0 if last is None else last.info.committer_time,
        )
