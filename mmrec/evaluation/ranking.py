"""Recommendation lists: the best items by raw scores, or the rows of a file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mmrec.data import IntArray, Interactions, Vocabulary
from mmrec.errors import ModelError
from mmrec.graph import top_k as best

Scorer = Callable[[Tensor], Tensor]
"""Users [B] int64 -> raw scores [B, I]."""

NO_ITEM = -1
"""Marks a position of a list without an item of the catalogue."""

BLOCK = 128
"""The number of users per call of a scorer. Matrix products of different heights may round
differently; with a constant height, scores depend on the model only."""

_BATCH_VALUES = 1 << 22
"""Scores per batch by default (16 MiB, which fit into a processor's cache)."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The recommendation lists of all users, best item first.

    Shapes: U users, K positions.
    """

    items: IntArray
    """[U, K] int64; -1 after the end of lists shorter than K, and for items without a number, which
    occur only in lists from files."""
    scores: npt.NDArray[np.float32]
    """[U, K] float32, descending; -inf after the end of a list."""


@torch.no_grad()
def rank(
    scorer: Scorer,
    train: Interactions,
    top_k: int,
    *,
    device: torch.device | str = "cpu",
    batch_size: int | None = None,
) -> Ranking:
    """Rank all items of every user except the user's training items.

    Ties are ordered by ascending item number on every device, also at the end of a list; ``-0.0``
    equals ``0.0``. Users with fewer than ``top_k`` candidates get shorter lists. Items with the
    score ``-inf`` are not candidates.

    Args:
        scorer: returns the scores of ``BLOCK`` users; its result is not modified.
        train: the training split; its users 0..U-1 are ranked.
        top_k: K, the length of the lists; it may exceed the number of items.
        device: where ``scorer`` expects the users and lists are computed.
        batch_size: number of users ranked at a time, rounded up to whole blocks; 4 million scores
            by default. It limits the memory and does not change the result.

    Returns:
        The lists, copied from ``device`` once per batch.

    Raises:
        ModelError: the scores do not have the shape [B, I], the score of a candidate is NaN or
            infinite, or float64 scores are outside of the range of float32.
    """
    n_users, n_items = train.n_users, train.n_items
    items = np.full((n_users, top_k), NO_ITEM, np.int64)
    scores = np.full((n_users, top_k), -np.inf, np.float32)
    pairs = torch.from_numpy(train.users * n_items + train.items).to(device)
    step = users_at_once(n_items, batch_size)
    buffer = torch.empty(min(step, -(-n_users // BLOCK) * BLOCK), n_items, device=device)
    for start in range(0, n_users, step):
        stop = min(start + step, n_users)
        for first in range(start, stop, BLOCK):
            _score(scorer, first, train, buffer[first - start : first - start + BLOCK])
        known = pairs[train.offsets[start] : train.offsets[stop]] - start * n_items
        buffer.view(-1).index_fill_(0, known, -torch.inf)
        batch = buffer[: stop - start]
        _refuse_unordered(batch, start)
        best_scores, best_items = best(batch, min(top_k, n_items))
        best_items.masked_fill_(best_scores == -torch.inf, NO_ITEM)
        width = best_items.shape[1]
        items[start:stop, :width] = best_items.cpu().numpy()
        scores[start:stop, :width] = best_scores.cpu().numpy()
    return Ranking(items, scores)


def users_at_once(n_items: int, batch_size: int | None = None) -> int:
    """Return the number of users ranked at a time, a multiple of ``BLOCK``; see :func:`rank`."""
    batch_size = _BATCH_VALUES // n_items if batch_size is None else batch_size
    return max(1, -(-batch_size // BLOCK)) * BLOCK


def _score(scorer: Scorer, start: int, train: Interactions, out: Tensor) -> None:
    """Write the scores of a block, [BLOCK, I] without negative zeros, to ``out``."""
    users = torch.arange(start, start + BLOCK, device=out.device)
    scores = scorer(users.clamp_(max=train.n_users - 1))
    if scores.shape != out.shape:
        raise ModelError(
            f"expected scores with a row for each of {BLOCK} users and a column for each of the "
            f"{train.n_items} items; found the shape {list(scores.shape)}"
        )
    if scores.dtype == torch.float64:
        _refuse_outside_of_float32(scores, start)
    # CUDA's top-k orders floats by their bits, where -0.0 is below 0.0. Adding 0.0 removes -0.0.
    torch.add(scores.float(), 0.0, out=out)


def _refuse_outside_of_float32(scores: Tensor, start: int) -> None:
    ends = [abs(float(x)) for x in scores.aminmax()]
    size = max((x for x in ends if math.isfinite(x)), default=0.0)
    limits = torch.finfo(torch.float32)
    if size > limits.max or 0 < size < limits.tiny:
        raise ModelError(
            f"the largest scores of the users from number {start} on are about {size:.0e}, but "
            f"float32 has {limits.tiny:.0e} to {limits.max:.0e}; change the scale of the ratings "
            "or features, or a hyper-parameter that is an exponent"
        )


def _refuse_unordered(scores: Tensor, start: int) -> None:
    largest = scores.amax(dim=1)  # NaN if there is any; one pass
    wrong = (~(largest < torch.inf)).nonzero()
    if len(wrong):
        user = int(wrong[0])
        what = "NaN" if largest[user].isnan() else "infinity"
        raise ModelError(f"the scores of user number {start + user} contain {what}")


def ranking_from_frame(
    frame: pd.DataFrame, users: Vocabulary, items: Vocabulary, top_k: int
) -> Ranking:
    """Make lists from rows of ``user_id``, ``item_id`` and ``score``.

    Lists are ordered by descending score, ties by the order of the rows. Rows of users outside of
    ``users`` are ignored. An item outside of ``items`` keeps its position in the list, as -1: the
    ranks of the items after it do not change.

    Returns:
        The lists of all ``users``, cut or padded to ``top_k`` positions.
    """
    rows = users.numbers(frame["user_id"], missing="negative")
    columns = items.numbers(frame["item_id"], missing="negative")
    scores = frame["score"].to_numpy(np.float64)
    order = np.lexsort((-scores, rows))  # stable
    order = order[rows[order] >= 0]
    rows = rows[order]
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    within = places < top_k
    order, at = order[within], (rows[within], places[within])

    listed_items = np.full((len(users), top_k), NO_ITEM, np.int64)
    listed_scores = np.full((len(users), top_k), -np.inf, np.float32)
    listed_items[at] = columns[order]
    with np.errstate(over="ignore"):  # scores beyond float32 become infinite; ranks are kept
        listed_scores[at] = scores[order]
    return Ranking(listed_items, listed_scores)
