"""Exact top-k and nearest neighbours against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torch import Tensor

from mmrec.graph import nearest_neighbours, neighbours, top_k

_values = st.sampled_from([-np.inf, -2.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.0, 3.0, np.inf])


@st.composite
def scores_and_k(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 12)))
    scores = draw(st_numpy.arrays(np.float32, shape, elements=_values))
    return scores, draw(st.integers(1, shape[1]))


def by_sorting(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort every row by descending score, then by ascending column."""
    columns = np.stack([np.lexsort((np.arange(len(row)), -row))[:k] for row in scores])
    return np.take_along_axis(scores, columns, axis=1), columns


each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])
"""float64 takes on the CPU the way that everything takes on CUDA."""


@each_type
@given(case=scores_and_k())
@example(case=(np.array([[-0.0, 0.0]], np.float32), 2))
def test_top_k_against_a_full_sort(case: tuple[np.ndarray, int], dtype: type) -> None:
    scores, k = case[0].astype(dtype), case[1]
    best, columns = top_k(torch.from_numpy(scores), k)
    expected_best, expected_columns = by_sorting(scores, k)
    np.testing.assert_array_equal(columns, expected_columns)
    np.testing.assert_array_equal(best, expected_best)


@each_type
@pytest.mark.parametrize("levels", [1, 2, 20, 1000, 10**6])
@pytest.mark.parametrize("k", [1, 10, 699, 700])
def test_top_k_of_many_columns(levels: int, k: int, dtype: type) -> None:
    scores = np.random.default_rng(levels).integers(-levels, levels, (40, 700)).astype(dtype)
    best, columns = top_k(torch.from_numpy(scores), k)
    expected_best, expected_columns = by_sorting(scores, k)
    np.testing.assert_array_equal(columns, expected_columns)
    np.testing.assert_array_equal(best, expected_best)


def test_top_k_leaves_its_input_alone_and_is_in_float64_too() -> None:
    scores = torch.tensor([[1.0, 3, 3, 2]], dtype=torch.float64)
    best, columns = top_k(scores, 2)
    assert (best.tolist(), columns.tolist()) == ([[3, 3]], [[1, 2]])
    assert best.dtype == torch.float64
    assert scores.tolist() == [[1, 3, 3, 2]]


def test_top_k_of_a_row_with_a_tie_next_to_nan() -> None:
    scores = torch.tensor([[torch.nan, 5, torch.nan, 5, 1]], dtype=torch.float64)
    assert top_k(scores, 3)[1].sort().values.tolist() == [[0, 1, 2]]


@each_type
@given(case=scores_and_k(), data=st.data())
def test_top_k_of_rows_with_nan_are_columns_of_theirs(
    case: tuple[np.ndarray, int], data: st.DataObject, dtype: type
) -> None:
    scores, k = case[0].astype(dtype), case[1]
    scores[data.draw(st_numpy.arrays(np.bool_, scores.shape))] = np.nan
    best, columns = top_k(torch.from_numpy(scores), k)
    assert all(len(set(row)) == k for row in columns.tolist())
    np.testing.assert_array_equal(best, np.take_along_axis(scores, columns.numpy(), axis=1))


def test_neighbours_by_hand() -> None:
    # Items 0 and 2 point the same way, item 1 is at 45 degrees, item 3 is opposite, item 4 is 0.
    x = torch.tensor([[1.0, 0], [1, 1], [4, 0], [-2, 0], [0, 0]])
    which, similarity = nearest_neighbours(x, 3)
    half = 2**-0.5
    assert which.tolist() == [[0, 2, 1], [1, 0, 2], [0, 2, 1], [3, 4, 1], [0, 1, 2]]
    torch.testing.assert_close(
        similarity,
        torch.tensor(
            [[1, 1, half], [1, half, half], [1, 1, half], [1, 0, -half], [0, 0, 0]],
            dtype=torch.float32,
        ),
    )


def brute_force(x: Tensor, k: int) -> np.ndarray:
    """Cosines in float64, rounded so that equal ones are equal, then a full sort."""
    rows = x.double().numpy()
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    directions = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return by_sorting(np.round(directions @ directions.T, 9) + 0.0, k)[1]


_rows = st_numpy.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 3)),
    elements=st.sampled_from([-1.0, 0.0, 1.0, 2.0]),
)


@given(x=_rows, k=st.integers(1, 12))
def test_neighbours_with_duplicates_and_zero_vectors(x: np.ndarray, k: int) -> None:
    # In float64 the cosines of parallel vectors may differ in the last bit: compare the values.
    vectors = torch.from_numpy(x).double()
    which, similarity = nearest_neighbours(vectors, k)
    assert which.shape == similarity.shape == (len(x), min(k, len(x)))
    lengths = vectors.norm(dim=1, keepdim=True)
    cosine = vectors @ vectors.T / (lengths @ lengths.T).where(lengths @ lengths.T > 0, torch.inf)
    torch.testing.assert_close(similarity, cosine.gather(1, which))
    torch.testing.assert_close(similarity, cosine.sort(dim=1, descending=True).values[:, :k])
    assert all(len(set(row)) == len(row) for row in which.tolist())


@pytest.mark.parametrize("k", [1, 5, 80, 200])
def test_neighbours_against_brute_force(k: int) -> None:
    x = torch.randn(80, 6, generator=torch.Generator().manual_seed(2))
    x[10] = x[70] = x[3]  # three equal vectors
    x[40] = x[41] = 0  # and two without direction
    which, _ = nearest_neighbours(x, k)
    np.testing.assert_array_equal(which, brute_force(x, min(k, 80)))


@pytest.mark.parametrize("block_values", [1, 59, 60, 61, 7 * 60, 59 * 60, 60 * 60])
def test_blocks_of_any_size_give_the_same_neighbours(
    block_values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(60, 9, generator=torch.Generator().manual_seed(3))
    which, similarity = nearest_neighbours(x, 7)
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", block_values)
    in_blocks, near = nearest_neighbours(x, 7)
    assert torch.equal(in_blocks, which)
    torch.testing.assert_close(near, similarity)


def test_neighbours_carry_no_gradient() -> None:
    which, similarity = nearest_neighbours(torch.ones(3, 2, requires_grad=True), 2)
    assert not which.requires_grad
    assert not similarity.requires_grad
