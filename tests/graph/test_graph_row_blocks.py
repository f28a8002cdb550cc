"""Keeping the largest values of the rows of a matrix that exists by blocks only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from mmrec.graph import row_blocks
from mmrec.graph.row_blocks import by_pairs, keep_largest, largest, transposed


def kept_by_sorting(matrix: np.ndarray, k: int, zeros_compete: bool) -> np.ndarray:
    """Sort every row by value and then by column."""
    result = np.zeros_like(matrix)
    for row, values in enumerate(matrix):
        columns = np.arange(len(values)) if zeros_compete else np.flatnonzero(values)
        order = columns[np.lexsort((columns, -values[columns]))][:k]
        result[row, order] = values[order]
    return result


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 45),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@example(3, 9, 8, True, True, 0)
def test_keeps_what_sorting_keeps(
    n: int, width: int, k: int, is_sparse: bool, zeros_compete: bool, seed: int
) -> None:
    # Few different values, so that most rows have ties.
    matrix = np.random.default_rng(seed).integers(-2, 4, (n, width)) / 2.0
    whole = csr_array(matrix) if is_sparse else matrix
    kept = keep_largest(lambda a, b: whole[a:b], n, k, zeros_compete=zeros_compete, width=width)
    assert np.array_equal(kept.toarray(), kept_by_sorting(matrix, k, zeros_compete))


def test_the_result_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(1).normal(size=(30, 30))
    whole = keep_largest(lambda a, b: matrix[a:b], 30, 4)
    monkeypatch.setattr(row_blocks, "_BLOCK_VALUES", 70)
    by_two = keep_largest(lambda a, b: matrix[a:b], 30, 4)
    assert np.array_equal(whole.toarray(), by_two.toarray())
    assert list(row_blocks.blocks(5))[-1] == (0, 5)
    assert list(row_blocks.blocks(30))[:2] == [(0, 2), (2, 4)]


@pytest.mark.parametrize("k", [1, 3, 50])
def test_the_largest_of_many(k: int) -> None:
    values = np.random.default_rng(2).normal(size=5000)
    expected = np.sort(np.argsort(-values, kind="stable")[:k])
    assert np.array_equal(largest(values, k, np.arange(5000)), expected)


def test_columns_in_any_order() -> None:
    columns = np.random.default_rng(5).permutation(60)
    kept = largest(np.repeat([1.0, 2.0, 0.5], 20), 27, columns)
    expected = np.concatenate([columns[20:40], np.sort(columns[:20])[:7]])
    assert columns[kept].tolist() == sorted(expected)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_kept_columns_ascend_whatever_the_order_of_the_block(k: int) -> None:
    block = csr_array((np.array([1.0, 2, 3, 4]), np.array([3, 1, 0, 2]), np.array([0, 4])), (1, 4))
    kept = keep_largest(lambda start, stop: block[start:stop], 1, k, width=4)
    assert kept.indices.tolist() == sorted([2, 0, 1, 3][:k])
    assert kept.toarray().tolist() == [[3, 2 if k > 2 else 0, 4, 1 if k > 3 else 0]]


@pytest.mark.parametrize("size", [4, 5000])
def test_rounding_does_not_order_values(size: int) -> None:
    # One unit in the last place more does not win against a lower number.
    values = np.full(size, 0.1)
    values[2] = np.nextafter(0.1, 1)
    values[-1] = 0.1 * (1 + 1e-9)
    assert largest(values, 2, np.arange(size)).tolist() == [0, size - 1]


def test_negative_values_are_kept_if_zeros_leave_room() -> None:
    matrix = np.array([[0, -1, 2, -3.0]] * 4)
    kept = keep_largest(lambda a, b: csr_array(matrix[a:b]), 4, 3, zeros_compete=True)
    assert kept.toarray()[0].tolist() == [0, -1, 2, 0]
    kept = keep_largest(lambda a, b: csr_array(matrix[a:b]), 4, 2, zeros_compete=True)
    assert kept.toarray()[0].tolist() == [0, 0, 2, 0]
    kept = keep_largest(lambda a, b: csr_array(matrix[a:b]), 4, 2)
    assert kept.toarray()[0].tolist() == [0, -1, 2, 0]


@pytest.mark.parametrize("is_sparse", [False, True])
def test_values_are_replaced_by_pairs_of_numbers(is_sparse: bool) -> None:
    matrix = np.ones((2, 3))
    replaced = by_pairs(
        csr_array(matrix) if is_sparse else matrix, 5, lambda x, row, column: 10 * row + column + x
    )
    dense = replaced if isinstance(replaced, np.ndarray) else replaced.toarray()
    assert dense.tolist() == [[51, 52, 53], [61, 62, 63]]


def test_transposing_sorts_columns() -> None:
    matrix = csr_array(np.array([[0, 1, 2], [3, 0, 4.0]]))
    result = transposed(matrix)
    assert np.array_equal(result.toarray(), matrix.toarray().T)
    assert result.has_sorted_indices
