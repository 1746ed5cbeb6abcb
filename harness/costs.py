"""What answers cost: counted while a run goes on, kept as lines of its log, which has clock times anyway (io)."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.run_store import LOG, reopen_run

_LINE = re.compile(r"^\S+ costs (\{.*\})$")


@dataclass(slots=True, kw_only=True)
class Costs:
    """Sums over answers; what a method does not have stays 0.

    Attributes:
        tasks: Tasks that a backbone was asked for.
        prompt_tokens: Tokens that it was given for them, context included, after truncation.
        adapters: Adapters that were made of repositories.
        adapter_seconds: The seconds that this took, reading and encoding included.
        training_seconds: The seconds that the weights took to train; 0 where nobody knows.
    """

    tasks: int = 0
    prompt_tokens: int = 0
    adapters: int = 0
    adapter_seconds: float = 0.0
    training_seconds: float = 0.0

    def add_prompts(self, prompt_tokens: Iterable[int]) -> None:
        """Counts prompts, each of one task."""
        for tokens in prompt_tokens:
            self.tasks += 1
            self.prompt_tokens += tokens

    @property
    def tokens_per_task(self) -> float | None:
        """Tokens of a prompt; None of no task."""
        return self.prompt_tokens / self.tasks if self.tasks else None

    @property
    def milliseconds_per_adapter(self) -> float | None:
        """The mean; None of no adapter."""
        return 1000 * self.adapter_seconds / self.adapters if self.adapters else None


@runtime_checkable
class HasCosts(Protocol):
    """A predictor that counts what its answers cost."""

    @property
    def costs(self) -> Costs:
        """What they cost so far; the same record all along."""
        ...


def costs_of(predictor: object) -> Costs:
    """The record that a predictor counts in; an empty one where it counts nothing."""
    return predictor.costs if isinstance(predictor, HasCosts) else Costs()


def note_costs(folder: Path, costs: Costs) -> None:
    """Adds what this start of a run cost to its log; nothing where no task was asked for.

    Raises:
        RunError: there is no run in `folder`, or another process holds it.
    """
    if costs.tasks:
        rounded = asdict(costs) | {"adapter_seconds": round(costs.adapter_seconds, 4)}
        with reopen_run(folder) as run:
            run.note(f"costs {json.dumps(rounded, sort_keys=True)}")


def read_costs(folder: Path) -> Costs | None:
    """What a run cost, over all of its starts; None where its log says nothing."""
    path = folder / LOG
    total, known = Costs(), {field.name for field in fields(Costs)}
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
        if not (match := _LINE.match(line)):
            continue
        try:
            found = {name: value for name, value in json.loads(match[1]).items() if name in known}
        except ValueError:
            continue
        for name, value in found.items():
            added = 0 if name == "training_seconds" else getattr(total, name)
            setattr(total, name, added + value)
    return None if total == Costs() else total
