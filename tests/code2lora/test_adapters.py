import pytest
import torch

from code2lora.adapters import Adapter, Factors, stack
from code2lora.errors import AdapterError
from code2lora.tensor_hash import tensors_sha256


def factors(rows=1, layers=1, rank=2, inputs=3, outputs=5, value=1.0):
    return Factors(
        A_BLRI=torch.full((rows, layers, rank, inputs), value), B_BLOR=torch.full((rows, layers, outputs, rank), value)
    )


def adapter(value=1.0, **sizes):
    return Adapter(factors={"v": factors(value=value, **sizes), "q": factors(value=value, **sizes)}, alpha=8.0)


def test_sizes_are_told():
    made = adapter(rows=2, layers=3)
    assert (made.types, made.rows, made.layers, made.rank, made.scaling) == (("q", "v"), 2, 3, 2, 4.0)
    assert made.type_dims == {"q": (3, 5), "v": (3, 5)}


@pytest.mark.parametrize(
    ("down", "up"),
    [((2, 3), (5, 2)), ((1, 1, 2, 3), (1, 1, 5, 4)), ((1, 1, 2, 3), (2, 1, 5, 2)), ((1, 2, 2, 3), (1, 1, 5, 2))],
)
def test_factors_that_do_not_fit_each_other_are_refused(down, up):
    with pytest.raises(AdapterError, match=r"do not fit each other: give \(rows, layers, rank, in\)"):
        Factors(A_BLRI=torch.zeros(down), B_BLOR=torch.zeros(up))


def test_factors_of_two_types_of_number_are_refused():
    with pytest.raises(AdapterError, match=r"torch.float32 on cpu and torch.float64 on cpu"):
        Factors(A_BLRI=torch.zeros(1, 1, 2, 3), B_BLOR=torch.zeros(1, 1, 5, 2, dtype=torch.float64))


@pytest.mark.parametrize("other", [{"rank": 3}, {"rows": 2}, {"layers": 2}])
def test_module_types_of_different_shape_are_refused(other):
    with pytest.raises(AdapterError, match="one number of rows, layers and ranks"):
        Adapter(factors={"q": factors(), "v": factors(**other)}, alpha=8.0)


def test_adapter_without_a_type_is_refused():
    with pytest.raises(AdapterError, match="given: none"):
        Adapter(factors={}, alpha=8.0)


def test_rows_are_taken_in_the_order_asked_for():
    rows = stack([adapter(1.0), adapter(2.0), adapter(3.0)])
    taken = rows.take((2, 0, 2))
    assert [float(row[0, 0, 0]) for row in taken.factors["q"].A_BLRI] == [3.0, 1.0, 3.0]
    assert [float(row[0, 0, 0]) for row in taken.factors["v"].B_BLOR] == [3.0, 1.0, 3.0]


@pytest.mark.parametrize("others", [[], [adapter(), adapter(rank=3)], [adapter(), adapter(layers=2)]])
def test_adapters_of_different_kinds_are_not_stacked(others):
    with pytest.raises(AdapterError, match="cannot be rows of one"):
        stack(others)


def test_hash_tells_adapters_apart_by_every_bit_and_alpha():
    one = adapter()
    bit = adapter()
    bit.factors["v"].B_BLOR[0, 0, 4, 1] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    alpha = Adapter(factors=one.factors, alpha=8.5)
    name = Adapter(factors={"q": factors(), "w": factors()}, alpha=8.0)
    assert adapter().sha256() == one.sha256()
    assert len({made.sha256() for made in (one, bit, alpha, name, adapter(layers=2))}) == 5


def test_hash_of_tensors_tells_shapes_and_types_apart():
    same_bytes = [torch.zeros(4), torch.zeros(2, 2), torch.zeros(2, dtype=torch.float64), torch.zeros(8).bfloat16()]
    assert len({tensors_sha256({"a": tensor}) for tensor in same_bytes}) == 4


def test_hash_ignores_order_and_layout():
    table = torch.arange(6.0).reshape(2, 3)
    scattered = table.t().contiguous().t()
    assert tensors_sha256({"a": table, "b": torch.tensor(1.0)}) == tensors_sha256(
        {"b": torch.tensor(1.0), "a": scattered}
    )


def test_detached_adapter_has_no_gradient():
    made = Adapter(
        factors={"q": Factors(A_BLRI=torch.ones(1, 1, 2, 3, requires_grad=True), B_BLOR=torch.ones(1, 1, 5, 2))},
        alpha=8.0,
    )
    assert made.factors["q"].A_BLRI.requires_grad
    assert not made.detach().factors["q"].A_BLRI.requires_grad
