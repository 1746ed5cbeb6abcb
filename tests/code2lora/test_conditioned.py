"""The memory head: what its adapters are made of, and that a symbol reaches the logits of its own repository alone."""

import pytest
import torch
from training_cases import make_backbone

from code2lora.conditioned import MemoryConfig, MemoryHead
from code2lora.errors import AdapterError, CheckpointError, ShapeError
from code2lora.lora import adapter_effect, target_modules, type_dims
from code2lora.memory_checkpoints import MemoryCheckpoint, load_memory_checkpoint, save_memory_checkpoint
from code2lora.symbol_features import Definition, chosen_definitions, symbol_features
from code2lora.whitening import Whitening
from repopeftbench.schema import SymbolKind

DIMS = {"o_proj": (6, 5), "q_proj": (5, 4)}


def make_head(*, seed=0, **sizes):
    config = {"type_dims": DIMS, "key_dim": 6, "value_dim": 5, "whitened_dim": 4, "rank": 3, "shared_rank": 2} | sizes
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MemoryHead(MemoryConfig(**config)).train(False)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cores_of(head, keys, values):
    keys, values = head.whitened(keys, values)
    return head.cores(head.sums(keys[None], values[None], torch.ones(1, len(keys)))).detach()


class TestCores:
    def test_the_order_of_symbols_does_not_matter_and_padding_counts_for_nothing(self):
        head = make_head()
        keys, values = head.whitened(noise(7, 6), noise(7, 5, seed=2))
        plain = head.cores(head.sums(keys[None], values[None], torch.ones(1, 7)))
        order = torch.tensor([3, 1, 0, 6, 5, 2, 4])
        junk_keys = torch.cat([keys[order], noise(2, 4, seed=9)])[None]
        junk_values = torch.cat([values[order], noise(2, 4, seed=8)])[None]
        mask = torch.tensor([[1.0] * 7 + [0.0] * 2])
        assert torch.allclose(head.cores(head.sums(junk_keys, junk_values, mask)), plain, atol=1e-5)

    def test_a_ridge_recalls_what_was_written_where_a_sum_mixes_it(self):
        """With as many writes as a core has ranks, `M k` is `v`; a plain sum is far from it."""
        errors = {}
        for recall in ("ridge", "sum"):
            head = make_head(rank=8, whitened_dim=8, key_dim=8, value_dim=8, recall=recall)
            with torch.no_grad():
                head.log_ridge.fill_(-12.0)
            keys, values = head.whitened(noise(6, 8), noise(6, 8, seed=2))
            with torch.no_grad():
                asked, said = head.written(keys, values)
                core = head.cores(head.sums(keys[None], values[None], torch.ones(1, 6)))[0, 0]
            errors[recall] = float((asked[:, 0] @ core.T - said[:, 0]).norm() / said[:, 0].norm())
        assert errors["ridge"] < 0.1 < 0.3 < errors["sum"]

    def test_a_repository_without_symbols_has_the_shared_part_alone(self):
        head = make_head()
        empty = head.sums(torch.zeros(1, 0, 4), torch.zeros(1, 0, 4), torch.zeros(1, 0))
        assert torch.equal(head.cores(empty), torch.zeros(1, 2, 3, 3))

    def test_a_gate_weighs_symbols(self):
        gated = make_head(gated=True)
        keys, values = noise(5, 6), noise(5, 5, seed=2)
        before = cores_of(gated, keys, values)
        with torch.no_grad():
            gated.gate.bias.fill_(-20.0)
        assert float(cores_of(gated, keys, values).abs().max()) < 1e-3 < float(before.abs().max())


class TestAdapters:
    def test_the_change_is_the_shared_and_the_generated_part(self):
        head = make_head()
        with torch.no_grad():
            for name in DIMS:
                head.bases[f"Bs_{name}"].normal_()
        core = noise(1, 2, 3, 3)
        adapter = head.adapter(core)
        for index, name in enumerate(head.config.types):
            pair = adapter.factors[name]
            bases = {part: head.bases[f"{part}_{name}"][0] for part in ("A0", "B0", "As", "Bs")}
            expected = bases["Bs"] @ bases["As"] + bases["B0"] @ core[0, index] @ bases["A0"]
            assert torch.allclose(pair.B_BLOR[0, 0] @ pair.A_BLRI[0, 0], expected, atol=1e-5)
        assert (adapter.rank, adapter.rows, adapter.layers) == (5, 1, 1)

    def test_scaling_touches_the_generated_part_alone(self):
        head = make_head()
        keys, values = noise(5, 6), noise(5, 5, seed=2)
        before = cores_of(head, keys, values)
        head.scale_generated(0.25)
        assert torch.allclose(cores_of(head, keys, values), 0.25 * before, atol=1e-6)

    def test_each_layer_has_bases_of_its_own_where_asked(self):
        assert make_head(layers=4).adapter(noise(2, 2, 3, 3)).layers == 4


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"rank": 0}, "rank is 0: give at least 1"),
        ({"type_dims": {}}, "at least one module type"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"recall": "guess"}, "recall is 'guess': give one of ridge, sum"),
    ],
)
def test_sizes_that_make_no_head_are_one_sentence(sizes, message):
    with pytest.raises(ShapeError, match=message):
        make_head(**sizes)


def test_features_of_another_width_are_one_sentence():
    with pytest.raises(ShapeError, match="give widths 6 and 5"):
        make_head().whitened(noise(2, 7), noise(2, 5))


class TestWhitening:
    def test_training_vectors_end_centred_uncorrelated_and_of_one_length(self):
        raw = noise(400, 6) * torch.tensor([9.0, 4.0, 2.0, 1.0, 1.0, 1.0]) + 5.0
        whitening = Whitening(6, 4)
        whitening.fit(raw)
        white = whitening(raw)
        assert torch.allclose(white.norm(dim=1), torch.full((400,), 2.0), atol=1e-4)
        assert float(white.mean(dim=0).abs().max()) < 0.2
        cosines = torch.corrcoef(white.T) - torch.eye(4)
        assert float(cosines.abs().max()) < 0.2

    def test_the_mean_becomes_zero_and_the_order_of_vectors_does_not_matter(self):
        raw = noise(50, 6) + 3.0
        one, other = Whitening(6, 4), Whitening(6, 4)
        one.fit(raw)
        other.fit(raw.flip(0))
        assert torch.equal(one(one.mean[None]), torch.zeros(1, 4))
        assert torch.allclose(one.projection, other.projection, atol=1e-4)


@pytest.mark.parametrize("kind", ["states", "embeddings"])
class TestFeatures:
    def test_there_is_a_write_for_each_token_and_one_for_the_end(self, kind):
        backbone = make_backbone()
        features = symbol_features(kind, backbone)
        writes = features.writes(Definition(SymbolKind.CONSTANT, "SIZE", "37"))
        assert writes.keys_SF.shape == (4, features.key_dim)  # space, 3, 7, end
        assert writes.values_SF.shape == (4, features.value_dim)
        said = backbone.model.get_output_embeddings().weight[backbone.tokenizer(" 37")["input_ids"] + [0]]
        assert torch.equal(writes.values_SF, said)

    def test_what_is_asked_does_not_tell_what_is_said_next(self, kind):
        features = symbol_features(kind, make_backbone())
        one, other = (features.writes(Definition(SymbolKind.CONSTANT, "SIZE", value)) for value in ("37", "38"))
        assert torch.equal(one.keys_SF[:3], other.keys_SF[:3])
        assert not torch.equal(one.keys_SF[3], other.keys_SF[3])

    def test_a_definition_is_the_same_bits_whatever_was_asked_before(self, kind):
        features = symbol_features(kind, make_backbone())
        asked = Definition(SymbolKind.RETURN, "size", "'x'")
        first = features.writes(asked)
        features.writes(Definition(SymbolKind.DEFAULT, "f.a_very_long_name", "[1, 2, 3, 4, 5, 6, 7, 8, 9]"))
        assert torch.equal(features.writes(asked).keys_SF, first.keys_SF)

    def test_odd_definitions_have_finite_features(self, kind):
        features = symbol_features(kind, make_backbone())
        for name, value in (("", ""), ("x" * 5000, "y" * 5000), ("é", "🎉")):
            writes = features.writes(Definition(SymbolKind.CLASS, name, value))
            assert bool(writes.keys_SF.isfinite().all())
            assert 1 <= len(writes.keys_SF) <= 9


def test_a_backbone_without_the_module_is_one_sentence(monkeypatch):
    monkeypatch.setattr("code2lora.symbol_features.ASKED_MODULE", "out_lin")
    with pytest.raises(AdapterError, match='use symbols = "embeddings"'):
        symbol_features("states", make_backbone())


def test_what_counts_is_ranked_by_the_definition_alone():
    constant, default = (Definition(kind, "A", "1") for kind in (SymbolKind.CONSTANT, SymbolKind.DEFAULT))
    long = Definition(SymbolKind.CONSTANT, "A", "1" * 30)
    assert chosen_definitions([default, long, constant, constant], 2) == [constant, long]
    assert chosen_definitions([default, constant], 9) == [constant, default]


def fitted_checkpoint():
    backbone = make_backbone()
    features = symbol_features("states", backbone)
    dims = type_dims(target_modules(backbone.model))
    config = {"key_dim": features.key_dim, "value_dim": features.value_dim, "rank": 24, "whitened_dim": 16, "layers": 2}
    head = make_head(type_dims={"o_proj": dims["o_proj"]}, **config)
    every = [features.writes(Definition(SymbolKind.CONSTANT, f"NAME_{n}", str(n))) for n in range(20)]
    head.fit(*(torch.cat([getattr(one, side) for one in every]) for side in ("keys_SF", "values_SF")), "o_proj")
    return MemoryCheckpoint(head=head, symbols="states", records=50, backbone_sha256=backbone.weights_sha256)


def test_an_untrained_memory_already_moves_the_model_toward_the_definition():
    """The start of the bases is a memory that works: asked as defined, the token of the value gets likelier."""
    backbone, head = make_backbone(), fitted_checkpoint().head
    features = symbol_features("states", backbone)
    writes = features.writes(Definition(SymbolKind.CONSTANT, "NAME", "7"))
    adapter = head.adapter(cores_of(head, writes.keys_SF, writes.values_SF))
    ids = backbone.tokenizer("assert NAME == ")["input_ids"]
    wanted = backbone.tokenizer("7")["input_ids"][0]
    from code2lora.lora import Injection

    with torch.no_grad():
        before = backbone.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[wanted]
        with Injection(backbone.model, adapter.detach()):
            after = backbone.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[wanted]
    assert after > before + 1.0
    assert adapter_effect(backbone.model, torch.tensor([ids]), adapter.detach()) > 0


class TestCheckpoints:
    def test_a_round_trip_keeps_every_bit(self, tmp_path):
        checkpoint = fitted_checkpoint()
        save_memory_checkpoint(tmp_path / "one", checkpoint)
        loaded = load_memory_checkpoint(tmp_path / "one")
        assert loaded.fingerprint() == checkpoint.fingerprint()
        save_memory_checkpoint(tmp_path / "two", loaded)
        for name in ("checkpoint.json", "weights.safetensors"):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    @pytest.mark.parametrize(
        ("file", "old", "new", "message"),
        [
            ("checkpoint.json", '"rank": 24', '"rank": 25', "does not fit its stated sizes"),
            (
                "checkpoint.json",
                '"kind": "memory"',
                '"kind": null',
                "is for code2lora-static, not for code2lora-memory",
            ),
            ("checkpoint.json", '"schema_version": 1', '"schema_version": 7', "has schema version 7"),
            ("checkpoint.json", '"gated": false', '"gates": 1', "is damaged"),
            ("checkpoint.json", "{", "", "is damaged"),
        ],
    )
    def test_what_is_changed_is_one_sentence(self, tmp_path, file, old, new, message):
        save_memory_checkpoint(tmp_path / "x", fitted_checkpoint())
        path = tmp_path / "x" / file
        path.write_text(path.read_text().replace(old, new, 1))
        with pytest.raises(CheckpointError, match=message):
            load_memory_checkpoint(tmp_path / "x")

    def test_changed_weights_are_refused(self, tmp_path):
        save_memory_checkpoint(tmp_path / "x", fitted_checkpoint())
        path = tmp_path / "x" / "weights.safetensors"
        path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
        with pytest.raises(CheckpointError, match="one of them was changed"):
            load_memory_checkpoint(tmp_path / "x")
