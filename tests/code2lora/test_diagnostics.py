"""Diagnoses' tensors equal what is made the long way."""

import pytest
import torch

from code2lora.adapters import Adapter, Factors
from code2lora.backbone import load_backbone
from code2lora.diagnostics.combination import blended, mean_adapter, reduced, weighted_sum
from code2lora.diagnostics.geometry import geometry, gram, relative_distance
from code2lora.diagnostics.kernels import information_ceiling, kernel
from code2lora.diagnostics.likelihood import encoded_target, likelihoods
from code2lora.errors import AdapterError
from code2lora.lora import target_modules, type_dims

DIMS = {"q_proj": (6, 5), "up_proj": (6, 9)}


def drawn(seed, *, rank=2, layers=1, alpha=3.0, dims=DIMS):
    generator = torch.Generator().manual_seed(seed)
    return Adapter(
        factors={
            name: Factors(
                A_BLRI=torch.randn(1, layers, rank, inputs, generator=generator),
                B_BLOR=torch.randn(1, layers, outputs, rank, generator=generator),
            )
            for name, (inputs, outputs) in dims.items()
        },
        alpha=alpha,
    )


def dense(adapter, layers=1):
    changes = []
    for pair in adapter.factors.values():
        change = adapter.scaling * pair.B_BLOR[0] @ pair.A_BLRI[0]
        changes.append(change.expand(layers, -1, -1).flatten())
    return torch.cat(changes).double()


def test_geometry_from_factors_equals_that_of_materialised_updates():
    adapters = [drawn(0), drawn(1, rank=3), drawn(2, layers=4, alpha=1.0), drawn(3, layers=4)]
    whole = torch.stack([dense(adapter, layers=4) for adapter in adapters])
    found = gram([weighted_sum((one, drawn(9, layers=4)), (1.0, 0.0)) for one in adapters])
    assert torch.allclose(found, whole @ whole.T, rtol=1e-5, atol=1e-4)
    shape = geometry(found)
    unit = torch.nn.functional.normalize(whole, dim=1)
    assert torch.allclose(torch.tensor(shape.cosine).double(), unit @ unit.T, atol=1e-6)
    spread = ((whole - whole.mean(dim=0)).norm(dim=1) / whole.norm(dim=1)).quantile(0.5)
    assert shape.spread == pytest.approx(float(spread), rel=1e-5)


def test_equal_adapters_have_no_spread_and_no_rank():
    shape = geometry(gram([drawn(0)] * 3))
    assert (shape.least_cosine, shape.nearly_equal) == (pytest.approx(1.0), 1.0)
    assert shape.spread == pytest.approx(0.0, abs=1e-6)
    assert shape.effective_rank == 0.0


def test_mean_by_rank_concatenation_equals_the_dense_mean():
    adapters = [drawn(seed) for seed in range(12)]
    mean = mean_adapter(adapters, rank=9)
    assert mean.error < 1e-6
    expected = torch.stack([dense(adapter) for adapter in adapters]).mean(dim=0)
    assert torch.allclose(dense(mean.adapter), expected, atol=1e-5)


def test_error_of_a_truncated_sum_is_what_it_lost():
    whole = weighted_sum([drawn(seed) for seed in range(3)], (1.0, -2.0, 0.5))
    cut = reduced(whole, 2)
    lost = (dense(whole) - dense(cut.adapter)).norm() / dense(whole).norm()
    assert cut.adapter.rank == 2
    assert cut.error == pytest.approx(float(lost), rel=1e-4)


def test_blends_go_from_the_mean_through_the_own_adapter():
    mean, own = drawn(0), drawn(1)
    for strength in (0.0, 0.5, 1.0, 4.0):
        expected = dense(mean) + strength * (dense(own) - dense(mean))
        assert torch.allclose(dense(blended(mean, own, strength)), expected, atol=1e-5)


def test_distance_is_relative_to_the_other():
    one, other = drawn(0), drawn(1)
    expected = (dense(one) - dense(other)).norm() / dense(other).norm()
    assert relative_distance(one, other) == pytest.approx(float(expected), rel=1e-5)
    assert relative_distance(one, one) == pytest.approx(0.0, abs=1e-6)


def test_adapters_of_different_models_are_refused():
    with pytest.raises(AdapterError, match="same module types"):
        gram([drawn(0), drawn(1, dims={"q_proj": (6, 5)})])
    with pytest.raises(AdapterError, match="can be summed"):
        weighted_sum([drawn(0), drawn(1, dims={"q_proj": (6, 5)})], (1.0, 1.0))


def test_features_that_tell_are_told_from_features_that_do_not():
    generator = torch.Generator().manual_seed(0)
    told = (torch.rand(40, 5, generator=generator) > 0.5).double()
    telling = told @ torch.randn(5, 12, generator=generator).double()
    silent = torch.randn(40, 12, generator=generator)
    found = information_ceiling(telling, told, seed=0, permutations=50)
    assert (found.r2 > 0.9, found.p < 0.05) == (True, True)
    assert information_ceiling(silent, told, seed=0, permutations=50).p > 0.05


def test_kernel_of_a_shared_mean_is_high():
    features = torch.randn(20, 30, generator=torch.Generator().manual_seed(1))
    assert kernel(features).mean_cosine < 0.2
    assert kernel(features + 10).mean_cosine > 0.9
    assert kernel(features + 10).mean_share > 0.9


@pytest.fixture(scope="module")
def nano():
    return load_backbone("nano")


def test_likelihood_under_adapters_side_by_side_equals_that_of_each_alone(nano):
    dims = type_dims(target_modules(nano.model))
    adapters = [drawn(seed, dims=dims, alpha=0.02) for seed in range(3)]
    texts = [("assert f(1) == ", "2"), ("import os\n\nassert os.sep == ", "'/'"), ("assert x is ", "None")]
    targets = [encoded_target(nano, prefix, target, 64) for prefix, target in texts]
    together = likelihoods(nano, targets, adapters)
    alone = [likelihoods(nano, [target], [one])[0] for target, one in zip(targets, adapters, strict=True)]
    bare = likelihoods(nano, targets, [None] * 3)
    for side, single in zip(together, alone, strict=True):
        assert side.total == pytest.approx(single.total, rel=1e-4)
        assert side.nll == pytest.approx(single.nll, rel=1e-4)
        assert side.exact == single.exact
    assert all(abs(with_one.total - without.total) > 1e-4 for with_one, without in zip(together, bare, strict=True))


def test_exact_is_that_greedy_decoding_begins_with_the_target(nano):
    from code2lora.generation import generate

    prefix = "def test_total():\n    assert total([1, 2]) == "
    said = generate(nano, [prefix], max_new_tokens=3, batch_size=1, stop=lambda *_: False)[0].text
    ours = encoded_target(nano, prefix, said, 64)
    other = encoded_target(nano, prefix, "zebra_crossing", 64)
    assert [one.exact for one in likelihoods(nano, [ours, other], [None, None])] == [True, False]
