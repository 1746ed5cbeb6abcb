import numpy as np
import pytest
import torch

from code2lora.errors import ShapeError
from code2lora.evolution import CommitGRU, GRUConfig


def gru(seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = CommitGRU(GRUConfig(**{"diff_input_dim": 5, "repo_state_dim": 4, "hidden_dim": 6} | options))
        with torch.no_grad():  # trained norms are not the identity
            for norm in (network.diff_proj[1], network.repo_init_proj[2], network.output_norm):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_()
    return network


def vectors(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def numpy_contexts(weights, repo_state, diffs):
    """The published recurrence, gate by gate in plain NumPy and double precision."""
    from scipy.special import erf

    w = {name: tensor.numpy().astype(np.float64) for name, tensor in weights.items()}

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(axis=-1, keepdims=True)
        return (
            centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * w[f"{name}.weight"]
            + w[f"{name}.bias"]
        )

    def sigmoid(x):
        return 1.0 / (1.0 + np.exp(-x))

    start = linear(repo_state.numpy().astype(np.float64), "repo_init_proj.0")
    h = norm(0.5 * start * (1.0 + erf(start / np.sqrt(2.0))), "repo_init_proj.2")
    for diff in diffs.numpy().astype(np.float64):
        x = norm(linear(diff, "diff_proj.0"), "diff_proj.1")
        from_input = x @ w["gru.weight_ih_l0"].T + w["gru.bias_ih_l0"]
        from_state = h @ w["gru.weight_hh_l0"].T + w["gru.bias_hh_l0"]
        (ir, iz, new_input), (hr, hz, new_state) = np.split(from_input, 3, axis=1), np.split(from_state, 3, axis=1)
        reset, update = sigmoid(ir + hr), sigmoid(iz + hz)
        h = (1.0 - update) * np.tanh(new_input + reset * new_state) + update * h
        yield norm(h, "output_norm")


def test_contexts_equal_the_numpy_reference():
    network, repo_state, diffs = gru(), vectors(2, 4), vectors(7, 2, 5, seed=2)
    with torch.no_grad():
        hidden = network.start(repo_state)
        for diff, expected in zip(diffs, numpy_contexts(network.state_dict(), repo_state, diffs), strict=True):
            hidden = network.step(diff, hidden)
            assert np.abs(network.context(hidden).numpy() - expected).max() < 1e-6


def test_parameter_count_is_the_published_network():
    with torch.device("meta"):
        network = CommitGRU(GRUConfig())
    assert sum(parameter.numel() for parameter in network.parameters()) == 33_583_104
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert {name for name in shapes if name.startswith("gru.")} == {
        "gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0", "gru.bias_hh_l0",
    }  # fmt: skip
    assert shapes["gru.weight_ih_l0"] == (6144, 2048)
    assert {name.rpartition(".")[0] for name in shapes} == {
        "diff_proj.0", "diff_proj.1", "repo_init_proj.0", "repo_init_proj.2", "gru", "output_norm",
    }  # fmt: skip


def test_gradients_reach_the_start_through_every_step():
    network = gru()
    hidden = network.start(vectors(1, 4))
    for diff in vectors(3, 1, 5):
        hidden = network.step(diff, hidden)
    network.context(hidden).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert float(network.repo_init_proj[0].weight.grad.abs().max()) > 0.0


def test_half_precision_vectors_are_computed_in_float32():
    network, stored = gru(), vectors(1, 4).half()
    assert torch.equal(network.start(stored), network.start(stored.float()))


@pytest.mark.parametrize(
    ("per_step_input", "width", "expected"),
    [("diff", 5, [1.0] * 5), ("repo_state", 4, [2.0] * 4), ("concat", 9, [1.0] * 5 + [2.0] * 4)],
)
def test_steps_take_what_the_configuration_says(per_step_input, width, expected):
    network = gru(per_step_input=per_step_input, diff_input_dim=width)
    taken = network.step_input(torch.ones(1, 5), 2.0 * torch.ones(1, 4))
    assert taken.tolist() == [expected]
    assert network.step(taken, network.start(vectors(1, 4))).shape == (1, 6)


def test_missing_repository_vector_is_named():
    with pytest.raises(ShapeError, match="take 'concat': give the repository's vector at every commit"):
        gru(per_step_input="concat", diff_input_dim=9).step_input(torch.ones(1, 5))


@pytest.mark.parametrize(
    "call", [lambda n: n.start(vectors(1, 5)), lambda n: n.step(vectors(5), n.start(vectors(1, 4)))]
)
def test_vectors_of_another_width_are_refused(call):
    with pytest.raises(ShapeError, match=r"do not fit this GRU: give \(rows, [45]\)"):
        call(gru())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_dim": 0}, "hidden_dim is 0"),
        ({"per_step_input": "both"}, "per_step_input is 'both': give one of diff, repo_state, concat"),
        ({"per_step_input": "concat", "diff_input_dim": 4, "repo_state_dim": 4}, "cannot have diff_input_dim 4"),
        ({"per_step_input": "repo_state", "diff_input_dim": 5, "repo_state_dim": 4}, "width of all that a step takes"),
    ],
)
def test_impossible_sizes_are_named(options, message):
    with pytest.raises(ShapeError, match=message):
        GRUConfig(**options)
