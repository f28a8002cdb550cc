"""Softmax over edges, normalised rows, block-diagonal matrices and products at some rows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_graph_gradients import patterns, quick, random, seeds
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph import (
    BatchRows,
    Pattern,
    SparseMatrix,
    batch_rows,
    block_diagonal,
    edge_softmax,
    normalise_rows,
)

some = settings(max_examples=40)


def small() -> SparseMatrix:
    """Rows of two, none, one and two edges."""
    rows, cols = torch.tensor([[0, 0, 2, 3, 3], [0, 2, 1, 0, 1]])
    return SparseMatrix.from_edges(rows, cols, (4, 3), torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))


def test_softmax_of_each_row_by_hand() -> None:
    values = torch.tensor([0.0, torch.log(torch.tensor(3.0)), -7.0, 2.0, 2.0])
    weights = edge_softmax(small().pattern, values)
    torch.testing.assert_close(weights, torch.tensor([0.25, 0.75, 1.0, 0.5, 0.5]))


def test_softmax_of_large_values() -> None:
    values = torch.tensor([1000.0, 1000.0, -1000.0, 1000.0, -1000.0])
    weights = edge_softmax(small().pattern, values)
    assert weights.tolist() == [0.5, 0.5, 1.0, 1.0, 0.0]


@some
@given(pattern=patterns(), seed=seeds)
def test_gradient_of_the_softmax(pattern: Pattern, seed: int) -> None:
    assert quick(lambda x: edge_softmax(pattern, x), (random(len(pattern), seed=seed),))


@some
@given(n=st.integers(1, 5), width=st.integers(1, 4), seed=seeds)
def test_rows_of_length_one(n: int, width: int, seed: int) -> None:
    x = random(n, width, seed=seed)
    torch.testing.assert_close(normalise_rows(x), normalize(x))
    assert quick(normalise_rows, (x,))


def test_rows_are_divided_by_a_norm_of_at_least_a_trillionth() -> None:
    x = torch.tensor([[3e-13, 0], [0, -4e-12]], dtype=torch.float64)
    expected = torch.tensor([[0.3, 0], [0, -1]], dtype=torch.float64)
    torch.testing.assert_close(normalise_rows(x), expected)


def test_a_row_of_zeros_stays_zero() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    normalised = normalise_rows(x)
    normalised.square().sum().backward()
    assert not normalised.any()
    assert x.grad is not None
    assert not x.grad.any()


def test_blocks_along_a_diagonal() -> None:
    matrix = small()
    blocks = block_diagonal(matrix, 3)
    expected = torch.block_diag(*[matrix.to_dense()] * 3)
    assert torch.equal(blocks.to_dense(), expected)
    assert torch.equal(blocks.transposed().to_dense(), expected.T)
    assert blocks.values.tolist() == matrix.values.tolist() * 3


@pytest.mark.parametrize("worth", [0, 1000])
@pytest.mark.parametrize("nodes", [[3, 0, 0, 1], [2], [1]])
def test_some_rows_of_a_matrix(
    nodes: list[int], worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_rows, "_CUT_RATIO", worth)  # always, or never, cut out
    matrix, selected = small(), torch.tensor(nodes)
    rows, x = BatchRows(matrix, selected), random(3, 2, seed=0).float()
    assert rows.shape == (len(nodes), 3)
    assert torch.equal(rows @ x, (matrix @ x)[selected])


@pytest.mark.parametrize("worth", [0, 1000])
@some
@given(pattern=patterns(), seed=seeds, data=st.data())
def test_gradients_of_some_rows(
    pattern: Pattern, seed: int, data: st.DataObject, worth: int
) -> None:
    nodes = data.draw(st.lists(st.integers(0, pattern.shape[0] - 1), min_size=1, max_size=6))

    def product(values: Tensor, x: Tensor) -> Tensor:
        return BatchRows(SparseMatrix(pattern, values), torch.tensor(nodes)) @ x

    values, x = random(len(pattern), seed=seed), random(pattern.shape[1], 2, seed=seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_rows, "_CUT_RATIO", worth)
        assert quick(product, (values, x))
