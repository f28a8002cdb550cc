"""From raw scores to recommendation lists: mask the training items, keep the best K."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmrec.data import IntArray, Interactions
from mmrec.errors import ModelError
from mmrec.graph import top_k as best

Scorer = Callable[[Tensor], Tensor]
"""Users [B] int64 -> raw scores [B, I]."""

NO_ITEM = -1
"""Stands in a list where there is no item of the catalogue."""

BLOCK = 128
"""The number of users that a scorer is asked for. A matrix product of another height may round
differently, so the height is the same for every call: the scores depend on the model alone."""

_BATCH_VALUES = 1 << 22
"""Scores held at once by default (16 MiB): they stay in a processor's cache."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The recommendation lists of all users, best item first.

    Shapes: U users, K places.
    """

    items: IntArray
    """[U, K] int64; -1 past the end of a list that is shorter than K, and in the place of a
    recommended item that has no number (only lists read from files have such places)."""
    scores: npt.NDArray[np.float32]
    """[U, K] float32, descending; -inf past the end of a list."""


@torch.no_grad()
def rank(
    scorer: Scorer,
    train: Interactions,
    top_k: int,
    *,
    device: torch.device | str = "cpu",
    batch_size: int | None = None,
) -> Ranking:
    """Rank for every user all items outside of the user's training items.

    Equal scores are ordered by ascending item number on every device, also where the list ends;
    ``-0.0`` equals ``0.0``. A user with fewer than ``top_k`` candidates gets a shorter list. An
    item with score ``-inf`` is no candidate.

    Args:
        scorer: gives the scores of ``BLOCK`` users; its result is not changed.
        train: the training split; users 0..U-1 are ranked.
        top_k: K, the length of the lists; it may exceed the number of items.
        device: where ``scorer`` expects the users and where the lists are made.
        batch_size: how many users are ranked at once, rounded up to whole blocks; by default as
            many as have 4 million scores. It bounds the memory and does not change the result.

    Returns:
        The lists, copied from ``device`` once for every batch.

    Raises:
        ModelError: the scores have another shape than [B, I], or the score of a candidate is NaN.
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
        _refuse_nan(batch, start)
        best_scores, best_items = best(batch, min(top_k, n_items))
        best_items.masked_fill_(best_scores == -torch.inf, NO_ITEM)
        width = best_items.shape[1]
        items[start:stop, :width] = best_items.cpu().numpy()
        scores[start:stop, :width] = best_scores.cpu().numpy()
    return Ranking(items, scores)


def users_at_once(n_items: int, batch_size: int | None = None) -> int:
    """Return how many users are ranked at once: a multiple of ``BLOCK``, see :func:`rank`."""
    batch_size = _BATCH_VALUES // n_items if batch_size is None else batch_size
    return max(1, -(-batch_size // BLOCK)) * BLOCK


def _score(scorer: Scorer, start: int, train: Interactions, out: Tensor) -> None:
    """Write the scores of a block, [BLOCK, I] without negative zeros, to ``out``."""
    users = torch.arange(start, start + BLOCK, device=out.device)
    scores = scorer(users.clamp_(max=train.n_users - 1))
    if scores.shape != out.shape:
        raise ModelError(
            f"a scorer must return a row for each of the {BLOCK} users it is given and a column "
            f"for each of the {train.n_items} items; found the shape {list(scores.shape)}"
        )
    # The top-k of CUDA orders floats by their bits, where -0.0 is below 0.0; adding 0.0 makes them
    # one.
    torch.add(scores.float(), 0.0, out=out)


def _refuse_nan(scores: Tensor, start: int) -> None:
    is_nan = scores.amax(dim=1).isnan()  # a maximum with NaN is NaN; one pass instead of two
    if is_nan.any():
        user = start + int(is_nan.nonzero()[0])
        raise ModelError(f"the model gives user number {user} a score that is NaN")
