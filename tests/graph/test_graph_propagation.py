"""Propagation over layers, against the same written with autograd."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph import (
    Backend,
    SparseMatrix,
    batch_rows,
    coalesce,
    kernels,
    layers,
    mean_of_layers,
)

EVERY = torch.arange(7)
SOME = torch.tensor([6, 1, 1, 0, 3, 6])
"""In no order, with repetitions, and with the empty row 3."""


def adjacency(n: int = 7, seed: int = 0, dtype: torch.dtype = torch.float64) -> SparseMatrix:
    """A random matrix that is not symmetric, with an empty row and column."""
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(n, n, dtype=dtype, generator=generator)
    dense[dense < 0.5] = 0
    dense[3], dense[:, 5] = 0, 0
    places = dense.nonzero().T
    pattern, _ = coalesce(*places, (n, n))
    return SparseMatrix(pattern, dense[tuple(places)])


def embeddings(
    n: int = 7, width: int = 3, seed: int = 1, dtype: torch.dtype = torch.float64
) -> Tensor:
    return torch.randn(n, width, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def by_autograd(graph: SparseMatrix, x: Tensor, n_layers: int, *, normalised: bool) -> Tensor:
    outputs = [x]
    for _ in range(n_layers):
        propagated = graph.to_dense() @ outputs[-1]
        outputs.append(normalize(propagated) if normalised else propagated)
    return torch.stack(outputs).mean(0)


@pytest.fixture(params=["rows cut out", "all of the matrix"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute the last layer in each of the two ways."""
    monkeypatch.setattr(batch_rows, "_CUT_RATIO", 0 if request.param == "rows cut out" else 10**6)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("nodes", [EVERY, SOME, SOME[:0]], ids=["every", "some", "none"])
@pytest.mark.parametrize("n_layers", [0, 1, 2, 4])
def test_value_and_gradient(n_layers: int, nodes: Tensor, normalised: bool) -> None:
    graph, x = adjacency(), embeddings().requires_grad_()
    weights = embeddings(len(nodes), seed=2)
    found = mean_of_layers(graph, x, n_layers, nodes, normalised=normalised)
    expected = by_autograd(graph, x, n_layers, normalised=normalised)[nodes]
    torch.testing.assert_close(found, expected)
    found_gradient, expected_gradient = (
        torch.autograd.grad((y * weights).sum(), x)[0] for y in (found, expected)
    )
    torch.testing.assert_close(found_gradient, expected_gradient)


@pytest.mark.usefixtures("way")
def test_gradcheck() -> None:
    graph, x = adjacency(), embeddings().requires_grad_()
    nodes = SOME[SOME != 3]  # away from the empty row, whose norm is 0 and has no derivative

    def function(x: Tensor) -> Tensor:
        return mean_of_layers(graph, x, 1, nodes, normalised=True)

    assert torch.autograd.gradcheck(function, x)


@pytest.mark.parametrize("kernel", ["embedding_bag", "csr"])
@given(nodes=st.lists(st.integers(0, 39), max_size=60), n_layers=st.integers(1, 3))
def test_cutting_rows_out_changes_no_bit(kernel: Backend, nodes: list[int], n_layers: int) -> None:
    """Sums of whole numbers are exact in any order, which repeated nodes change."""
    graph = adjacency(40, dtype=torch.float32)
    graph = SparseMatrix(graph.pattern, (4 * graph.values - 2).ceil())
    x = embeddings(40, 16, dtype=torch.float32).round()
    weights = embeddings(len(nodes), 16, seed=2, dtype=torch.float32).round()
    weights *= n_layers + 1  # the mean divides by it
    one, other = both_ways(kernel, graph, x, nodes, n_layers, weights, normalised=False)
    assert all(map(torch.equal, one, other))


@pytest.mark.parametrize("kernel", ["embedding_bag", "csr"])
@given(nodes=st.lists(st.integers(0, 39), max_size=60), n_layers=st.integers(1, 3))
def test_cutting_rows_out_changes_no_normalised_value(
    kernel: Backend, nodes: list[int], n_layers: int
) -> None:
    graph, x, weights = adjacency(40), embeddings(40, 16), embeddings(len(nodes), 16, seed=2)
    one, other = both_ways(kernel, graph, x, nodes, n_layers, weights, normalised=True)
    assert torch.equal(one[0], other[0])
    torch.testing.assert_close(one[1], other[1])  # repeated nodes add up in another order


def both_ways(
    kernel: Backend,
    graph: SparseMatrix,
    x: Tensor,
    nodes: list[int],
    n_layers: int,
    weights: Tensor,
    *,
    normalised: bool,
) -> list[tuple[Tensor, Tensor]]:
    """The mean and its gradient, first with rows cut out and then with all of the matrix."""
    found = []
    for worth in (0, 10**6):
        leaf = x.clone().requires_grad_()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch_rows, "_CUT_RATIO", worth)
            patch.setattr(kernels, "default_backend", lambda device_type: kernel)
            rows = torch.tensor(nodes, dtype=torch.int64)
            y = mean_of_layers(graph, leaf, n_layers, rows, normalised=normalised)
            (gradient,) = torch.autograd.grad((y * weights).sum(), leaf)
        found.append((y.detach(), gradient))
    return found


@pytest.mark.parametrize("normalised", [True, False])
def test_the_input_is_not_changed(normalised: bool) -> None:
    x = torch.ones(7, 3, dtype=torch.float64)
    mean_of_layers(adjacency(), x, 2, EVERY, normalised=normalised)
    assert x.eq(1).all()


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_without_nodes_all_of_them(n_layers: int, normalised: bool) -> None:
    graph, x = adjacency(), embeddings().requires_grad_()
    weights = embeddings(seed=2)
    results = []
    for nodes in (None, EVERY):
        y = mean_of_layers(graph, x, n_layers, nodes, normalised=normalised)
        results.append((y, *torch.autograd.grad((y * weights).sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_layers(n_layers: int) -> None:
    graph, x = adjacency(), embeddings().requires_grad_()
    found = layers(graph, x, n_layers)
    assert found.shape == (n_layers + 1, 7, 3)
    power = torch.eye(7, dtype=torch.float64)
    for layer in found:
        torch.testing.assert_close(layer, power @ x)
        power = graph.to_dense() @ power
    torch.testing.assert_close(found.mean(0), mean_of_layers(graph, x, n_layers))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("nodes", [None, SOME])
def test_a_matrix_for_each_layer(nodes: Tensor | None) -> None:
    graphs, x = [adjacency(seed=seed) for seed in range(3)], embeddings().requires_grad_()
    outputs = [x]
    for graph in graphs:
        outputs.append(graph.to_dense() @ outputs[-1])
    expected = torch.stack(outputs).mean(0)
    expected = expected if nodes is None else expected[nodes]
    found = mean_of_layers(graphs, x, 3, nodes)
    torch.testing.assert_close(found, expected)
    weights = embeddings(len(expected), seed=2)
    for one, other in zip(
        torch.autograd.grad((found * weights).sum(), x),
        torch.autograd.grad((expected * weights).sum(), x),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_number_of_matrices_is_that_of_the_layers(n_layers: int) -> None:
    with pytest.raises(ValueError, match=f"{n_layers} layers, found 2"):
        mean_of_layers([adjacency(), adjacency()], embeddings(), n_layers)


def test_the_mean_of_layers_refuses_a_matrix_with_a_gradient() -> None:
    graph = adjacency()
    trained = SparseMatrix(graph.pattern, graph.values.clone().requires_grad_())
    with pytest.raises(ValueError, match="constant"):
        mean_of_layers(trained, embeddings(), 1)
