"""Losses of packs, and activations that are computed again: the same numbers for less."""

import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from code2lora.adapters import Adapter, Factors
from code2lora.errors import AdapterError
from code2lora.lora import Injection
from code2lora.packed_losses import batched, target_losses
from code2lora.recomputing import recomputed_layers

SIBLINGS = ([5, 6, 7, 8], [5, 6, 7, 8, 9, 4], [5, 6, 7, 3, 3], [9, 9])
TARGETS = ([3, 0], [4, 4, 0], [7, 0], [0])


def packed_losses(backbone, prompts, targets, kinds=None, most_tokens=64):
    """Task by task."""
    tasks = [([*prompt, *target], len(target)) for prompt, target in zip(prompts, targets, strict=True)]
    losses = {}
    for batch in batched(backbone, tasks, kinds or [None] * len(tasks), most_tokens):
        found = target_losses(backbone, batch).split(batch.counts)
        losses.update(zip(batch.tasks, found, strict=True))
    return torch.cat([losses[task] for task in range(len(tasks))])


def one_by_one(backbone, prompts, targets):
    losses = []
    for prompt, target in zip(prompts, targets, strict=True):
        logits = backbone.model(input_ids=torch.tensor([[*prompt, *target]]), use_cache=False).logits[0]
        predicted = logits[len(prompt) - 1 : -1]
        losses.append(torch.nn.functional.cross_entropy(predicted, torch.tensor(list(target)), reduction="none"))
    return torch.cat(losses)


def leaves_of(adapter):
    factors = {
        kind: Factors(A_BLRI=pair.A_BLRI.clone().requires_grad_(True), B_BLOR=pair.B_BLOR.clone().requires_grad_(True))
        for kind, pair in adapter.factors.items()
    }
    return Adapter(factors=factors, alpha=adapter.alpha)


def gradients(backbone, adapter, losses_of):
    leaves = leaves_of(adapter)
    with Injection(backbone.model, leaves):
        losses_of().sum().backward()
    return {name: tensor.grad for name, tensor in leaves.tensors().items()}


tokens = st.lists(st.integers(2, 5), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(tokens, tokens, st.booleans()), min_size=1, max_size=5), st.sampled_from([1, 16, 99]))
def test_losses_of_packs_are_those_of_each_task_alone(random_backbone, tasks, most_tokens):
    prompts, targets, kinds = ([task[part] for task in tasks] for part in range(3))
    found = packed_losses(random_backbone, prompts, targets, kinds, most_tokens)
    torch.testing.assert_close(found, one_by_one(random_backbone, prompts, targets), atol=1e-5, rtol=1e-5)


def test_gradients_of_packs_are_those_of_each_task_alone(random_backbone, make_adapter):
    adapter = make_adapter(random_backbone.model)
    alone = gradients(random_backbone, adapter, lambda: one_by_one(random_backbone, SIBLINGS, TARGETS))
    found = gradients(random_backbone, adapter, lambda: packed_losses(random_backbone, SIBLINGS, TARGETS))
    for name, gradient in alone.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5 * float(gradient.abs().max()), rtol=1e-5)


def kept_bytes(work):
    """What autograd keeps of a forward pass, weights aside: each storage once."""
    kept = {}

    def keep(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = (tensor.untyped_storage().nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        work()
    return sum(size for size, _ in kept.values())


def test_recomputed_layers_keep_less_and_give_the_same_gradients(family_model, make_adapter, random_backbone):
    backbone = dataclasses.replace(random_backbone, model=family_model)
    adapter, prompts, targets = make_adapter(family_model), [[2, 3, 4] * 20], [[5, 6]]
    plain = gradients(backbone, adapter, lambda: packed_losses(backbone, prompts, targets))
    leaves = leaves_of(adapter)
    with Injection(family_model, leaves):
        before = kept_bytes(lambda: packed_losses(backbone, prompts, targets))
        with recomputed_layers(family_model):
            after = kept_bytes(lambda: packed_losses(backbone, prompts, targets))
            packed_losses(backbone, prompts, targets).sum().backward()
    assert not family_model.training
    assert 3 * after < before
    assert all(torch.equal(tensor.grad, plain[name]) for name, tensor in leaves.tensors().items())
    assert not any("forward" in module.__dict__ for module in family_model.modules())


def test_models_without_layers_are_refused():
    with pytest.raises(AdapterError, match="Linear has no numbered `layers`"), recomputed_layers(torch.nn.Linear(2, 2)):
        pass
