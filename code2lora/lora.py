"""Puts adapters into a causal language model, a different one for every row of a batch, and takes them out again.

The adapters act through forward hooks on the model's own `nn.Linear` modules: names, parameters and state dict stay as
they are, and nothing is left when an injection ends. What a hook adds is `(scaling * (x @ A.T)) @ B.T`, computed in the
adapter's type (float32) and cast to the output's before it is added; while an adapter learns, in the output's type. It
does not know where adapters come from.

Legend: `B` rows of a batch, `G` adapters of a batch, `M` most rows of one of them, `T` tokens, `L` layers, `R` rank,
`I` and `O` features in and out of a module.
"""
# Upper-case suffixes state the axes of a tensor.

import contextlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, cast

import torch
from torch import nn

from code2lora.adapters import Adapter
from code2lora.errors import AdapterError, NoOpAdapterError

_IN_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetModule:
    """One linear module of a decoder layer.

    Attributes:
        name: Its name in the model, such as `model.layers.3.self_attn.q_proj`.
        layer: The number of its layer, from 0.
        type: The last part of its name.
        in_features: Features that it takes.
        out_features: Features that it gives.
    """

    name: str
    layer: int
    type: str
    in_features: int
    out_features: int


def target_modules(model: nn.Module) -> tuple[TargetModule, ...]:
    """Every linear module inside the model's numbered `layers`, ordered by layer and name; never `lm_head`.

    Args:
        model: A causal language model of the Qwen2 or Llama family, or one built likewise.

    Raises:
        AdapterError: it has none.
    """
    found = [
        TargetModule(
            name=name,
            layer=int(match[1]),
            type=name.rpartition(".")[2],
            in_features=module.in_features,
            out_features=module.out_features,
        )
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and (match := _IN_LAYER.search(name))
    ]
    if not found:
        raise AdapterError(
            f"{type(model).__name__} has no nn.Linear in numbered `layers`: adapters need a model of the Qwen2 or "
            "Llama family, as it was loaded."
        )
    return tuple(sorted(found, key=lambda target: (target.layer, target.name)))


def type_dims(targets: tuple[TargetModule, ...]) -> dict[str, tuple[int, int]]:
    """Features in and out by module type, sorted; what a head for this model is made with.

    Raises:
        AdapterError: modules of one type differ in size, so that layers cannot share a pair.
    """
    dims: dict[str, tuple[int, int]] = {}
    for target in sorted(targets, key=lambda target: target.type):
        size = (target.in_features, target.out_features)
        if dims.setdefault(target.type, size) != size:
            raise AdapterError(
                f"{target.name} is {size[0]} to {size[1]}, other modules of type {target.type} are "
                f"{dims[target.type][0]} to {dims[target.type][1]}: layers of such a model cannot share one adapter."
            )
    return dims


def check_fits(adapter: Adapter, targets: tuple[TargetModule, ...]) -> None:
    """Raises `AdapterError` unless a model has modules of all of an adapter's types, and of their sizes."""
    check_sizes(adapter.type_dims, adapter.layers, targets)


def check_sizes(wanted: Mapping[str, tuple[int, int]], adapter_layers: int, targets: tuple[TargetModule, ...]) -> None:
    """As `check_fits`, for adapters whose sizes are known before any is made.

    Args:
        wanted: Features in and out by the type of module.
        adapter_layers: Layers that they have factors for; 1: all share one pair.
        targets: The model's modules.

    Raises:
        AdapterError: they do not fit.
    """
    layers = 1 + max(target.layer for target in targets)
    if adapter_layers not in (1, layers):
        raise AdapterError(f"The adapter has {adapter_layers} layers, the model {layers}: give 1 or {layers}.")
    for name in sorted(wanted.keys() - {target.type for target in targets}):
        known = ", ".join(sorted({target.type for target in targets}))
        raise AdapterError(f"The model has no module of the adapter's type {name!r}; it has {known}.")
    for target in targets:
        size = (target.in_features, target.out_features)
        if wanted.get(target.type, size) != size:
            raise AdapterError(
                f"The adapter's {target.type} is {wanted[target.type][0]} to {wanted[target.type][1]}, "
                f"{target.name} is {size[0]} to {size[1]}: it was made for another model."
            )


class Injection:
    """Adapters at work in a model; a context manager that removes them. Several injections add up.

    `use` may be called before any forward pass, such as by `generate`'s `on_rows`. Under gradient checkpointing, which
    runs forward passes again, go backward before the next `use` or `remove`.
    """

    def __init__(self, model: nn.Module, adapter: Adapter | None = None, *, detach_input: bool = False) -> None:
        """Puts an adapter into a model.

        Args:
            model: The model; its parameters are not touched.
            adapter: What to use first; one row serves every row of a batch, otherwise rows go with rows.
            detach_input: Whether gradients end at what the adapters are given, as published: they then reach earlier
                layers through the frozen modules alone. The outputs are the same.

        Raises:
            AdapterError: the model has no modules for adapters, or the adapter does not fit them.
        """
        self._targets = target_modules(model)
        self._detach_input = detach_input
        self._rows = 1
        self._groups: _Groups | None = None
        self._scaling = 1.0
        self._pairs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._modules: dict[str, Any] = dict(model.named_modules())
        self._device = self._modules[self._targets[0].name].weight.device
        self.use(adapter)
        self._handles = [
            self._modules[target.name].register_forward_hook(partial(self._add_branch, target.name))
            for target in self._targets
        ]

    def use(self, adapter: Adapter | None, rows: Sequence[int] | None = None) -> None:
        """Takes another adapter from the next forward pass on; None is the base model.

        Args:
            adapter: Adapters as rows of one; they stay where they are, so that a change of rows moves no others.
            rows: Which of them each row of the batch has; None is one for all, or the first for the first and so on.

        Raises:
            AdapterError: the adapter does not fit the model.
        """
        self._pairs = {}
        self._groups = None
        if adapter is None:
            return
        check_fits(adapter, self._targets)
        if rows is not None:
            distinct = list(dict.fromkeys(rows))
            if 1 < len(distinct) < len(rows):
                self._groups = _Groups.of([distinct.index(row) for row in rows], self._device)
            adapter = adapter.take(distinct)
        self._rows, self._scaling = adapter.rows, adapter.scaling
        for target in self._targets:
            if pair := adapter.factors.get(target.type):
                layer = target.layer if adapter.layers > 1 else 0
                device = self._modules[target.name].weight.device
                self._pairs[target.name] = (pair.A_BLRI[:, layer].to(device), pair.B_BLOR[:, layer].to(device))

    def remove(self) -> None:
        """Leaves the model as it was; calling it again does nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._pairs = {}

    def __enter__(self) -> "Injection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _add_branch(
        self, name: str, module: nn.Module, inputs: tuple[torch.Tensor, ...], output_BTO: torch.Tensor
    ) -> torch.Tensor | None:
        """The forward hook: the module's output with the low-rank branch added; None leaves it as it is."""
        pair = self._pairs.get(name)
        if pair is None:
            return None
        A_GRI, B_GOR = pair
        input_BTI = inputs[0].detach() if self._detach_input else inputs[0]
        with torch.autocast(input_BTI.device.type, enabled=False):
            learns = torch.is_grad_enabled() and A_GRI.requires_grad
            if learns and self._groups is None and (self._rows == 1 or self._fits(input_BTI)):
                learnt = _TaughtBranch.apply(output_BTO, input_BTI, A_GRI, B_GOR, self._scaling)  # type: ignore[no-untyped-call]
                return cast("torch.Tensor", learnt)
            input_BTI = input_BTI.to(A_GRI.dtype)
            if self._rows == 1:
                low_BTR = nn.functional.linear(input_BTI, A_GRI[0]) * self._scaling
                return _added(output_BTO, low_BTR, B_GOR[0])
            if self._groups is not None and input_BTI.dim() == 3 and len(input_BTI) == self._groups.batch:
                change_BTO = self._groups.branch(input_BTI, A_GRI, B_GOR, self._scaling)
                return output_BTO + change_BTO.to(output_BTO.dtype)
            if self._groups is None and self._fits(input_BTI):
                return _added(output_BTO, torch.bmm(input_BTI, A_GRI.mT) * self._scaling, B_GOR)
        raise AdapterError(
            f"The adapter has {self._rows} rows, {name} is given {tuple(input_BTI.shape)}: "
            "use an adapter of one row, or of one per row of the batch."
        )

    def _fits(self, input_BTI: torch.Tensor) -> bool:
        """Whether there is an adapter for every row of a batch."""
        return input_BTI.dim() == 3 and len(input_BTI) == self._rows


class _TaughtBranch(torch.autograd.Function):
    """An output with the branch of an adapter that learns added: few passes over wide tensors, and few that are kept.

    Products are in the output's type, as the module's own are, and what is kept of the input is what the module keeps.
    """

    @staticmethod
    def forward(
        ctx: Any,
        output_BTO: torch.Tensor,
        input_BTI: torch.Tensor,
        A_GRI: torch.Tensor,
        B_GOR: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        ctx.types = input_BTI.dtype, A_GRI.dtype
        ctx.scaling, ctx.shape = scaling, input_BTI.shape
        input_GTI = input_BTI.to(output_BTO.dtype).reshape(len(A_GRI), -1, input_BTI.shape[-1])
        A_GRI, B_GOR = A_GRI.to(output_BTO.dtype), B_GOR.to(output_BTO.dtype)
        low_GTR = torch.bmm(input_GTI, A_GRI.mT) * scaling
        ctx.save_for_backward(input_GTI, A_GRI, B_GOR, low_GTR)
        output_GTO = output_BTO.reshape(len(A_GRI), -1, output_BTO.shape[-1])
        return torch.baddbmm(output_GTO, low_GTR, B_GOR.mT).view(output_BTO.shape)

    @staticmethod
    def backward(ctx: Any, slope_BTO: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        input_GTI, A_GRI, B_GOR, low_GTR = ctx.saved_tensors
        input_type, factor_type = ctx.types
        slope_GTO = slope_BTO.reshape(len(A_GRI), -1, slope_BTO.shape[-1])
        slope_GTR = torch.bmm(slope_GTO, B_GOR) * ctx.scaling
        of_A = torch.bmm(slope_GTR.mT, input_GTI).to(factor_type) if ctx.needs_input_grad[2] else None
        of_B = torch.bmm(slope_GTO.mT, low_GTR).to(factor_type) if ctx.needs_input_grad[3] else None
        of_input = torch.bmm(slope_GTR, A_GRI).view(ctx.shape).to(input_type) if ctx.needs_input_grad[1] else None
        return slope_BTO, of_input, of_A, of_B, None


def _added(output: torch.Tensor, low: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """An output with `low @ up.T` added; into itself where no gradient is taken, which spares passes over memory."""
    if torch.is_grad_enabled() or output.dtype != low.dtype or not output.is_contiguous():
        return output + torch.matmul(low, up.mT).to(output.dtype)
    if up.dim() == 3:
        return output.baddbmm_(low, up.mT)
    output.view(-1, output.shape[-1]).addmm_(low.reshape(-1, low.shape[-1]), up.mT)
    return output


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Groups:
    """Rows of a batch by adapter: what one adapter serves is one matrix product, which reads it once.

    Attributes:
        batch: Rows.
        most: Most rows of an adapter, `M`; the others are filled up.
        slots_B: Where each row stands among `G` times `M`.
    """

    batch: int
    most: int
    slots_B: torch.Tensor

    @classmethod
    def of(cls, numbers: Sequence[int], device: torch.device) -> "_Groups":
        """The groups of rows by the number of their adapter."""
        counts: dict[int, int] = {}
        places = []
        for number in numbers:
            places.append(counts.get(number, 0))
            counts[number] = places[-1] + 1
        most = max(counts.values())
        slots = [number * most + place for number, place in zip(numbers, places, strict=True)]
        return cls(batch=len(numbers), most=most, slots_B=torch.tensor(slots, device=device))

    def branch(self, input_BTI: torch.Tensor, A_GRI: torch.Tensor, B_GOR: torch.Tensor, scaling: float) -> torch.Tensor:
        """The change of every row (`B`, `T`, `O`)."""
        adapters, tokens = len(A_GRI), input_BTI.shape[1]
        grouped = input_BTI.new_zeros(adapters * self.most, tokens, input_BTI.shape[2])
        grouped = grouped.index_copy(0, self.slots_B, input_BTI).view(adapters, self.most * tokens, -1)
        change = torch.bmm(torch.bmm(grouped, A_GRI.mT) * scaling, B_GOR.mT)
        return change.view(adapters * self.most, tokens, -1)[self.slots_B]


@contextlib.contextmanager
def merged(model: nn.Module, adapter: Adapter) -> Iterator[None]:
    """A model with one adapter added to its weights; afterwards the very tensors of before are back.

    Needs memory for a second copy of the changed weights. Weights of less precision than float32 lose small changes in
    rounding: then the merged model differs from the injected one.

    Args:
        model: The model.
        adapter: An adapter of one row.

    Raises:
        AdapterError: the adapter has more rows, does not fit, or the weights are quantised.
    """
    targets = target_modules(model)
    check_fits(adapter, targets)
    if adapter.rows != 1:
        raise AdapterError(f"The adapter has {adapter.rows} rows: only one can be merged; take one row.")
    modules: dict[str, Any] = dict(model.named_modules())
    changed = [target for target in targets if target.type in adapter.factors]
    for target in changed:
        if not modules[target.name].weight.is_floating_point():
            raise AdapterError(f"{target.name} has quantised weights: use an injection instead of merging.")
    originals = {target.name: modules[target.name].weight.data for target in changed}
    try:
        with torch.no_grad():
            for target in changed:
                pair, layer = adapter.factors[target.type], target.layer if adapter.layers > 1 else 0
                change_OI = pair.B_BLOR[0, layer] @ pair.A_BLRI[0, layer] * adapter.scaling
                weight_OI = originals[target.name]
                modules[target.name].weight.data = (weight_OI.to(change_OI.dtype) + change_OI).to(weight_OI.dtype)
        yield
    finally:
        for name, weight_OI in originals.items():
            modules[name].weight.data = weight_OI


def adapter_effect(model: nn.Module, ids_BT: torch.Tensor, adapter: Adapter) -> float:
    """The largest absolute change of a logit that an adapter makes: the canary to run before any result is believed.

    Args:
        model: The model.
        ids_BT: Token ids, without padding.
        adapter: The adapter, of one row or of as many as `ids_BT`.

    Returns:
        A positive, finite number.

    Raises:
        NoOpAdapterError: no logit changes.
        AdapterError: the adapter does not fit, or a factor or a logit is not finite.
    """
    if not all(bool(tensor.isfinite().all()) for tensor in adapter.tensors().values()):
        # Not left to the logits: attention kernels turn scores that are not numbers into zeros.
        raise AdapterError(f"Adapter {adapter.sha256()[:12]} has factors that are not finite: do not use it.")
    with torch.no_grad():
        before_BTV = model(input_ids=ids_BT, use_cache=False).logits
        with Injection(model, adapter):
            after_BTV = model(input_ids=ids_BT, use_cache=False).logits
    change = float((after_BTV.float() - before_BTV.float()).abs().max())
    if not math.isfinite(change):
        raise AdapterError(f"Adapter {adapter.sha256()[:12]} makes logits that are not finite: check its factors.")
    if change == 0.0:
        raise NoOpAdapterError(
            f"Adapter {adapter.sha256()[:12]} changes no logit of {ids_BT.numel()} tokens: "
            "its results would be the base model's; check that its factors are not zero."
        )
    return change
