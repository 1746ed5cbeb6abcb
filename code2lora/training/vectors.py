"""The vectors that hypernetworks are conditioned on, computed once before training and kept by content (io).

Nothing beyond the places in history that a training asks for is read: no later commit, no later diff. With a limit on
snapshots, a place gets the vector of the latest chosen snapshot at or before it: older than it might be, never newer.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch

from code2lora.encoder import (
    PAPER_DIFF,
    RECIPES,
    FileVector,
    RepositoryEncoder,
    VectorStore,
    WindowEncoder,
    cache_key,
    encode_diff,
)
from code2lora.training.data import TrainingData
from code2lora.training.hypernetworks import NOTHING_YET, HistoryVectors

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
        self._encoder = encoder
        self._store = store
        self._repositories = RepositoryEncoder(encoder, RECIPES[recipe], store)
        self._diff_key = cache_key(encoder, PAPER_DIFF)

    def snapshots(
        self, places: Iterable[tuple[str, int]], limit: int | None, progress: Progress
    ) -> dict[tuple[str, int], torch.Tensor]:
        """The vector (2 `E`) of each repository at each place; zeros before the first commit.

        Args:
            places: Repositories and positions of kept commits.
            limit: Most snapshots of each repository that are encoded; None encodes every place.
            progress: Told after every snapshot.
        """
        by_repository: dict[str, set[int]] = {}
        for repo_id, place in places:
            by_repository.setdefault(repo_id, set()).add(place)
        stand_ins = {
            repo_id: stand_ins_for(sorted(found), limit) for repo_id, found in sorted(by_repository.items())
        }  # fmt: skip
        chosen = [(repo_id, place) for repo_id, found in stand_ins.items() for place in sorted(set(found.values()))]
        vectors = {}
        for done, (repo_id, place) in enumerate(chosen, start=1):
            vectors[repo_id, place] = self._snapshot(repo_id, place)
            progress(done, len(chosen))
        return {
            (repo_id, place): vectors[repo_id, found[place]] for repo_id, found in stand_ins.items() for place in found
        }

    def histories(self, latest: Mapping[str, int], progress: Progress) -> dict[str, HistoryVectors]:
        """The vectors of repositories' histories, each up to the latest place that is asked for.

        Args:
            latest: That place by repository; -1 needs no diff.
            progress: Told after every repository.
        """
        histories = {}
        for done, (repo_id, place) in enumerate(sorted(latest.items()), start=1):
            first_state_E = self._snapshot(repo_id, 0)
            diffs = [self._diff(text) for text in self._data.diffs(repo_id)[: place + 1]]
            diffs_TE = torch.stack(diffs) if diffs else first_state_E.new_zeros(0, 2 * self._encoder.width)
            histories[repo_id] = HistoryVectors(first_state_E=first_state_E, diffs_TE=diffs_TE)
            progress(done, len(latest))
        return histories

    def _snapshot(self, repo_id: str, place: int) -> torch.Tensor:
        if place == NOTHING_YET:
            return torch.zeros(2 * self._encoder.width)
        return self._repositories.repository(self._data.files(repo_id, place), self._data.read)

    def _diff(self, text: str) -> torch.Tensor:
        content = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        found = self._store.get(self._diff_key, content)
        if found is None or found.vector_E is None:
            found = FileVector(vector_E=encode_diff(self._encoder, text), tokens=0, lines=0)
            self._store.put(self._diff_key, content, found)
        assert found.vector_E is not None  # encode_diff gives zeros for a diff without a window
        return found.vector_E


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
