"""Exact top-k: equal values are ordered by their column, on every device.

``torch.topk`` promises no order among equals, neither inside the list nor at its end, and its
results differ between devices; the result here is unique.

Shapes: B rows, I columns, k places, C candidates of all rows together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_GROUP = 16
"""Columns that are represented by their maximum when the k-th largest value is bounded."""

_CHUNK_VALUES = 1 << 19
"""Values read at once on the CPU, so that a second pass finds them in the cache."""

_CROWDED = 8
"""In a row with more than ``8 k`` candidates, surplus ties are removed before sorting."""

_Floats = npt.NDArray[np.float32]
_Ints = npt.NDArray[np.int64]


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``k`` largest scores of each row, equal scores by ascending column.

    Args:
        scores: [B, I]; ``-0.0`` equals ``0.0``. From a row with NaN any k columns are taken, so
            that the NaN reaches what is computed from them and is refused there.
        k: at most I.

    Returns:
        Scores and columns, both [B, k], best first.
    """
    if scores.device.type == "cpu" and scores.dtype == torch.float32 and k > 0 and len(scores):
        return _by_threshold(scores, k) or _by_topk(scores, k)
    return _by_topk(scores, k)


def _by_threshold(scores: Tensor, k: int) -> tuple[Tensor, Tensor] | None:
    """Sort only what reaches a bound of the k-th largest value: numpy is three times as fast.

    Returns:
        None if a row has NaN.
    """
    n_rows, n_columns = scores.shape
    chunk = max(1, _CHUNK_VALUES // n_columns)
    best, columns = np.empty((n_rows, k), np.float32), np.empty((n_rows, k), np.int64)
    for start in range(0, n_rows, chunk):
        rows = scores[start : start + chunk].numpy()
        found = _sorted_columns(rows, k)
        if found is None:
            return None
        columns[start : start + chunk] = found
        best[start : start + chunk] = np.take_along_axis(rows, found, axis=1)
    return torch.from_numpy(best), torch.from_numpy(columns)


def _sorted_columns(scores: _Floats, k: int) -> _Ints | None:
    """Return the columns of the k largest scores of each row, best first, [B, k].

    None if there are too few candidates: NaN counts in the bound and does not reach it.
    """
    n_rows, n_columns = scores.shape
    is_candidate = scores >= _lower_bound(scores, k)
    places = np.flatnonzero(is_candidate)
    rows = places // n_columns
    counts = np.bincount(rows, minlength=n_rows)
    if counts.min() < k:
        return None
    crowded = np.flatnonzero(counts > _CROWDED * k)
    if len(crowded):
        is_candidate[crowded] = _lowest_columns(scores[crowded], k)
        places = np.flatnonzero(is_candidate)
        rows = places // n_columns
        counts = np.bincount(rows, minlength=n_rows)
    keys = _descending(scores.ravel()[places]) << 32 | (places - rows * n_columns)
    # Rows have different numbers of candidates; the rest of the table sorts to its end.
    table = np.full((n_rows, counts.max()), np.iinfo(np.int64).max)
    table[rows, np.arange(len(places)) - (np.cumsum(counts) - counts)[rows]] = keys
    table.sort(axis=1)
    return table[:, :k] & 0xFFFFFFFF


def _lower_bound(scores: _Floats, k: int) -> _Floats:
    """Return a value that at least k scores of each row reach, [B, 1].

    It is the k-th largest of the maxima of groups, or of the row itself if that is short.
    """
    n_groups = scores.shape[1] // _GROUP
    if n_groups >= 2 * k:
        grouped = scores[:, : n_groups * _GROUP].reshape(len(scores), _GROUP, n_groups)
        scores = grouped.max(axis=1)
    last = scores.shape[1] - k
    return np.partition(scores, last, axis=1)[:, last, None]


def _lowest_columns(scores: _Floats, k: int) -> npt.NDArray[np.bool_]:
    """Mark the k largest scores of each row, of equal ones those of the lowest columns, [B, I]."""
    last = scores.shape[1] - k
    least = np.partition(scores, last, axis=1)[:, last, None]
    above, equal = scores > least, scores == least
    room = k - above.sum(axis=1, keepdims=True)
    return np.asarray(above | (equal & (equal.cumsum(axis=1) <= room)))


def _descending(values: _Floats) -> _Ints:
    """Return numbers of 32 bits in the opposite order of the values, [C]."""
    bits = (values + np.float32(0)).view(np.int32)  # -0.0 becomes 0.0
    ascending = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return -ascending.astype(np.int64)


def _by_topk(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Take torch's k + 1 largest, and repair the rows where the last one left out is a tie."""
    n_columns = scores.shape[1]
    best, columns = scores.topk(min(k + 1, n_columns))
    if k < n_columns:
        tied_rows = (best[:, k - 1] == best[:, k]).nonzero()[:, 0]
        best, columns = best[:, :k], columns[:, :k]
        if len(tied_rows):
            columns[tied_rows] = _repaired(scores[tied_rows], best[tied_rows, -1:], k)
    columns, _ = columns.sort(dim=1)
    best, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return best, columns.gather(1, order)


def _repaired(scores: Tensor, threshold: Tensor, k: int) -> Tensor:
    """Return the columns above ``threshold`` [B, 1] and the first ones equal to it, [B, k]."""
    equal = scores == threshold
    above = ~(scores <= threshold)  # with NaN, which has its place already
    room = k - above.sum(1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(1) <= room))
    return chosen.nonzero()[:, 1].view(-1, k)
