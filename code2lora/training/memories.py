"""`code2lora-memory` in training: what symbols write, prepared once, and a head that learns what to make of it.

Features are whitened once, since nothing in them is learnt; every definition is kept once, however many repositories
and commits have it. The whitening is fitted to the training repositories alone. Of each visit a random share of the
symbols is shown, drawn from the tasks of the visit, so that a training that goes on after a kill draws the same.

Legend: `N` conditions of a step, `S` writes, `P` width of whitened features.
"""
# Upper-case suffixes state the axes of a tensor.

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from code2lora.adapters import Adapter
from code2lora.conditioned import MemoryConfig, MemoryHead
from code2lora.lora import target_modules
from code2lora.symbol_features import Definition, SymbolFeatures, chosen_definitions
from code2lora.training.data import TrainingData
from code2lora.training.hypernetworks import NOTHING_YET, distinct, place_in_history
from code2lora.training.loop import Course, examined
from code2lora.training.plan import Draw
from code2lora.training.recipe import MethodSettings
from code2lora.training.record import Outcome
from code2lora.training.vectors import at_stand_ins
from code2lora.training.weights import chosen_dims
from repopeftbench.schema import content_id

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What the generated part may be multiplied by in the end."""
Place = tuple[str, int]
"""A repository, and the position of one of its kept commits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SymbolBook:
    """The definitions of every place that a training asks for, with their whitened features one after the other.

    Attributes:
        places: By place, the positions in `starts` of the definitions that count.
        starts: Where the writes of each definition begin, and at last where they end.
        keys_SP: What each write is about.
        values_SP: What it says.
    """

    places: Mapping[Place, tuple[int, ...]]
    starts: tuple[int, ...]
    keys_SP: torch.Tensor
    values_SP: torch.Tensor

    def rows(self, definitions: Iterable[int]) -> list[int]:
        """The writes of some definitions."""
        return [row for number in definitions for row in range(self.starts[number], self.starts[number + 1])]


def definitions_at(
    data: TrainingData, places: Iterable[Place], *, limit: int | None, most: int, progress: Callable[[int, int], None]
) -> dict[Place, list[Definition]]:
    """The definitions that count at each place; none before the first commit.

    Args:
        data: The repositories.
        places: What is asked for.
        limit: Most snapshots of each repository that are read; others get the latest that is not later.
        most: Definitions of a repository that count.
        progress: Told after every snapshot.
    """

    def read(repo_id: str, place: int) -> list[Definition]:
        records = () if place == NOTHING_YET else data.symbols(repo_id, place)
        return chosen_definitions(map(Definition.of, records), most)

    return at_stand_ins(places, limit, read, progress)


def fitted_book(
    head: MemoryHead,
    features: SymbolFeatures,
    defined: Mapping[Place, Sequence[Definition]],
    training: frozenset[str],
) -> SymbolBook:
    """The features of all definitions, whitened by a head that is fitted to those of training repositories here.

    Args:
        head: Not fitted yet; on the processor.
        features: Gives the writes.
        defined: The definitions of each place.
        training: The repositories to fit to.
    """
    every = sorted({definition for found in defined.values() for definition in found})
    numbers = {definition: number for number, definition in enumerate(every)}
    writes = [features.writes(definition) for definition in every]
    if writes:
        learnt = sorted({numbers[d] for (repo_id, _), found in defined.items() if repo_id in training for d in found})
        head.fit(
            torch.cat([writes[number].keys_SF for number in learnt] or [writes[0].keys_SF]),
            torch.cat([writes[number].values_SF for number in learnt] or [writes[0].values_SF]),
            features.asked_type,
        )
    starts = [0]
    keys, values = [], []
    for one in writes:
        keys_SP, values_SP = head.whitened(one.keys_SF, one.values_SF)
        keys.append(keys_SP)
        values.append(values_SP)
        starts.append(starts[-1] + len(keys_SP))
    nothing_0K, nothing_0V = torch.zeros(0, head.key_white.kept), torch.zeros(0, head.value_white.kept)
    return SymbolBook(
        places={place: tuple(numbers[definition] for definition in found) for place, found in defined.items()},
        starts=tuple(starts),
        keys_SP=torch.cat([nothing_0K, *keys]),
        values_SP=torch.cat([nothing_0V, *values]),
    )


def memory_config(own: MethodSettings, model: nn.Module, features: SymbolFeatures) -> MemoryConfig:
    """The sizes of a head for a model, as a checked recipe says."""
    assert own.rank is not None and own.shared_rank is not None and own.alpha is not None  # the recipe was checked
    targets = target_modules(model)
    return MemoryConfig(
        type_dims=chosen_dims(targets, own.modules),
        layers=1 + max(target.layer for target in targets) if own.layers == "each" else 1,
        key_dim=features.key_dim,
        value_dim=features.value_dim,
        whitened_dim=own.whitened_dim or max(features.key_dim, features.value_dim),
        rank=own.rank,
        shared_rank=own.shared_rank,
        alpha=own.alpha,
        recall=own.recall or "ridge",
        whitens=bool(own.whitened_dim),
        gated=bool(own.gated),
    )


def untrained_head(config: MemoryConfig, seed: int) -> MemoryHead:
    """A head of a seed; torch's global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MemoryHead(config)


class MemoryHypernetwork:
    """`code2lora-memory`: a head over what symbols write."""

    def __init__(self, head: MemoryHead, book: SymbolBook, state: str, least_share: float) -> None:
        """Takes the head.

        Args:
            head: Fitted, on the backbone's device.
            book: The symbols of each place that will be asked for.
            state: `commit` or `parent`.
            least_share: Least share of the symbols that a visit is shown while the head learns.
        """
        self.head = head
        self._book = book
        self._state = state
        self._least_share = least_share

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The head's weights by name; those that all repositories share end in their own part of the order."""
        return dict(sorted(self.head.named_parameters(), key=lambda item: (is_shared(item[0]), item[0])))

    def adapter(self, draws: Sequence[Draw]) -> tuple[Adapter, Sequence[int]]:
        """An adapter for each state of a repository among the draws."""
        places, rows = distinct([(draw.repo_id, place_in_history(draw.commit, self._state)) for draw in draws])
        asked: list[list[int]] = [[] for _ in places]
        for draw, row in zip(draws, rows, strict=True):
            asked[row].append(draw.row)
        shown = [self._book.rows(self._shown(place, tasks)) for place, tasks in zip(places, asked, strict=True)]
        longest = max(1, max(map(len, shown)))
        index_NS = torch.tensor([found + [0] * (longest - len(found)) for found in shown])
        mask_NS = torch.tensor([[1.0] * len(found) + [0.0] * (longest - len(found)) for found in shown])
        device = next(self.head.parameters()).device
        if not len(self._book.keys_SP):
            index_NS, mask_NS = index_NS[:, :0], mask_NS[:, :0]
        keys_NSP, values_NSP = self._book.keys_SP[index_NS].to(device), self._book.values_SP[index_NS].to(device)
        sums = self.head.sums(keys_NSP, values_NSP, mask_NS.to(device))
        return self.head.adapter(self.head.cores(sums)), rows

    def _shown(self, place: Place, tasks: Sequence[int]) -> Sequence[int]:
        """The definitions that a visit is shown; all of them where nothing is learnt."""
        known = self._book.places[place]
        if self._least_share >= 1.0 or not torch.is_grad_enabled():
            return known
        rng = random.Random(content_id("shown", *place, *tasks))
        count = round(len(known) * rng.uniform(self._least_share, 1.0))
        return sorted(rng.sample(known, count))


def with_strength(outcome: Outcome, method: MemoryHypernetwork, course: Course) -> Outcome:
    """Scales the generated part of a trained head by what validates best; the whole of it where nothing validates.

    Args:
        outcome: Of the training.
        method: The trained head, which is changed.
        course: What it went through.
    """
    if not course.exam:
        return outcome
    said = method.head.value_write.detach().clone()
    losses = []
    for strength in STRENGTHS:
        method.head.scale_generated(strength)
        losses.append((strength, examined(method, course)))
        with torch.no_grad():
            method.head.value_write.copy_(said)
    best, _ = min(losses, key=lambda pair: (pair[1], -pair[0]))
    method.head.scale_generated(best)
    return outcome.model_copy(update={"strengths": tuple(losses), "strength": best})


def is_shared(name: str) -> bool:
    """Whether a head's weight, by its name, is of the part that all repositories share."""
    return name.startswith(("bases.As_", "bases.Bs_"))
