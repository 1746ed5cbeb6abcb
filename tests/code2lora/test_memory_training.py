"""Training of memories, and of static heads behind a whitening: what is fitted to, what is shown, what is chosen."""

import pytest
import torch
from training_cases import MemoryData, content, make_backbone, make_recipe, run_training

from code2lora.adapter_folders import load_adapter
from code2lora.checkpoints import load_checkpoint, save_checkpoint
from code2lora.errors import CheckpointError, TrainingError
from code2lora.memory_checkpoints import load_memory_checkpoint
from code2lora.symbol_features import symbol_features
from code2lora.symbol_memory import SymbolMemory
from code2lora.training.memories import (
    STRENGTHS,
    MemoryHypernetwork,
    definitions_at,
    fitted_book,
    memory_config,
    untrained_head,
)
from code2lora.training.plan import Draw
from code2lora.training.recipe import load_recipe
from code2lora.training.weights import SharedLoRA
from code2lora.whitening import Whitening

MEMORY = "code2lora-memory"


def make_method(*, least_share=1.0, data=None, repositories=("a/one", "b/two"), training=None, commits=7):
    data, backbone = data or MemoryData(), make_backbone()
    own = make_recipe(MEMORY).settings
    features = symbol_features("states", backbone)
    head = untrained_head(memory_config(own, backbone.model, features), 0)
    places = {(repo_id, commit) for repo_id in repositories for commit in range(-1, commits)}
    defined = definitions_at(data, places, limit=None, most=own.records, progress=lambda done, total: None)
    book = fitted_book(head, features, defined, frozenset(training or repositories))
    return MemoryHypernetwork(head, book, "commit", least_share), features


def draw(repo_id, commit, row=0):
    return Draw(row=row, repo_id=repo_id, commit=commit)


def test_an_adapter_in_training_is_the_one_that_the_memory_has_later(tmp_path):
    """What is learnt with is what is answered with, to a hundred-thousandth."""
    run_training(tmp_path / "run", MEMORY)
    checkpoint = load_memory_checkpoint(tmp_path / "run")
    method, features = make_method()
    method.head.load_state_dict(checkpoint.head.state_dict())
    # Whitened with the fit of the training, as the checkpoint has it.
    defined = definitions_at(MemoryData(), {("a/one", 3)}, limit=None, most=4, progress=lambda done, total: None)
    (definitions,) = defined.values()
    memory = SymbolMemory(checkpoint, features)
    later = memory.adapter(
        memory.of(r for r in MemoryData().symbols("a/one", 3) if r.name in {d.name for d in definitions})
    )
    writes = [features.writes(one) for one in definitions]
    keys, values = method.head.whitened(
        torch.cat([one.keys_SF for one in writes]), torch.cat([one.values_SF for one in writes])
    )
    with torch.no_grad():
        now = method.head.adapter(
            method.head.cores(method.head.sums(keys[None], values[None], torch.ones(1, len(keys))))
        )
    for name, tensor in now.tensors().items():
        assert torch.allclose(tensor, later.tensors()[name], atol=1e-5)


def test_repositories_have_adapters_of_their_own_and_draws_of_one_commit_share_it():
    method, _ = make_method()
    adapter, rows = method.adapter([draw("a/one", 2), draw("b/two", 2), draw("a/one", 2, row=5), draw("a/one", 0)])
    assert rows == [0, 1, 0, 2]
    down = adapter.factors["o_proj"].A_BLRI
    assert not torch.allclose(down[0], down[1])
    assert not torch.allclose(down[0], down[2])


def test_a_share_of_the_symbols_is_shown_while_learning_and_all_of_them_otherwise():
    method, _ = make_method(least_share=0.3)
    place = ("a/one", 3)
    with torch.no_grad():
        assert len(method._shown(place, [1])) == 4
    counts = {tuple(method._shown(place, [row])) for row in range(40)}
    assert {len(shown) for shown in counts} == {1, 2, 3, 4}
    assert method._shown(place, [7]) == method._shown(place, [7])


def test_the_whitening_is_fitted_to_training_repositories_alone():
    one, _ = make_method(repositories=("a/one", "b/two"), training=("a/one",))
    other, _ = make_method(repositories=("a/one", "c/three"), training=("a/one",))
    both, _ = make_method(repositories=("a/one", "b/two"))
    assert torch.equal(one.head.key_white.mean, other.head.key_white.mean)
    assert not torch.equal(one.head.key_white.mean, both.head.key_white.mean)


def test_a_dataset_that_defines_nothing_trains_the_shared_part(tmp_path, monkeypatch):
    monkeypatch.setattr(MemoryData, "symbols", lambda self, repo_id, commit: [])
    record = run_training(tmp_path / "run", MEMORY)
    (outcome,) = record.outcomes
    assert min(loss for _, loss in outcome.curve) < outcome.curve[0][1]


def test_the_strength_is_chosen_by_validation_recorded_and_in_the_weights(tmp_path, monkeypatch):
    written = {}
    for best in (0.5, 1.0):
        monkeypatch.setattr("code2lora.training.memories.examined", examined_best_at(best))
        (outcome,) = run_training(tmp_path / str(best), MEMORY).outcomes
        assert [strength for strength, _ in outcome.strengths] == list(STRENGTHS)
        assert outcome.strength == best
        written[best] = load_memory_checkpoint(tmp_path / str(best)).head.value_write
    assert torch.equal(written[0.5], written[1.0] * 0.5)


def examined_best_at(best):
    losses = iter([abs(strength - best) for strength in STRENGTHS])
    return lambda method, course: next(losses)


def test_a_type_that_the_backbone_lacks_is_one_sentence():
    own = make_recipe(MEMORY).settings.model_copy(update={"modules": ("o_proj", "w1")})
    backbone = make_backbone()
    with pytest.raises(TrainingError, match="no modules of type w1; it has down_proj"):
        memory_config(own, backbone.model, symbol_features("states", backbone))


@pytest.mark.parametrize("name", ["spread", "spread-nano"])
def test_the_shared_lora_of_these_recipes_is_matched_to_the_memory(name):
    """Rank, scaling, layers, modules and terms are equal: what is left between the two is the repository."""
    backbone = make_backbone()
    shared, memory = (load_recipe(name, method) for method in ("shared-lora", MEMORY))
    assert shared.terms == memory.terms
    own = shared.settings
    lora = SharedLoRA(
        backbone, rank=own.rank, alpha=own.alpha, layers=own.layers, modules=own.modules, seed=0
    ).factors()
    config = memory_config(memory.settings, backbone.model, symbol_features(memory.settings.symbols, backbone))
    head = untrained_head(config, 0)
    empty = torch.zeros(1, len(config.types), config.rank, config.rank)
    adapter = head.adapter(empty)
    assert (lora.rank, lora.scaling, lora.layers) == (adapter.rank, adapter.scaling, adapter.layers)
    assert lora.type_dims == adapter.type_dims


def test_a_shared_lora_of_some_modules_trains_these_alone(tmp_path, monkeypatch):
    import training_cases

    monkeypatch.setitem(
        training_cases.OWN, "shared-lora", {**training_cases.OWN["shared-lora"], "modules": ["o_proj", "q_proj"]}
    )
    run_training(tmp_path / "run", "shared-lora")
    assert load_adapter(tmp_path / "run").types == ("o_proj", "q_proj")


class TestWhitenedStaticHeads:
    @pytest.fixture
    def whitened(self, tmp_path, monkeypatch):
        import training_cases

        monkeypatch.setitem(
            training_cases.OWN, "code2lora-static", {**training_cases.OWN["code2lora-static"], "whiten": 5}
        )
        run_training(tmp_path / "run", "code2lora-static")
        return tmp_path / "run"

    def test_the_checkpoint_has_what_was_fitted(self, whitened, tmp_path):
        checkpoint = load_checkpoint(whitened)
        assert checkpoint.whitening is not None
        assert checkpoint.whitening.sizes == {"width": 32, "kept": 5}
        assert checkpoint.head.config.input_dim == 5
        assert float(checkpoint.whitening.mean.abs().max()) > 0
        save_checkpoint(tmp_path / "again", checkpoint)
        for name, raw in content(tmp_path / "again").items():
            assert content(whitened)[name] == raw

    def test_a_whitening_of_another_width_is_one_sentence(self, whitened):
        import dataclasses

        checkpoint = load_checkpoint(whitened)
        with pytest.raises(CheckpointError, match="The whitening gives vectors of width 3, the head takes 5"):
            dataclasses.replace(checkpoint, whitening=Whitening(32, 3))
