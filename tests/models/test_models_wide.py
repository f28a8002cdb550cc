"""Products of wide rows, against torch's linear maps in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

from mmrec.models.parts import padded, projected_rows
from mmrec.models.wide import WideLinear, product_with_transpose, wide_linear
from mmrec.training.determinism import deterministic

SHAPES = [(3, 9, 2), (1, 256, 1), (1, 300, 4), (5, 256, 1), (70, 300, 64), (0, 300, 3)]
CPU = torch.device("cpu")


def operands(n: int, f: int, d: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return x, W and b."""
    torch.manual_seed(1)
    shapes = (n, f), (d, f), (d,)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


def doubled(tensors: list[Tensor]) -> list[Tensor]:
    return [x.detach().double().requires_grad_() for x in tensors]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("upper", ["of a sum", "any", "transposed"])
def test_values_and_gradients_are_those_of_a_linear_map(
    shape: tuple[int, int, int], upper: str
) -> None:
    n, _, d = shape
    single = operands(*shape)
    double = doubled(single)

    def scalar(y: Tensor) -> Tensor:
        if upper == "of a sum":  # whose gradient is a single number, expanded
            return y.sum()
        factors = torch.arange(n * d, dtype=y.dtype) / 7
        if upper == "transposed":
            return (y.T.contiguous() * factors.view(d, n)).sum()
        return (y * factors.view(n, d)).sum()

    found, expected = wide_linear(*single), linear(*double)
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-5)
    gradients = torch.autograd.grad(scalar(found), single)
    for gradient, exact in zip(
        gradients, torch.autograd.grad(scalar(expected), double), strict=True
    ):
        scale = exact.abs().max().item() if exact.numel() else 1.0
        torch.testing.assert_close(gradient.double(), exact, atol=1e-5 * scale, rtol=1e-4)


@pytest.mark.parametrize("shape", [(300,), (2, 3, 300), (2, 300, 300)])
def test_any_shape_of_rows_is_mapped(shape: tuple[int, ...]) -> None:
    x, weight, bias = torch.randn(shape, requires_grad=True), *operands(1, 300, 4)[1:]
    found, expected = wide_linear(x, weight, bias), linear(x, weight, bias)
    torch.testing.assert_close(found, expected)
    operand = [x, weight, bias]
    for gradient, exact in zip(
        torch.autograd.grad(found.square().sum(), operand),
        torch.autograd.grad(expected.square().sum(), operand),
        strict=True,
    ):
        torch.testing.assert_close(gradient, exact)


def test_a_map_needs_no_bias() -> None:
    x, weight, _ = operands(6, 256, 3)

    torch.testing.assert_close(wide_linear(x, weight), linear(x, weight))


def test_other_types_than_float32_are_multiplied_too() -> None:
    x, weight, bias = operands(6, 256, 3, torch.float64)

    torch.testing.assert_close(product_with_transpose(x, weight, bias), linear(x, weight, bias))


def test_a_wide_map_draws_the_initial_values_of_a_linear_map() -> None:
    torch.manual_seed(3)
    expected = torch.nn.Linear(8, 4).state_dict()
    torch.manual_seed(3)
    found = WideLinear(8, 4).state_dict()

    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], x) for name, x in expected.items())


def test_bits_do_not_depend_on_where_the_operands_are_in_memory() -> None:
    x, weight, bias = (t.detach() for t in operands(300, 700, 64))
    upper = torch.randn(300, 64)

    def gradients(offset: int) -> tuple[Tensor, ...]:
        moved = [
            torch.empty(t.numel() + offset)[offset:].view(t.shape).copy_(t).requires_grad_()
            for t in (x, weight, bias)
        ]
        y = wide_linear(*moved)
        return y, *torch.autograd.grad(y, moved, upper)

    with deterministic(CPU):
        first = gradients(0)
        for offset in (1, 3, 5):
            assert all(map(torch.equal, first, gradients(offset)))


@pytest.mark.parametrize("items", [[4, 0, 4, 2], list(range(5))])
def test_projected_rows_are_rows_of_the_projection(items: list[int]) -> None:
    projection = torch.nn.Linear(260, 3)
    features, nodes = torch.randn(5, 260, requires_grad=True), torch.tensor(items)

    found, expected = (
        projected_rows(projection, features, nodes),
        projection(features)[nodes],
    )

    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(y.square().sum(), features)[0] for y in (found, expected))
    )


def test_some_columns_of_a_matrix_are_multiplied_as_their_copy() -> None:
    x, weight, _ = (a.detach() for a in operands(40, 400, 64))
    columns = weight[:, :320]

    for factor, y in [(x[:, :320], columns), (x[:, :64], columns.T), (x[:, :40], x[:, :320].T)]:
        expected = product_with_transpose(factor, y.contiguous())
        assert torch.equal(product_with_transpose(factor, y), expected)


@pytest.mark.parametrize("n", [0, 1, 5, 127, 128, 129, 1230, 2047, 2048, 2050])
def test_padding_repeats_the_first_number(n: int) -> None:
    numbers = torch.arange(n).flip(0)

    found = padded(numbers)

    assert torch.equal(found[:n], numbers)
    assert set(found[n:].tolist()) <= {n - 1}
    assert len(found) - n <= n / 64


def test_padding_leaves_few_numbers_of_rows() -> None:
    lengths = {len(padded(torch.arange(n))) for n in range(1150, 1300)}
    assert len(lengths) < 12


def test_projected_rows_have_the_gradients_of_the_projection() -> None:
    projection = torch.nn.Linear(260, 3)
    features, nodes = torch.randn(300, 260, requires_grad=True), torch.arange(200) % 150
    upper = torch.randn(200, 3)
    inputs = [projection.weight, projection.bias, features]

    found = torch.autograd.grad(projected_rows(projection, features, nodes), inputs, upper)
    expected = torch.autograd.grad(projection(features)[nodes], inputs, upper)

    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
