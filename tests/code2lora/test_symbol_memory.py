"""Memories that are changed commit by commit: equal to those written afresh, at the cost of the change."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_conditioned import fitted_checkpoint, make_head
from training_cases import make_backbone

from code2lora.errors import CheckpointError
from code2lora.memory_checkpoints import MemoryCheckpoint
from code2lora.symbol_features import Writes
from code2lora.symbol_memory import SymbolMemory, load_memory, save_memory
from repopeftbench.schema import SymbolKind, SymbolRecord


class CountedFeatures:
    """Features that a definition's text seeds; counts how often they are asked for."""

    key_dim, value_dim, asked_type, sha256 = 6, 5, None, "f" * 64

    def __init__(self):
        self.asked = []

    def writes(self, definition):
        self.asked.append(definition.name)
        generator = torch.Generator().manual_seed(sum(map(ord, definition.name + definition.value)))
        count = 1 + len(definition.value) % 3
        return Writes(
            keys_SF=torch.randn(count, 6, generator=generator), values_SF=torch.randn(count, 5, generator=generator)
        )


def make_memory(*, records=40, seed=0, **sizes):
    features = CountedFeatures()
    head = make_head(seed=seed, **sizes)
    with torch.no_grad():
        for name in head.config.types:
            head.bases[f"Bs_{name}"].normal_(generator=torch.Generator().manual_seed(2))
    checkpoint = MemoryCheckpoint(head=head, symbols="states", records=records, backbone_sha256="b" * 64)
    return SymbolMemory(checkpoint, features), features


def record(number, value=0, path="a.py"):
    kind = list(SymbolKind)[number % len(SymbolKind)]
    return SymbolRecord(path=path, kind=kind, name=f"name_{number}", value=str(value))


def same(one, other):
    return (
        torch.equal(one.said_MRR, other.said_MRR)
        and torch.equal(one.asked_MRR, other.asked_MRR)
        and (one.defined, one.writes) == (other.defined, other.writes)
    )


@pytest.mark.parametrize("commits", [150, pytest.param(2_000, marks=pytest.mark.slow)])
def test_after_many_commits_a_memory_is_one_that_is_written_afresh(commits):
    """At every commit the sums are the same bits, with more definitions than count; so are the adapters."""
    memory, _ = make_memory(records=25)
    rng, present, state = random.Random(4), [], memory.empty()
    for commit in range(commits):
        removed = rng.sample(present, min(len(present), rng.randrange(4)))
        for one in removed:
            present.remove(one)
        added = [record(rng.randrange(30), rng.randrange(3)) for _ in range(rng.randrange(4))]
        present += added
        state = memory.changed(state, added, removed)
        if commit % 25 == 0 or commit == commits - 1:
            fresh = memory.of(present)
            assert same(state, fresh)
            assert memory.adapter(state).sha256() == memory.adapter(fresh).sha256()
    gone = memory.changed(state, (), present)
    assert same(gone, memory.empty())


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=25), st.data())
def test_any_way_to_the_same_symbols_is_the_same_memory(wanted, data):
    memory, _ = make_memory(records=6)
    records = [record(*pair) for pair in wanted]
    detour = [record(*pair) for pair in data.draw(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2))))]
    order = data.draw(st.permutations(records))
    state = memory.changed(memory.empty(), detour, ())
    state = memory.changed(state, order, detour)
    assert same(state, memory.of(records))
    assert same(memory.became(memory.changed(memory.empty(), detour, ()), records), memory.of(records))


def test_sums_equal_those_that_training_makes_to_a_millionth():
    memory, features = make_memory(gated=True)
    head = memory._head
    records = [record(number) for number in range(20)]
    writes = [features.writes(one) for one in records]
    keys, values = head.whitened(
        torch.cat([one.keys_SF for one in writes]), torch.cat([one.values_SF for one in writes])
    )
    with torch.no_grad():
        trained = head.adapter(head.cores(head.sums(keys[None], values[None], torch.ones(1, len(keys)))))
    adapter = memory.adapter(memory.of(records))
    for name, tensor in adapter.tensors().items():
        assert torch.allclose(tensor, trained.tensors()[name], atol=1e-4)


def test_a_change_costs_what_changes():
    memory, features = make_memory(records=1_000)
    state = memory.of(record(number) for number in range(500))
    features.asked.clear()
    memory.changed(state, [record(900), record(901)], [record(3)])
    assert sorted(features.asked) == ["name_3", "name_900", "name_901"]
    features.asked.clear()
    memory.changed(state, [record(4, path="moved.py")], [record(4)])
    assert features.asked == []


def test_the_same_definition_at_two_places_counts_once_until_both_are_gone():
    memory, _ = make_memory()
    both = memory.of([record(1), record(1, path="b.py")])
    assert torch.equal(both.said_MRR, memory.of([record(1)]).said_MRR)
    one = memory.changed(both, (), [record(1)])
    assert same(one, memory.of([record(1, path="b.py")]))
    assert same(memory.changed(one, (), [record(1, path="b.py")]), memory.empty())


def test_removing_what_was_never_there_is_one_sentence():
    memory, _ = make_memory()
    with pytest.raises(CheckpointError, match="holds no 'name_1' that could be removed: it is of another history"):
        memory.changed(memory.empty(), (), [record(1)])


def test_a_memory_of_another_checkpoint_is_refused():
    one, other = make_memory()[0], make_memory(seed=5)[0]
    with pytest.raises(CheckpointError, match="another checkpoint or backbone: write it afresh"):
        one.changed(other.empty(), (), ())


def test_features_of_another_backbone_are_one_sentence():
    with pytest.raises(CheckpointError, match="widths 16 and 16, the backbone gives 6 and 5"):
        SymbolMemory(fitted_checkpoint(), CountedFeatures())


def test_weights_that_are_not_finite_are_one_sentence():
    memory, _ = make_memory()
    with torch.no_grad():
        memory._head.value_write.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="too large to be summed"):
        memory.of([record(1)])


def test_a_stored_memory_is_read_back_and_damage_is_one_sentence(tmp_path):
    memory, _ = make_memory()
    state = memory.of(record(number) for number in range(9))
    path = tmp_path / "kept.safetensors"
    save_memory(path, state, "c" * 40)
    first = path.read_bytes()
    loaded, commit_sha = load_memory(path)
    assert same(loaded, state)
    assert (commit_sha, loaded.made_with) == ("c" * 40, memory.sha256)
    save_memory(path, loaded, commit_sha)
    assert path.read_bytes() == first
    path.write_bytes(first[:50])
    with pytest.raises(CheckpointError, match="holds no memory"):
        load_memory(path)
    with pytest.raises(CheckpointError, match="holds no memory"):
        load_memory(tmp_path / "absent")


def test_features_do_not_depend_on_the_batch_that_training_makes():
    """Of the real features too, a memory is the same bits whichever definitions are there."""
    from code2lora.symbol_features import symbol_features

    checkpoint = fitted_checkpoint()
    memory = SymbolMemory(checkpoint, symbol_features("states", make_backbone()))
    alone = memory.of([record(1)])
    among = memory.changed(memory.of([record(1), record(2), record(3)]), (), [record(2), record(3)])
    assert same(alone, among)
