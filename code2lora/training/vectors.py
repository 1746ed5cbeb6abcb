"""The vectors that hypernetworks are conditioned on, computed once before training and kept by content (io).

Nothing beyond the places in history that a training asks for is read: no later commit, no later diff. With a limit on
snapshots, a place gets the vector of the latest chosen snapshot at or before it: older than it might be, never newer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import torch

from code2lora.encoder import PAPER_DIFF, RECIPES, VectorStore, WindowEncoder
from code2lora.encoding_progress import EncodingProgress
from code2lora.state_vectors import EncodedVectors, Recipes
from code2lora.training.data import TrainingData
from code2lora.training.hypernetworks import NOTHING_YET, HistoryVectors

_Read = TypeVar("_Read")
Progress = Callable[[int, int], None]
"""Called as `progress(done, total)`, in snapshots or repositories."""


class VectorSource:
    """Makes the vectors of a dataset's repositories."""

    def __init__(self, data: TrainingData, encoder: WindowEncoder, recipe: str, store: VectorStore) -> None:
        """Prepares it; nothing is encoded yet.

        Args:
            data: The repositories.
            encoder: Makes vectors of windows.
            recipe: The name of the encoder's recipe for repositories; diffs are always cut as published.
            store: Where vectors are kept.
        """
        self._data = data
        self._vectors = EncodedVectors(encoder, Recipes(state=RECIPES[recipe], diff=PAPER_DIFF), store)

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far the encoding of texts is, from now on."""
        self._vectors.tell_encoding(progress)

    def snapshots(
        self, places: Iterable[tuple[str, int]], limit: int | None, progress: Progress
    ) -> dict[tuple[str, int], torch.Tensor]:
        """The vector (2 `E`) of each repository's files at each place; zeros before the first commit.

        Args:
            places: Repositories and positions of kept commits.
            limit: Most snapshots of each repository that are encoded; None encodes every place.
            progress: Told after every snapshot.
        """
        return at_stand_ins(places, limit, self._snapshot, progress)

    def descriptions(
        self, places: Iterable[tuple[str, int]], limit: int | None, progress: Progress
    ) -> dict[tuple[str, int], torch.Tensor]:
        """The vector (`E`) of each repository's description at each place; zeros before the first commit.

        Args:
            places: As of `snapshots`.
            limit: As of `snapshots`.
            progress: As of `snapshots`.
        """
        return at_stand_ins(places, limit, self._description, progress)

    def histories(self, latest: Mapping[str, int], progress: Progress) -> dict[str, HistoryVectors]:
        """The vectors of repositories' histories, each up to the latest place that is asked for.

        Args:
            latest: That place by repository; -1 needs no diff.
            progress: Told after every repository.
        """
        histories = {}
        for done, (repo_id, place) in enumerate(sorted(latest.items()), start=1):
            first_state_E = self._snapshot(repo_id, 0)
            texts = self._data.diffs(repo_id)[: place + 1]
            diffs = list(self._vectors.changes(repo_id, texts, len(texts)))
            diffs_TE = torch.stack(diffs) if diffs else first_state_E.new_zeros(0, self._vectors.width)
            histories[repo_id] = HistoryVectors(first_state_E=first_state_E, diffs_TE=diffs_TE)
            progress(done, len(latest))
        return histories

    def _snapshot(self, repo_id: str, place: int) -> torch.Tensor:
        if place == NOTHING_YET:
            return torch.zeros(self._vectors.width)
        blobs = self._data.files(repo_id, place)
        return self._vectors.files(repo_id, blobs, lambda path: self._data.read(blobs[path]))

    def _description(self, repo_id: str, place: int) -> torch.Tensor:
        text = "" if place == NOTHING_YET else self._data.description(repo_id, place)
        return self._vectors.description(repo_id, text)


def at_stand_ins(
    places: Iterable[tuple[str, int]],
    limit: int | None,
    read: Callable[[str, int], _Read],
    progress: Progress,
) -> dict[tuple[str, int], _Read]:
    """What is read of each place, or of the place that stands for it; see `stand_ins_for`.

    Args:
        places: Repositories and positions of kept commits.
        limit: Most commits of each repository that are read; None reads every place.
        read: Reads a repository at a place.
        progress: Told after every place that was read.
    """
    by_repository: dict[str, set[int]] = {}
    for repo_id, place in places:
        by_repository.setdefault(repo_id, set()).add(place)
    stand_ins = {repo_id: stand_ins_for(sorted(found), limit) for repo_id, found in sorted(by_repository.items())}
    chosen = [(repo_id, place) for repo_id, found in stand_ins.items() for place in sorted(set(found.values()))]
    found_at = {}
    for done, (repo_id, place) in enumerate(chosen, start=1):
        found_at[repo_id, place] = read(repo_id, place)
        progress(done, len(chosen))
    return {
        (repo_id, place): found_at[repo_id, found[place]] for repo_id, found in stand_ins.items() for place in found
    }


def stand_ins_for(places: Sequence[int], limit: int | None) -> dict[int, int]:
    """For each place the one whose vector it gets: itself, or the latest of a few that is not later.

    Args:
        places: Distinct positions of kept commits, or -1 for before the first, which always stands for itself.
        limit: Most commits that stand for others, spread evenly from the first one on; None for no limit.
    """
    if limit is None or len(places) <= limit:
        return {place: place for place in places}
    chosen = {index * (max(places) + 1) // limit for index in range(limit)} | {NOTHING_YET}
    return {place: max(stand for stand in chosen if stand <= place) for place in places}
