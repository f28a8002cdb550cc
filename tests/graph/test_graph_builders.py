"""Graphs of neighbours and of co-occurrences, and dropped edges, against dense formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph import (
    SparseMatrix,
    co_occurrence_graph,
    drop_edges,
    drop_uniformly,
    knn_graph,
    row_blocks,
)


def vectors(n: int = 12, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 4, dtype=torch.float64, generator=generator)


def matrix(mask: Tensor) -> SparseMatrix:
    rows, cols = mask.nonzero().T
    return SparseMatrix.from_edges(rows, cols, (mask.shape[0], mask.shape[1]))


@pytest.mark.parametrize("k", [1, 3, 12, 50])
@pytest.mark.parametrize("values", ["cosine", "ones"])
@pytest.mark.parametrize("diagonal", ["keep", "one", "zero"])
def test_knn(k: int, values: str, diagonal: str) -> None:
    x = vectors()
    cosines = normalize(x) @ normalize(x).T
    kept = torch.zeros(12, 12, dtype=torch.bool)
    for i, row in enumerate(cosines):
        kept[i, row.sort(descending=True).indices[:k]] = True
    expected = torch.where(kept, cosines if values == "cosine" else cosines.new_ones(()), 0.0)
    if diagonal != "keep":
        expected.fill_diagonal_(1.0 if diagonal == "one" else 0.0)
    found = knn_graph(x, k, values=values, diagonal=diagonal)  # type: ignore[arg-type]
    torch.testing.assert_close(found.to_dense(), expected)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
def test_the_scale_of_vectors_does_not_change_their_neighbours(scale: float) -> None:
    x = vectors().float()
    x[3] = 0
    some = x * torch.where(torch.arange(12) % 2 == 0, scale, 1.0)[:, None]
    torch.testing.assert_close(knn_graph(some, 4).to_dense(), knn_graph(x, 4).to_dense())


def test_knn_is_constant_and_has_no_edge_of_a_removed_diagonal() -> None:
    graph = knn_graph(vectors().requires_grad_(), 3, diagonal="zero")
    assert not graph.values.requires_grad
    assert graph.pattern.rows.ne(graph.pattern.cols).all()
    assert len(graph) == 12 * 2


masks = st.tuples(st.integers(1, 8), st.integers(1, 6), st.integers(0, 2**31))


@given(masks=masks, k=st.integers(1, 9), block=st.sampled_from([1, 20, 10**6]))
def test_co_occurrence(masks: tuple[int, int, int], k: int, block: int) -> None:
    n_rows, n_cols, seed = masks
    mask = torch.rand(n_rows, n_cols, generator=torch.Generator().manual_seed(seed)) < 0.4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_blocks, "_BLOCK_VALUES", block)
        graph = co_occurrence_graph(matrix(mask), k)
    counts = (mask.long() @ mask.long().T).tolist()
    for i in range(n_rows):
        others = [j for j in range(n_rows) if j != i and counts[i][j]]
        expected = sorted(others, key=lambda j: (-counts[i][j], j))[:k]
        edges = slice(*graph.pattern.rowptr[i : i + 2].tolist())
        assert graph.pattern.cols[edges].tolist() == expected
        assert graph.values[edges].tolist() == [counts[i][j] for j in expected]


def test_co_occurrence_does_not_count_values() -> None:
    one = matrix(torch.tensor([[1, 1, 0], [1, 1, 1]]))
    assert (one * 7).row_sums.tolist() == [14, 21]
    assert co_occurrence_graph(one * 7, 1).to_dense().tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize(
    ("share", "n_kept"), [(0.0, 10), (0.1, 9), (0.25, 7), (0.5, 5), (0.99, 0), (1.0, 0)]
)
@pytest.mark.parametrize("by", ["degree", "uniform"])
def test_a_share_of_the_edges_is_dropped(share: float, n_kept: int, by: str) -> None:
    whole = matrix(torch.ones(2, 5)) * 3.0
    kept = drop_edges(whole, share, np.random.default_rng(0), by=by)  # type: ignore[arg-type]
    assert (len(kept), kept.shape) == (n_kept, (2, 5))
    assert kept.values.eq(3).all()
    assert len(torch.unique(kept.pattern.rows * 5 + kept.pattern.cols)) == n_kept
    assert kept.pattern.rows.diff().ge(0).all()


def test_the_generator_decides_which_edges_stay() -> None:
    whole = matrix(torch.ones(20, 20))
    kept = [drop_edges(whole, 0.5, np.random.default_rng(s)).to_dense() for s in (1, 1, 2)]
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[2])


@pytest.mark.parametrize("by", ["degree", "uniform"])
def test_the_probability_of_an_edge(by: str) -> None:
    # One edge of five is kept. Degrees of rows: 3 1 1, of columns: 3 1 1.
    whole = matrix(torch.tensor([[1, 1, 1], [1, 0, 0], [1, 0, 0]]))
    weights = np.ones(5)
    if by == "degree":
        weights = np.array([1 / 3, 3**-0.5, 3**-0.5, 3**-0.5, 3**-0.5])
    rng = np.random.default_rng(0)
    counts = np.zeros(5)
    for _ in range(4000):
        kept = drop_edges(whole, 0.75, rng, by=by).to_dense()  # type: ignore[arg-type]
        counts += kept[whole.pattern.rows, whole.pattern.cols].numpy()
    expected = 4000 * weights / weights.sum()
    assert stats.chisquare(counts, expected).pvalue > 1e-4


@given(n=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 100))
def test_a_rounded_number_of_edges_is_dropped(n: int, share: float, seed: int) -> None:
    whole = matrix(torch.ones(2, n)) * 3.0
    kept = drop_uniformly(whole, share, np.random.default_rng(seed))
    assert len(kept) == 2 * n - round(2 * n * share)
    assert torch.equal(kept.to_dense().ne(0), kept.to_dense() == 3)
    assert int(kept.to_dense().ne(0).sum()) == len(kept)


@given(
    n_rows=st.integers(1, 9),
    n_columns=st.integers(1, 9),
    share=st.floats(0, 1),
    seed=st.integers(0, 100),
)
def test_a_rounded_number_of_nodes_is_dropped(
    n_rows: int, n_columns: int, share: float, seed: int
) -> None:
    whole = matrix(torch.ones(n_rows, n_columns))
    kept = drop_uniformly(whole, share, np.random.default_rng(seed), "nodes").to_dense()
    left = n_rows - round(n_rows * share), n_columns - round(n_columns * share)
    assert kept.sum() == left[0] * left[1]
    assert kept.any(1).sum() == (left[0] if left[1] else 0)
    assert kept.any(0).sum() == (left[1] if left[0] else 0)


@pytest.mark.parametrize("what", ["edges", "nodes"])
def test_edges_and_nodes_are_dropped_uniformly(what: str) -> None:
    # A quarter of the edges, or one of two rows and one of two columns: three of four edges.
    whole, rng, counts = matrix(torch.ones(2, 2)), np.random.default_rng(0), torch.zeros(2, 2)
    share = 0.75 if what == "edges" else 0.5
    for _ in range(2000):
        counts += drop_uniformly(whole, share, rng, what).to_dense()  # type: ignore[arg-type]
    assert counts.sum() == 2000
    assert stats.chisquare(counts.flatten().numpy()).pvalue > 1e-4
