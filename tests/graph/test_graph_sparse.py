"""The two sparse products against dense torch, on every kernel."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torch import Tensor

from mmrec.graph import (
    Backend,
    Pattern,
    coalesce,
    default_backend,
    edge_products,
    kernels,
    propagate,
    spmm,
)

COMPILED = pytest.param("torch_sparse", marks=pytest.mark.needs("torch_sparse"))
kernels.load_torch_sparse()
BACKENDS = ["embedding_bag", "csr", "segment", COMPILED]


def pattern_of(mask: Tensor) -> Pattern:
    rows, cols = mask.nonzero().T
    return coalesce(rows, cols, (mask.shape[0], mask.shape[1]))[0]


def dense_of(pattern: Pattern, values: Tensor) -> Tensor:
    """[N, M]; differentiable in the values."""
    dense = values.new_zeros(pattern.shape)
    return dense.index_put((pattern.rows, pattern.cols), values)


def spmm_sum(
    row: Tensor | None,
    rowptr: Tensor,
    cols: Tensor,
    values: Tensor,
    colptr: Tensor | None,
    csr2csc: Tensor | None,
    x: Tensor,
) -> Tensor:
    """Multiply as torch-sparse's operator of this name, and insist on the same as it does."""
    assert rowptr.dtype == cols.dtype == torch.int64
    assert values.dtype == x.dtype
    if values.requires_grad or x.requires_grad:  # whether or not gradients are recorded
        assert row is not None
    if x.requires_grad:
        assert colptr is not None
        assert csr2csc is not None
    shape = (len(rowptr) - 1, len(x))
    return torch.sparse_csr_tensor(rowptr, cols, values, shape, check_invariants=False) @ x


@pytest.fixture(params=["embedding_bag", "csr", "segment", "torch_sparse"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Run a test as on the CPU, and on the CPU with what a CUDA device would run."""
    monkeypatch.setattr(kernels, "default_backend", lambda device_type: request.param)
    if not kernels.load_torch_sparse():
        stand_in = SimpleNamespace(spmm_sum=spmm_sum)
        monkeypatch.setattr(torch.ops, "torch_sparse", stand_in, raising=False)
    return request.param


MASKS = {
    "ordinary": torch.tensor([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 1, 0]]),
    "first, middle and last row empty": torch.tensor([[0, 0], [1, 1], [0, 0], [0, 1], [0, 0]]),
    "an empty column": torch.tensor([[0, 1, 0], [0, 1, 1]]),
    "one entry": torch.tensor([[1]]),
    "no entry": torch.zeros(3, 2),
    "full": torch.ones(4, 5),
}
each_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)


def test_coalesce_sorts_merges_and_says_where_edges_went() -> None:
    rows, cols = torch.tensor([2, 0, 2, 0, 2]), torch.tensor([1, 3, 0, 1, 1])
    pattern, places = coalesce(rows, cols, (4, 5))
    assert pattern.rows.tolist() == [0, 0, 2, 2]
    assert pattern.cols.tolist() == [1, 3, 0, 1]
    assert places.tolist() == [3, 1, 2, 0, 3]
    # Rows 1 and 3 are empty; by columns the edges are (2,0) | (0,1) (2,1) | - | (0,3) | -.
    assert pattern.rowptr.tolist() == [0, 2, 2, 4, 4]
    rowptr, columns, permutation = pattern.transposed()
    assert rowptr.tolist() == [0, 1, 3, 3, 4, 4]
    assert permutation.tolist() == [2, 0, 3, 1]
    assert columns.tolist() == [2, 0, 2, 0]
    assert (len(pattern), pattern.shape) == (4, (4, 5))
    assert repr(pattern) == "<Pattern 4 x 5 with 4 edges>"


def test_products_by_hand() -> None:
    # [[0, 2, -1],     [[1, 10],    [[2*2 - 3, 2*20 - 30],     [[1, 10],
    #  [3, 0,  0]]  @   [2, 20],  =  [3*1,     3*10]]        =   [3, 30]]
    #                   [3, 30]]
    pattern, _ = coalesce(torch.tensor([0, 0, 1]), torch.tensor([1, 2, 0]), (2, 3))
    x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    assert propagate(pattern, torch.tensor([2.0, -1, 3]), x).tolist() == [[1, 10], [3, 30]]
    # Edges (0,1), (0,2), (1,0): 1*2 + 1*20, 1*3 + 1*30, 0*1 + 5*10.
    y = torch.tensor([[1.0, 1.0], [0.0, 5.0]])
    assert edge_products(pattern, y, x).tolist() == [22, 33, 50]


@each_mask
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.usefixtures("kernel")
def test_propagate_against_dense(mask: Tensor, width: int) -> None:
    pattern = pattern_of(mask)
    values, x = random(len(pattern)), random(mask.shape[1], width, seed=1)
    ours, dense = propagate(pattern, values, x), dense_of(pattern, values) @ x
    torch.testing.assert_close(ours, dense)
    upstream = random(*dense.shape, seed=2).detach()
    torch.testing.assert_close(
        torch.autograd.grad(ours, (values, x), upstream),
        torch.autograd.grad(dense, (values, x), upstream),
    )


@each_mask
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.usefixtures("kernel")
def test_edge_products_against_dense(mask: Tensor, width: int) -> None:
    pattern = pattern_of(mask)
    x, y = random(mask.shape[0], width), random(mask.shape[1], width, seed=1)
    ours, dense = edge_products(pattern, x, y), (x @ y.T)[pattern.rows, pattern.cols]
    torch.testing.assert_close(ours, dense)
    upstream = random(len(pattern), seed=2).detach()
    torch.testing.assert_close(
        torch.autograd.grad(ours, (x, y), upstream), torch.autograd.grad(dense, (x, y), upstream)
    )


@each_mask
@pytest.mark.usefixtures("kernel")
def test_gradients_against_finite_differences(mask: Tensor) -> None:
    pattern = pattern_of(mask)
    values = random(len(pattern))
    x, y = random(mask.shape[0], 2, seed=1), random(mask.shape[1], 2, seed=2)
    if not len(pattern):  # torch's check of gradients refuses empty outputs
        assert torch.autograd.grad(propagate(pattern, values, y).sum(), y)[0].eq(0).all()
        return
    checks = ((propagate, (values, y)), (edge_products, (x, y)))
    for product, inputs in checks:
        assert torch.autograd.gradcheck(lambda a, b, f=product: f(pattern, a, b), inputs)
        assert torch.autograd.gradgradcheck(lambda a, b, f=product: f(pattern, a, b), inputs)


@pytest.mark.usefixtures("kernel")
def test_second_derivatives_in_float32() -> None:
    # Wide enough for every kernel; on the CPU float64 has one of its own.
    pattern = pattern_of(MASKS["ordinary"])
    inputs = [random(len(pattern)), random(3, 17, seed=1), random(4, 17, seed=2)]
    values, x, y = (tensor.detach().float().requires_grad_() for tensor in inputs)

    def second(value: Tensor) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(value, (values, x, y), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), (values, x, y))

    products = edge_products(pattern, y, x)
    ours = (propagate(pattern, values, x) * y).sin().sum() + (products * values).cos().sum()
    matrix = dense_of(pattern, values)
    dense = ((matrix @ x) * y).sin().sum()
    dense = dense + ((y @ x.T)[pattern.rows, pattern.cols] * values).cos().sum()
    torch.testing.assert_close(second(ours), second(dense), rtol=1e-4, atol=1e-4)


def test_each_gradient_alone() -> None:
    pattern = pattern_of(MASKS["ordinary"])
    values, x = random(len(pattern)), random(3, 2, seed=1)
    (with_both,) = torch.autograd.grad(propagate(pattern, values, x).sum(), [x])
    (alone,) = torch.autograd.grad(propagate(pattern, values.detach(), x).sum(), [x])
    torch.testing.assert_close(alone, with_both, rtol=0, atol=0)
    assert not propagate(pattern, values.detach(), x.detach()).requires_grad


def test_the_same_tensor_on_both_sides() -> None:
    pattern = pattern_of(torch.tensor([[1, 1], [0, 1]]))
    x = random(2, 3)
    (ours,) = torch.autograd.grad(edge_products(pattern, x, x).square().sum(), [x])
    products = (x @ x.T)[pattern.rows, pattern.cols]
    (dense,) = torch.autograd.grad(products.square().sum(), [x])
    torch.testing.assert_close(ours, dense)


def test_edge_products_in_blocks_have_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "default_backend", lambda device_type: "segment")
    pattern = pattern_of(torch.ones(7, 9))
    x, y = random(7, 4).float(), random(9, 4, seed=1).float()
    whole = edge_products(pattern, x, y)
    for block_values in (1, 4, 12, 4 * 62, 4 * 63):
        monkeypatch.setattr(kernels, "_BLOCK_VALUES", block_values)
        assert torch.equal(edge_products(pattern, x, y), whole)


LISTS = {
    "without repetition": [[1, 0], [2, 1]],
    "repeated in a row": [[1, 1, 0], [2, 0, 2]],
    "more edges than places": [[0, 1, 0, 1, 2, 0, 0], [2, 2, 1, 1, 0, 2, 1]],
}


@pytest.mark.parametrize("lists", LISTS.values(), ids=LISTS.keys())
@pytest.mark.usefixtures("kernel")
def test_neighbour_lists_as_they_come(lists: list[list[int]]) -> None:
    # In any order, with repetitions: those add up.
    neighbours = torch.tensor(lists)
    pattern = Pattern.from_lists(neighbours, 3)
    assert (pattern.shape, len(pattern)) == ((2, 3), neighbours.numel())
    assert pattern.rows.tolist() == [row for row, own in enumerate(lists) for _ in own]
    assert pattern.cols.tolist() == neighbours.flatten().tolist()
    values, x, y = random(len(pattern)), random(2, 4, seed=1), random(3, 4, seed=2)
    places = (pattern.rows, pattern.cols)
    dense = values.new_zeros(2, 3).index_put(places, values, accumulate=True)
    upstream = random(2, 4, seed=3).detach()
    ours = propagate(pattern, values, y)
    torch.testing.assert_close(ours, dense @ y)
    torch.testing.assert_close(
        torch.autograd.grad(ours, (values, y), upstream),
        torch.autograd.grad(dense @ y, (values, y), upstream),
    )
    products, expected = edge_products(pattern, x, y), (x @ y.T)[places]
    torch.testing.assert_close(products, expected)
    upstream = random(len(pattern), seed=4).detach()
    torch.testing.assert_close(
        torch.autograd.grad(products, (x, y), upstream),
        torch.autograd.grad(expected, (x, y), upstream),
    )


@st.composite
def products(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """A mask [N, M], the values [N, M] and x [M, D]."""
    n, m, d = draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)))
    numbers = st.integers(-8, 8).map(float)
    mask = draw(st_numpy.arrays(np.int64, (n, m), elements=st.integers(0, 1)))
    values = draw(st_numpy.arrays(np.float32, (n, m), elements=numbers))
    x = draw(st_numpy.arrays(np.float32, (m, d), elements=numbers))
    return torch.from_numpy(mask), torch.from_numpy(values), torch.from_numpy(x)


@pytest.mark.parametrize("backend", BACKENDS)
@given(case=products())
def test_every_kernel_against_dense(backend: Backend, case: tuple[Tensor, Tensor, Tensor]) -> None:
    mask, values, x = case  # small whole numbers: the sums are exact in any order
    pattern = pattern_of(mask)
    edges = values[pattern.rows, pattern.cols]
    found = spmm(pattern.rowptr, pattern.cols, edges, x, backend)
    assert torch.equal(found, (mask * values) @ x)
    assert found.dtype == torch.float32


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kernel_repeats_its_bits_and_is_near_the_others(backend: Backend) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(200, 150, generator=generator) < 0.2
    pattern = pattern_of(mask)
    values = torch.randn(len(pattern), generator=generator)
    x = torch.randn(150, 24, generator=generator)
    first = spmm(pattern.rowptr, pattern.cols, values, x, backend)
    for _ in range(5):
        assert torch.equal(spmm(pattern.rowptr, pattern.cols, values, x, backend), first)
    exact = dense_of(pattern, values).double() @ x.double()
    torch.testing.assert_close(first.double(), exact, rtol=1e-5, atol=1e-5)
    csr = spmm(pattern.rowptr, pattern.cols, values, x, "csr")
    torch.testing.assert_close(first, csr, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_x_may_be_a_view(backend: Backend) -> None:
    pattern = pattern_of(MASKS["ordinary"])
    x = torch.arange(12.0).view(4, 3).T[:, ::2]
    values = torch.arange(1.0, len(pattern) + 1)
    found = spmm(pattern.rowptr, pattern.cols, values, x, backend)
    assert torch.equal(found, dense_of(pattern, values) @ x)


def test_bits_repeat_through_the_backward() -> None:
    mask = torch.rand(120, 120, generator=torch.Generator().manual_seed(1)) < 0.3
    pattern = pattern_of(mask)
    values, x = random(len(pattern)).float(), random(120, 16, seed=1).float()
    results = []
    for _ in range(4):
        a, b = values.detach().requires_grad_(), x.detach().requires_grad_()
        y = propagate(pattern, a, b)
        loss = y.square().sum() + edge_products(pattern, b, y).sin().sum()
        results.append((loss, *torch.autograd.grad(loss, (a, b))))
    for other in results[1:]:
        assert all(torch.equal(p, q) for p, q in zip(results[0], other, strict=True))


def test_the_cpu_sums_weighted_bags() -> None:
    assert default_backend("cpu") == "embedding_bag"


@pytest.mark.cuda
def test_cuda_agrees_with_the_cpu_and_repeats_its_bits() -> None:
    mask = torch.rand(300, 300, generator=torch.Generator().manual_seed(1)) < 0.2
    pattern = pattern_of(mask)
    values, x = random(len(pattern)).float().detach(), random(300, 32, seed=1).float().detach()
    expected = propagate(pattern, values, x)
    on_device = (pattern.to("cuda"), values.to("cuda"), x.to("cuda"))
    first = propagate(*on_device)
    assert all(torch.equal(propagate(*on_device), first) for _ in range(10))
    torch.testing.assert_close(first.cpu(), expected, rtol=1e-5, atol=1e-4)
