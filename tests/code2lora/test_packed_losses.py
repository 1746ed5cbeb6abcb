"""Losses of packs, and activations that are computed again: the same numbers for less."""

import copy
import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from code2lora.adapters import Adapter, Factors
from code2lora.errors import AdapterError
from code2lora.lora import Injection
from code2lora.packed_losses import batched, target_losses
from code2lora.recomputing import recomputed_if_large, recomputed_layers

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


@pytest.fixture
def exact_backbone(random_backbone):
    """In double precision, so that gradients differ by what is computed and not by its order."""
    return dataclasses.replace(random_backbone, model=copy.deepcopy(random_backbone.model).double())


def test_gradients_of_packs_are_those_of_each_task_alone(exact_backbone, make_adapter):
    adapter = make_adapter(exact_backbone.model).to(torch.float64)
    alone = gradients(exact_backbone, adapter, lambda: one_by_one(exact_backbone, SIBLINGS, TARGETS))
    found = gradients(exact_backbone, adapter, lambda: packed_losses(exact_backbone, SIBLINGS, TARGETS))
    for name, gradient in alone.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5 * float(gradient.abs().max()), rtol=1e-5)


def test_tasks_of_several_adapters_give_each_its_own_gradient(exact_backbone, make_adapter):
    adapter, owners = make_adapter(exact_backbone.model, rows=3).to(torch.float64), [2, 0, 2, 0, 1]
    prompts, targets = [*SIBLINGS, SIBLINGS[0]], [*TARGETS, [3, 3]]
    leaves = leaves_of(adapter)
    tasks = [([*prompt, *target], len(target)) for prompt, target in zip(prompts, targets, strict=True)]
    batches = batched(exact_backbone, tasks, owners, 24)
    assert any(len({owners[task] for task in batch.tasks}) > 1 for batch in batches)
    with Injection(exact_backbone.model) as injection:
        for batch in batches:
            injection.use(leaves.take([owners[task] for task in batch.adapter_tasks]))
            target_losses(exact_backbone, batch).sum().backward()
    for owner in range(3):
        own = [task for task in range(5) if owners[task] == owner]
        chosen = [prompts[task] for task in own], [targets[task] for task in own]
        alone = gradients(
            exact_backbone, adapter.take([owner]), lambda chosen=chosen: one_by_one(exact_backbone, *chosen)
        )
        for name, gradient in alone.items():
            found = leaves.tensors()[name].grad[owner]
            torch.testing.assert_close(found, gradient[0], atol=1e-5 * float(gradient.abs().max()), rtol=1e-5)


def test_logits_are_made_where_a_target_is_predicted_and_nowhere_else(random_backbone):
    made = []
    head = random_backbone.model.get_output_embeddings()
    with head.register_forward_hook(lambda _, inputs, output: made.append(output.shape[:-1].numel())):
        packed_losses(random_backbone, SIBLINGS, TARGETS)
    assert sum(made) == sum(map(len, TARGETS))
    assert not head._forward_pre_hooks


def test_a_task_that_is_drawn_twice_is_read_once(random_backbone):
    tasks = [([5, 6, 7, 8], 2), ([5, 6, 7, 8], 2)]
    (batch,) = batched(random_backbone, tasks, [None, None], 99)
    assert [len(pack.tokens) for pack in batch.packs] == [3]
    first, second = target_losses(random_backbone, batch).split(batch.counts)
    assert torch.equal(first, second)


def test_batches_hold_no_more_tokens_than_they_may_with_their_padding(random_backbone):
    tasks = [([2 + (row * place) % 7 for place in range(2 + row)], 1) for row in range(12)]
    batches = batched(random_backbone, tasks, list(range(12)), 20)
    widths = [[len(pack.tokens) for pack in batch.packs] for batch in batches]
    assert all(len(width) * max(width) <= 20 for width in widths)
    assert sorted(task for batch in batches for task in batch.tasks) == list(range(12))


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


@pytest.mark.parametrize(("free", "recomputes"), [(1 << 50, False), (0, True)])
def test_layers_are_computed_again_where_their_activations_would_fill_the_memory(
    random_backbone, monkeypatch, free, recomputes
):
    monkeypatch.setattr("code2lora.recomputing.free_bytes", lambda device: free)
    with recomputed_if_large(random_backbone, 1 << 30):
        assert any("forward" in module.__dict__ for module in random_backbone.model.modules()) is recomputes
    with recomputed_if_large(random_backbone, 64):
        assert not any("forward" in module.__dict__ for module in random_backbone.model.modules())


def test_models_without_layers_are_refused():
    with pytest.raises(AdapterError, match="Linear has no numbered `layers`"), recomputed_layers(torch.nn.Linear(2, 2)):
        pass
