"""Where in a prefix a frozen backbone tells what is asked for: at the name's last token, or where the answer begins.

A memory is a linear map of what a module is given; it can answer only what can be told apart there. For each input of
each layer, whitened with tokens of prefixes, the states at both places are compared (cosine) with those of every name
that the repository defines, taken in one other wording, `assert NAME ==`. Printed is how often the name that is asked
for is the nearest. Nothing is trained; the dataset is of `repobench synth --repos`.

    python benchmarks/memory_addressing.py DATA [--split cr_test] [--repositories 8] [--backbone nano]
"""

import argparse
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from code2lora.backbone import load_backbone
from code2lora.symbol_features import Definition, chosen_definitions
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.truth import TaskTruth, read_truth
from repopeftbench.schema import Split, SymbolKind, Task, Track
from repopeftbench.views import DatasetViews

_STRATA = ("private-direct", "domain")
_CHARACTERS = 260
_SHRINKAGE = 0.02
_MODULES = {"q_proj": "attention in", "o_proj": "attention out", "gate_proj": "mlp in", "down_proj": "mlp inside"}
States = dict[str, torch.Tensor]


class _Reader:
    """The inputs of all modules of a backbone, token by token."""

    def __init__(self, backbone: Any) -> None:
        self._backbone = backbone
        self._found: States = {}
        for name, module in backbone.model.named_modules():
            layer = re.search(r"layers\.(\d+)\.", name)
            kind = name.rpartition(".")[2]
            if layer and kind in _MODULES and isinstance(module, nn.Linear):
                module.register_forward_pre_hook(self._keep(f"{layer[1]} {_MODULES[kind]}"))

    def _keep(self, place: str) -> Any:
        def keep(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            self._found[place] = inputs[0][0].float()

        return keep

    @torch.inference_mode()
    def states(self, text: str) -> tuple[States, list[tuple[int, int]]]:
        """The states of every token, and where tokens stand in the text."""
        taken = self._backbone.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        self._backbone.model(input_ids=torch.tensor([taken["input_ids"]]), use_cache=False, logits_to_keep=1)
        return dict(self._found), taken["offset_mapping"]


def main() -> None:
    """Prints a row for each input of each layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="cr_test")
    parser.add_argument("--repositories", type=int, default=8)
    parser.add_argument("--backbone", default="nano")
    options = parser.parse_args()
    data = Dataset(options.data)
    truths = {truth.task_id: truth for truth in read_truth(data.folder)}
    tasks = [
        task for task in data.tasks(Track.EVOLUTION, Split(options.split)) if truths[task.task_id].stratum in _STRATA
    ]
    chosen = sorted({task.repo_id for task in tasks})[: options.repositories]
    reader = _Reader(load_backbone(options.backbone, device="cpu"))
    whitening = _whitening(reader, random.Random(0).sample(tasks, min(len(tasks), 120)))
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for repo_id in chosen:
        mine = [task for task in tasks if task.repo_id == repo_id]
        records = views.view(repo_id, mine[-1].commit_sha).symbols()
        names = _names(chosen_definitions(map(Definition.of, records), 512))
        _compare(reader, whitening, names, [(task, truths[task.task_id]) for task in mine], right)
    _say(
        f"{'layer and input':20} {'at the name':>12} {'at the answer':>14}   of {len(next(iter(right.values())))} tasks"
    )
    for place in whitening:
        at_name, at_answer = (sum(right[place, where]) / len(right[place, where]) for where in ("name", "answer"))
        _say(f"{place:20} {at_name:12.2f} {at_answer:14.2f}")


def _names(definitions: Iterable[Definition]) -> list[str]:
    """The names that tests may ask by, without members and keys."""
    skipped = (SymbolKind.CLASS, SymbolKind.SIGNATURE)
    return sorted({re.split(r"[.\[]", one.name)[0] for one in definitions if one.kind not in skipped})


def _whitening(reader: _Reader, tasks: Sequence[Task]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Mean and directions of every input, over the tokens of prefixes."""
    every: dict[str, list[torch.Tensor]] = defaultdict(list)
    for task in tasks:
        for place, states in reader.states(task.prefix[-_CHARACTERS:])[0].items():
            every[place].append(states.double())
    fitted = {}
    for place, found in every.items():
        states = torch.cat(found)
        mean = states.mean(dim=0)
        variances, directions = torch.linalg.eigh((states - mean).T @ (states - mean) / len(states))
        scale = (variances.clamp(min=0) + _SHRINKAGE * variances.mean()).rsqrt()
        fitted[place] = (mean.float(), (directions * scale).float())
    return fitted


def _compare(
    reader: _Reader,
    whitening: dict[str, tuple[torch.Tensor, torch.Tensor]],
    names: list[str],
    tasks: list[tuple[Task, TaskTruth]],
    right: dict[tuple[str, str], list[bool]],
) -> None:
    """Adds whether the name that each task asks for is the nearest of all names, at both places."""
    keys: dict[tuple[str, str], list[torch.Tensor]] = defaultdict(list)
    for name in names:
        for where, text in (("name", f"\n    assert {name}"), ("answer", f"\n    assert {name} == ")):
            for place, states in reader.states(text)[0].items():
                keys[place, where].append(states[-1])
    for task, truth in tasks:
        asked = re.split(r"[.\[]", truth.fact)[1]
        text = task.prefix[-_CHARACTERS:]
        found = list(re.finditer(rf"(?<!\w){re.escape(asked)}(?!\w)", text))
        states, spans = reader.states(text)
        at = {"answer": len(spans) - 1}
        if found and asked in names:
            at["name"] = max(index for index, (start, end) in enumerate(spans) if start < found[-1].end() <= end)
        for (place, where), vectors in keys.items():
            mean, directions = whitening[place]
            white = nn.functional.normalize((torch.stack(vectors) - mean) @ directions, dim=-1)
            nearest = where in at and int((white @ ((states[place][at[where]] - mean) @ directions)).argmax())
            right[place, where].append(where in at and names[nearest] == asked)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
