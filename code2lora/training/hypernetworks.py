"""Methods whose adapters a network makes of the repository's vectors: `code2lora-static`, `-evo` and `text2lora`.

The vectors are fixed and computed before. The static head is given the repository's vector at a task's commit (or at
the kept commit before). The commit GRU walks the history from its first commit: without gradients up to the earliest
place that a step asks for, and with gradients through everything from there on, so that what is learnt at a commit
reaches all the commits of the visit before it. Nothing of an earlier step's walk is kept.

Legend: `N` conditions of a step, `E` width of a vector, `D` width of the GRU's state.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from code2lora.adapters import Adapter
from code2lora.evolution import CommitGRU
from code2lora.head import Code2LoRAHead
from code2lora.text_head import Text2LoRAHead
from code2lora.training.plan import Draw
from code2lora.whitening import Whitening

NOTHING_YET = -1
"""The place in history before the first kept commit, where a repository is a vector of zeros."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HistoryVectors:
    """The vectors of one repository's history.

    Attributes:
        first_state_E: Of the repository at its first kept commit.
        diffs_TE: Of the production diff of each kept commit, oldest first.
    """

    first_state_E: torch.Tensor
    diffs_TE: torch.Tensor


def place_in_history(commit: int, state: str) -> int:
    """What a task at a commit may know: everything up to it, or up to the kept commit before."""
    return commit if state == "commit" else commit - 1


class _OverVectors:
    """A head over vectors that are there already."""

    head: nn.Module

    def __init__(self, head: nn.Module, vectors: Mapping[tuple[str, int], torch.Tensor], state: str) -> None:
        """Takes the head.

        Args:
            head: The network, on the backbone's device.
            vectors: The vector (`E`) at each place that will be asked for, as the head takes it.
            state: `commit` or `parent`.
        """
        self.head = head
        self._vectors = vectors
        self._state = state

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The head's weights by name."""
        return dict(sorted(self.head.named_parameters()))

    def adapter(self, draws: Sequence[Draw]) -> tuple[Adapter, Sequence[int]]:
        """An adapter for each state of a repository among the draws."""
        places, rows = distinct([(draw.repo_id, place_in_history(draw.commit, self._state)) for draw in draws])
        context_NE = torch.stack([self._vectors[place] for place in places])
        return self.head(context_NE.to(next(self.head.parameters()).device)), rows


class StaticHypernetwork(_OverVectors):
    """`code2lora-static`: a head over vectors of snapshots."""

    head: Code2LoRAHead

    def __init__(
        self,
        head: Code2LoRAHead,
        vectors: Mapping[tuple[str, int], torch.Tensor],
        state: str,
        whitening: Whitening | None = None,
    ) -> None:
        """Takes the head.

        Args:
            head: The network, on the backbone's device.
            vectors: The repository's vector (`E`) at each place that will be asked for, as the head takes it.
            state: `commit` or `parent`.
            whitening: What the vectors went through before.
        """
        super().__init__(head, vectors, state)
        self.whitening = whitening


class TextHypernetwork(_OverVectors):
    """`text2lora`: a head over vectors of what repositories say of themselves."""

    head: Text2LoRAHead


class EvolvingHypernetwork:
    """`code2lora-evo`: a GRU over commits, and a head over its states."""

    def __init__(
        self, gru: CommitGRU, head: Code2LoRAHead, histories: Mapping[str, HistoryVectors], state: str
    ) -> None:
        """Takes the networks.

        Args:
            gru: Walks a history, on the backbone's device.
            head: Makes adapters of its states.
            histories: The vectors of every repository that will be asked for.
            state: `commit` or `parent`.
        """
        self.gru = gru
        self.head = head
        self._histories = histories
        self._state = state

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The weights of both networks by name."""
        named = {f"gru.{name}": weight for name, weight in self.gru.named_parameters()}
        return dict(sorted((named | {f"head.{name}": weight for name, weight in self.head.named_parameters()}).items()))

    def adapter(self, draws: Sequence[Draw]) -> tuple[Adapter, Sequence[int]]:
        """An adapter for each state of a repository among the draws."""
        places, rows = distinct([(draw.repo_id, place_in_history(draw.commit, self._state)) for draw in draws])
        wanted: dict[str, list[int]] = {}
        for repo_id, place in places:
            wanted.setdefault(repo_id, []).append(place)
        states = {repo_id: self._walk(self._histories[repo_id], found) for repo_id, found in wanted.items()}
        hidden_ND = torch.stack([states[repo_id][place] for repo_id, place in places])
        return self.head(self.gru.context(hidden_ND)), rows

    def _walk(self, history: HistoryVectors, wanted: Sequence[int]) -> dict[int, torch.Tensor]:
        """The states (`D`) at some places; gradients reach back to the earliest of them."""
        earliest, latest = min(wanted), max(wanted)
        device = next(self.gru.parameters()).device
        found: dict[int, torch.Tensor] = {}
        learns = torch.is_grad_enabled()
        if earliest == NOTHING_YET:
            found[NOTHING_YET] = self.gru.start(torch.zeros_like(history.first_state_E)[None].to(device))[0]
        with torch.set_grad_enabled(learns and earliest <= 0):
            hidden_1D = self.gru.start(history.first_state_E[None].to(device))
        for place in range(latest + 1):
            with torch.set_grad_enabled(learns and place >= earliest):
                diff_1E = history.diffs_TE[place][None].to(device)
                hidden_1D = self.gru.step(self.gru.step_input(diff_1E), hidden_1D)
            if place in wanted:
                found[place] = hidden_1D[0]
        return found


def distinct(places: Sequence[tuple[str, int]]) -> tuple[list[tuple[str, int]], list[int]]:
    """The places without repeats, in order of their first use, and the position of each in them."""
    positions = {place: index for index, place in enumerate(dict.fromkeys(places))}
    return list(positions), [positions[place] for place in places]
