import math

import numpy as np
import pytest
import torch

from code2lora.errors import ShapeError
from code2lora.head import Code2LoRAHead, HeadConfig

QWEN_DIMS = {
    "q_proj": (1536, 1536),
    "k_proj": (1536, 256),
    "v_proj": (1536, 256),
    "o_proj": (1536, 1536),
    "gate_proj": (1536, 8960),
    "up_proj": (1536, 8960),
    "down_proj": (8960, 1536),
}
SMALL = {"v_proj": (6, 4), "down_proj": (10, 6), "q_proj": (6, 6)}


def head(seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Code2LoRAHead(HeadConfig(**{"type_dims": SMALL, "input_dim": 5, "hidden_dim": 8, "rank": 3} | options))


def contexts(rows=2, width=5, seed=1):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def numpy_adapter(weights, config, context, task):
    """The published forward pass, step by step in plain NumPy and double precision."""
    w = {name: tensor.numpy().astype(np.float64) for name, tensor in weights.items()}
    gelu = np.vectorize(lambda x: 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0))))
    x = context.numpy().astype(np.float64)
    if config.num_tasks:
        x = np.concatenate([x, np.tile(w["task_embedding.weight"][task], (len(x), 1))], axis=1)
    h = gelu(x @ w["trunk.0.weight"].T + w["trunk.0.bias"])
    h = gelu(h @ w["trunk.2.weight"].T + w["trunk.2.bias"])
    h = h / np.linalg.norm(h, axis=1, keepdims=True) * math.sqrt(config.hidden_dim)
    out = {}
    for name, (inputs, outputs) in config.type_dims.items():
        scale_a = np.clip(np.exp(w[f"log_scale_A.{name}"]), 1e-5, 0.3)
        scale_b = np.clip(np.exp(w[f"log_scale_B.{name}"]), 1e-5, 0.3)
        a = h @ w[f"heads_A.{name}.weight"].T + w[f"heads_A.{name}.bias"]
        b = h @ w[f"heads_B.{name}.weight"].T + w[f"heads_B.{name}.bias"]
        out[name] = (
            np.tanh(a.reshape(len(x), config.rank, inputs)) * scale_a,
            np.tanh(b.reshape(len(x), outputs, config.rank)) * scale_b,
        )
    return out


@pytest.mark.parametrize(("num_tasks", "task"), [(0, 0), (3, 0), (3, 2)])
@pytest.mark.parametrize("log_scale", [-3.5, -20.0, 2.0])
def test_forward_equals_the_numpy_reference(num_tasks, task, log_scale):
    network = head(num_tasks=num_tasks, task_dim=4)
    with torch.no_grad():
        network.log_scale_A["q_proj"].fill_(log_scale)
        adapter = network(contexts(), task)
    expected = numpy_adapter(network.state_dict(), network.config, contexts(), task)
    assert adapter.types == ("down_proj", "q_proj", "v_proj")
    for name, (a, b) in expected.items():
        assert np.abs(adapter.factors[name].A_BLRI[:, 0].numpy() - a).max() < 1e-6
        assert np.abs(adapter.factors[name].B_BLOR[:, 0].numpy() - b).max() < 1e-6


def test_forward_in_double_precision_equals_the_numpy_reference_to_twelve_digits():
    network = head().double()
    with torch.no_grad():
        adapter = network(contexts())
    expected = numpy_adapter(network.state_dict(), network.config, contexts(), 0)
    assert np.abs(adapter.factors["down_proj"].A_BLRI[:, 0].numpy() - expected["down_proj"][0]).max() < 1e-13


@pytest.mark.parametrize(
    ("hidden_dim", "num_tasks", "count"),
    [
        (1024, 0, 679_090_190),
        (512, 0, 339_612_686),
        (256, 0, 170_070_542),
        (1024, 2, 679_155_726 + 128),
    ],
)
def test_parameter_counts_are_the_published_networks(hidden_dim, num_tasks, count):
    with torch.device("meta"):
        network = Code2LoRAHead(HeadConfig(type_dims=QWEN_DIMS, hidden_dim=hidden_dim, num_tasks=num_tasks))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_weights_have_the_published_names_and_shapes():
    with torch.device("meta"):
        network = Code2LoRAHead(HeadConfig(type_dims=QWEN_DIMS, num_tasks=2))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    expected = {"task_embedding.weight": (2, 64), "trunk.0.weight": (1024, 2112), "trunk.0.bias": (1024,)}
    expected |= {"trunk.2.weight": (1024, 1024), "trunk.2.bias": (1024,)}
    for name, (inputs, outputs) in QWEN_DIMS.items():
        expected |= {f"heads_A.{name}.weight": (16 * inputs, 1024), f"heads_A.{name}.bias": (16 * inputs,)}
        expected |= {f"heads_B.{name}.weight": (16 * outputs, 1024), f"heads_B.{name}.bias": (16 * outputs,)}
        expected |= {f"log_scale_A.{name}": (), f"log_scale_B.{name}": ()}
    assert shapes == expected


def test_every_layer_is_given_the_same_small_pair():
    adapter = head()(100.0 * contexts()).detach()
    assert (adapter.rows, adapter.layers, adapter.rank, adapter.scaling) == (2, 1, 3, 32.0 / 3)
    assert adapter.type_dims == {name: SMALL[name] for name in sorted(SMALL)}
    assert max(float(tensor.abs().max()) for tensor in adapter.tensors().values()) <= math.exp(-3.5) + 1e-7


def test_several_vectors_of_a_row_are_reduced_to_their_maxima():
    vectors = torch.stack([contexts(seed=1), contexts(seed=2), contexts(seed=3)], dim=1)
    assert head()(vectors).sha256() == head()(vectors.max(dim=1).values).sha256()


def test_half_precision_contexts_are_computed_in_float32():
    half = contexts().bfloat16()
    assert head()(half).sha256() == head()(half.float()).sha256()


def test_tasks_may_differ_by_row():
    network = head(num_tasks=2)
    both = network(contexts(), torch.tensor([1, 0]))
    assert torch.allclose(
        both.take([0]).factors["q_proj"].A_BLRI, network(contexts(), 1).take([0]).factors["q_proj"].A_BLRI
    )
    assert network(contexts(), None).sha256() == network(contexts(), 0).sha256()
    assert network(contexts(), 1).sha256() != network(contexts(), 0).sha256()


@pytest.mark.parametrize("tasks", [2, -1, torch.tensor([0, 1, 0])])
def test_unknown_tasks_are_refused(tasks):
    with pytest.raises(ShapeError, match=r"do not fit 2 contexts and 2 tasks: give one task, or one per context"):
        head(num_tasks=2)(contexts(), tasks)


@pytest.mark.parametrize("shape", [(2, 4), (5,), (1, 2, 3, 5)])
def test_contexts_of_another_width_are_refused(shape):
    with pytest.raises(ShapeError, match=r"give \(rows, 5\)"):
        head()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type_dims": {}}, "at least one module type"),
        ({"rank": 0}, "rank is 0: give at least 1"),
        ({"type_dims": {"q_proj": (6, 0)}}, r"type_dims\['q_proj'\] is 0"),
        ({"num_tasks": 2, "task_dim": 0}, "task_dim is 0"),
        ({"alpha": float("nan")}, "alpha is nan"),
    ],
)
def test_impossible_sizes_are_named(options, message):
    with pytest.raises(ShapeError, match=message):
        HeadConfig(**{"type_dims": SMALL} | options)
