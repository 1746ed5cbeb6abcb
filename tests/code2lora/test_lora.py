import copy

import pytest
import torch
from torch import nn

from code2lora.adapters import Adapter, Factors, stack
from code2lora.errors import AdapterError, NoOpAdapterError
from code2lora.generation import generate
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import Injection, adapter_effect, merged, target_modules, type_dims

IDS = torch.randint(2, 258, (3, 11), generator=torch.Generator().manual_seed(3))
TYPES = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")


def logits(model, ids=IDS):
    return model(input_ids=ids, use_cache=False).logits


def difference(one, other):
    return float((one - other).abs().max())


def relative(one, other):
    """The largest difference in units of the largest number."""
    return difference(one, other) / float(other.abs().max())


def hooks(model):
    """How many there are; transformers leaves some of its own where hidden states were asked for."""
    return sum(len(module._forward_hooks) for module in model.modules())


class OneLinear(nn.Module):
    """The smallest model with a numbered layer."""

    def __init__(self, **kind):
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleDict({"up": nn.Linear(6, 4, **kind)})])

    def forward(self, x):
        return self.layers[0]["up"](x)


def one_linear_adapter(rows=1):
    generator = torch.Generator().manual_seed(5)
    pair = Factors(
        A_BLRI=torch.randn(rows, 1, 2, 6, generator=generator), B_BLOR=torch.randn(rows, 1, 4, 2, generator=generator)
    )
    return Adapter(factors={"up": pair}, alpha=3.0)


def test_modules_are_found_in_the_model_itself(family_model):
    targets = target_modules(family_model)
    layers = family_model.config.num_hidden_layers
    assert len(targets) == 7 * layers
    assert [target.layer for target in targets] == sorted(list(range(layers)) * 7)
    assert targets[3].name == "model.layers.0.self_attn.k_proj"
    assert tuple(type_dims(targets)) == TYPES
    for target in targets:
        module = family_model.get_submodule(target.name)
        assert (module.in_features, module.out_features) == (target.in_features, target.out_features)


def test_model_without_numbered_layers_is_named():
    with pytest.raises(AdapterError, match=r"Linear has no nn\.Linear in numbered `layers`"):
        target_modules(nn.Linear(2, 2))


def test_layers_of_different_sizes_share_no_pair():
    model = nn.Module()
    model.layers = nn.ModuleList([nn.ModuleDict({"up": nn.Linear(2, 3)}), nn.ModuleDict({"up": nn.Linear(2, 4)})])
    with pytest.raises(AdapterError, match=r"layers\.1\.up is 2 to 4, other modules of type up are 2 to 3"):
        type_dims(target_modules(model))


def test_nothing_of_the_model_changes_while_an_adapter_is_in(family_model, make_adapter):
    before, base = copy.deepcopy(family_model.state_dict()), logits(family_model)
    names = [name for name, _ in family_model.named_modules()]
    with Injection(family_model, make_adapter(family_model)):
        assert difference(logits(family_model), base) > 0.1
        assert [name for name, _ in family_model.named_modules()] == names
        assert list(family_model.state_dict()) == list(before)
        assert all(torch.equal(tensor, before[name]) for name, tensor in family_model.state_dict().items())
    assert torch.equal(logits(family_model), base)


def test_removal_leaves_no_hook_and_may_be_repeated(random_model, make_adapter):
    base = logits(random_model)
    before = hooks(random_model)
    injection = Injection(random_model, make_adapter(random_model))
    assert hooks(random_model) == before + 14
    injection.remove()
    injection.remove()
    assert hooks(random_model) == before
    assert torch.equal(logits(random_model), base)


def test_failure_inside_still_removes_the_adapter(random_model, make_adapter):
    base = logits(random_model)
    with pytest.raises(RuntimeError, match="broken"), Injection(random_model, make_adapter(random_model)):
        raise RuntimeError("broken")
    assert torch.equal(logits(random_model), base)


@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_rows_with_their_own_adapters_equal_each_adapter_alone_and_merged(
    family_model, make_adapter, per_layer, dtype, tolerance
):
    model, layers = copy.deepcopy(family_model).to(dtype), family_model.config.num_hidden_layers if per_layer else 1
    adapter = make_adapter(model, rows=3, layers=layers).to(dtype)
    with Injection(model, adapter):
        together = logits(model)
    for row in range(3):
        alone, ids = adapter.take([row]), IDS[row : row + 1]
        with Injection(model, alone):
            injected = logits(model, ids)
        with merged(model, alone):
            in_weights = logits(model, ids)
        assert relative(together[row], injected[0]) < tolerance
        assert relative(in_weights, injected) < tolerance
        assert relative(together[row], logits(model, ids)[0]) > 0.01


def test_layers_with_one_pair_equal_layers_with_copies_of_it(family_model, make_adapter):
    shared = make_adapter(family_model)
    layers = family_model.config.num_hidden_layers
    copies = Adapter(
        factors={
            name: Factors(A_BLRI=pair.A_BLRI.expand(-1, layers, -1, -1), B_BLOR=pair.B_BLOR.expand(-1, layers, -1, -1))
            for name, pair in shared.factors.items()
        },
        alpha=shared.alpha,
    )
    with Injection(family_model, shared):
        expected = logits(family_model)
    with Injection(family_model, copies):
        assert torch.equal(logits(family_model), expected)


def test_layers_use_their_own_factors(random_model, make_adapter):
    adapter = make_adapter(random_model, layers=2)
    swapped = Adapter(
        factors={n: Factors(A_BLRI=p.A_BLRI.flip(1), B_BLOR=p.B_BLOR.flip(1)) for n, p in adapter.factors.items()},
        alpha=adapter.alpha,
    )
    with Injection(random_model, adapter):
        expected = logits(random_model)
    with Injection(random_model, swapped):
        assert difference(logits(random_model), expected) > 0.1


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("autocast", [False, True])
def test_branch_is_computed_in_float32_and_then_cast(rows, autocast):
    model, adapter = OneLinear(dtype=torch.bfloat16), one_linear_adapter(rows)
    inputs = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(6)).bfloat16()
    branches = []
    for row, row_input in enumerate(inputs.float()):
        pair = adapter.take([row if rows > 1 else 0]).factors["up"]
        branches.append(row_input @ pair.A_BLRI[0, 0].T @ pair.B_BLOR[0, 0].T * 1.5)
    expected = model(inputs) + torch.stack(branches).bfloat16()
    with Injection(model, adapter), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        assert torch.equal(model(inputs), expected)


@pytest.mark.parametrize("rows", [1, 2])
def test_an_adapter_that_learns_in_bfloat16_gets_gradients_of_its_own_type(rows):
    model, slopes = OneLinear(), {}
    inputs = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(6))
    for dtype in (torch.bfloat16, torch.float32):
        adapter = one_linear_adapter(rows)
        leaves = adapter.tensors()
        for tensor in leaves.values():
            tensor.requires_grad_(True)
        with Injection(model.to(dtype), adapter):
            model(inputs.to(dtype)).float().sum().backward()
        slopes[dtype] = {name: tensor.grad for name, tensor in leaves.items()}
    for name, slope in slopes[torch.float32].items():
        assert slopes[torch.bfloat16][name].dtype == torch.float32
        torch.testing.assert_close(slopes[torch.bfloat16][name], slope, atol=0.03 * float(slope.abs().max()), rtol=0)


def test_gradients_are_those_of_changed_weights(random_model, make_adapter):
    """Against autograd through `W + scaling * B @ A`, which knows nothing of hooks and rows."""
    model, adapter = copy.deepcopy(random_model).double(), make_adapter(random_model, rows=2, layers=2)
    factors = {
        name: Factors(A_BLRI=p.A_BLRI.double().requires_grad_(), B_BLOR=p.B_BLOR.double().requires_grad_())
        for name, p in adapter.factors.items()
    }
    adapter = Adapter(factors=factors, alpha=adapter.alpha)
    weigh = torch.randn(2, 11, 258, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with Injection(model, adapter):
        (logits(model, IDS[:2]) * weigh).sum().backward()
    found = {name: tensor.grad.clone() for name, tensor in adapter.tensors().items()}
    for tensor in adapter.tensors().values():
        tensor.grad = None
    for row in range(2):
        weights = {}
        for target in target_modules(model):
            pair = factors[target.type]
            change = pair.B_BLOR[row, target.layer] @ pair.A_BLRI[row, target.layer] * adapter.scaling
            weights[f"{target.name}.weight"] = model.get_submodule(target.name).weight + change
        options = {"input_ids": IDS[row : row + 1], "use_cache": False}
        (torch.func.functional_call(model, weights, (), options).logits[0] * weigh[row]).sum().backward()
    for name, tensor in adapter.tensors().items():
        assert difference(tensor.grad, found[name]) < 1e-9 * float(tensor.grad.abs().max())


def head_for(model):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return Code2LoRAHead(HeadConfig(type_dims=type_dims(target_modules(model)), input_dim=4, hidden_dim=8, rank=2))


def head_gradients(model, *, detach_input):
    head = head_for(model)
    with Injection(model, head(torch.ones(3, 4)), detach_input=detach_input):
        result = logits(model)
    result.square().mean().backward()
    return result.detach(), {name: parameter.grad for name, parameter in head.named_parameters()}


def test_gradients_flow_to_the_head_and_not_to_the_model(family_model):
    _, gradients = head_gradients(family_model, detach_input=False)
    assert all(float(gradient.abs().max()) > 0.0 for gradient in gradients.values())
    assert all(parameter.grad is None for parameter in family_model.parameters())


def test_detached_input_changes_gradients_but_no_output(random_model):
    plain, gradients = head_gradients(random_model, detach_input=False)
    detached, published = head_gradients(random_model, detach_input=True)
    assert torch.equal(plain, detached)
    assert difference(gradients["trunk.0.weight"], published["trunk.0.weight"]) > 0.0


def test_detached_input_gets_no_gradient_from_the_branch():
    model, adapter = OneLinear(), one_linear_adapter()
    inputs = torch.ones(1, 2, 6, requires_grad=True)
    with Injection(model, adapter, detach_input=True):
        model(inputs).sum().backward()
    assert torch.allclose(inputs.grad, model.layers[0]["up"].weight.sum(dim=0).expand(1, 2, 6))


def test_adapters_may_be_changed_between_passes(random_model, make_adapter):
    one, other = make_adapter(random_model, seed=1), make_adapter(random_model, seed=2, types=["v_proj"], rank=2)
    with Injection(random_model) as injection:
        assert torch.equal(logits(random_model), (base := logits(random_model)))
        injection.use(one)
        first = logits(random_model)
        injection.use(other)
        second = logits(random_model)
        injection.use(None)
        assert torch.equal(logits(random_model), base)
    with Injection(random_model, other):
        assert torch.equal(logits(random_model), second)
    assert difference(first, second) > 0.1


def test_injections_add_up(random_model, make_adapter):
    shared, own = make_adapter(random_model, seed=1), make_adapter(random_model, seed=2)
    joined = Adapter(
        factors={
            name: Factors(
                A_BLRI=torch.cat([shared.factors[name].A_BLRI, own.factors[name].A_BLRI], dim=2),
                B_BLOR=torch.cat([shared.factors[name].B_BLOR, own.factors[name].B_BLOR], dim=3),
            )
            for name in shared.types
        },
        alpha=2.0 * shared.alpha,
    )
    with Injection(random_model, joined):
        expected = logits(random_model)
    with Injection(random_model, shared), Injection(random_model, own):
        assert relative(logits(random_model), expected) < 1e-5


def test_answers_of_a_batch_equal_those_of_each_row_alone(random_backbone, make_adapter):
    prefixes = ["assert f(1) == ", "x", "a much longer prefix than the others", "assert f(1) == ", "y = "]
    adapter = make_adapter(random_backbone.model, rows=len(prefixes))

    def answers(chosen, batch_size):
        with Injection(random_backbone.model) as injection:
            results = generate(
                random_backbone, [prefixes[row] for row in chosen], max_new_tokens=10, batch_size=batch_size,
                stop=lambda prefix, text: len(text) > len(prefix) % 7,
                on_rows=lambda rows: injection.use(adapter.take([chosen[row] for row in rows])),
            )  # fmt: skip
        return [result.text for result in results]

    together = answers(range(5), 4)
    assert together == [answers([row], 1)[0] for row in range(5)]
    assert together[0] != together[3]  # one prefix, two adapters


@pytest.mark.parametrize("ids", [IDS[:2], IDS])
def test_adapter_of_other_rows_than_the_batch_is_refused(random_model, make_adapter, ids):
    adapter = make_adapter(random_model, rows=4)
    with (
        Injection(random_model, adapter),
        pytest.raises(AdapterError, match=r"has 4 rows, model\.layers\.0\..* is given"),
    ):
        logits(random_model, ids)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"layers": 5}, "has 5 layers, the model 2: give 1 or 2"),
        ({"name": "w_proj"}, "no module of the adapter's type 'w_proj'; it has down_proj, gate_proj"),
        ({"inputs": 31}, r"adapter's q_proj is 31 to 32, model\.layers\.0\.self_attn\.q_proj is 32 to 32"),
    ],
)
def test_adapter_of_another_model_is_refused(random_model, sizes, message):
    layers, inputs = sizes.get("layers", 1), sizes.get("inputs", 32)
    pair = Factors(A_BLRI=torch.zeros(1, layers, 2, inputs), B_BLOR=torch.zeros(1, layers, 32, 2))
    adapter = Adapter(factors={sizes.get("name", "q_proj"): pair}, alpha=4.0)
    before = hooks(random_model)
    for use in (lambda: Injection(random_model, adapter), lambda: merged(random_model, adapter).__enter__()):
        with pytest.raises(AdapterError, match=message):
            use()
    assert hooks(random_model) == before


def test_merging_gives_back_the_very_weights(random_model, make_adapter):
    before = {name: tensor.clone() for name, tensor in random_model.state_dict().items()}
    places = {name: tensor.data_ptr() for name, tensor in random_model.state_dict().items()}
    with (
        pytest.raises(RuntimeError, match="broken"),
        merged(random_model, make_adapter(random_model, types=["q_proj"])),
    ):
        changed = {name for name, tensor in random_model.state_dict().items() if not torch.equal(tensor, before[name])}
        raise RuntimeError("broken")
    assert changed == {f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(2)}
    assert {name: tensor.data_ptr() for name, tensor in random_model.state_dict().items()} == places
    assert all(torch.equal(tensor, before[name]) for name, tensor in random_model.state_dict().items())


def test_only_one_row_can_be_merged(random_model, make_adapter):
    with (
        pytest.raises(AdapterError, match="has 2 rows: only one can be merged"),
        merged(random_model, make_adapter(random_model, rows=2)),
    ):
        pass


def test_effect_is_the_largest_change_of_a_logit(family_model, make_adapter):
    adapter = make_adapter(family_model)
    base = logits(family_model)
    with Injection(family_model, adapter):
        expected = difference(logits(family_model), base)
    assert adapter_effect(family_model, IDS, adapter) == expected > 0.1


def test_adapter_without_effect_is_caught(random_model, make_adapter):
    adapter = make_adapter(random_model)
    silent = Adapter(
        factors={n: Factors(A_BLRI=p.A_BLRI, B_BLOR=torch.zeros_like(p.B_BLOR)) for n, p in adapter.factors.items()},
        alpha=adapter.alpha,
    )
    with pytest.raises(NoOpAdapterError, match=rf"{silent.sha256()[:12]} changes no logit of 33 tokens"):
        adapter_effect(random_model, IDS, silent)


def test_adapter_that_is_not_finite_is_caught(random_model, make_adapter):
    adapter = make_adapter(random_model)
    adapter.factors["q_proj"].A_BLRI[0, 0, 0, 0] = float("nan")
    with pytest.raises(AdapterError, match="has factors that are not finite"):
        adapter_effect(random_model, IDS, adapter)


def test_adapter_that_overflows_is_caught(random_model, make_adapter):
    adapter = make_adapter(random_model, types=["down_proj"])
    adapter.factors["down_proj"].B_BLOR.mul_(3e38)
    with pytest.raises(AdapterError, match="makes logits that are not finite"):
        adapter_effect(random_model, IDS, adapter)


def test_stacked_adapters_keep_their_effects(random_model, make_adapter):
    adapters = [make_adapter(random_model, seed=seed) for seed in range(3)]
    with Injection(random_model, stack(adapters)):
        together = logits(random_model)
    with Injection(random_model, adapters[1]):
        assert relative(together[1], logits(random_model)[1]) < 1e-5
