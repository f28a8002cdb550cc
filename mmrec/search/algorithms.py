"""Search algorithms: each proposes batches of points from the results of the earlier batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.points import Values
from mmrec.runs.selection import PointView
from mmrec.search.tpe import TpeSearch


class Search(Protocol):
    """Proposes the points of one model.

    The same plan and the same figures always give the same points, so an interrupted search is
    resumed by replaying the recorded trials.
    """

    def next(self, seen: Sequence[PointView]) -> list[Values]:
        """Return the next batch; empty if there are no more points.

        Args:
            seen: every point returned so far, in order. All of their trials have ended.
        """


class ListedSearch:
    """Points that are known in advance: a grid, or random draws.

    Args:
        points: all of them, in order.
        batch: how many to return at once; None for all.
    """

    def __init__(self, points: Sequence[Values], batch: int | None = None) -> None:
        self._points, self._batch = points, batch

    def next(self, seen: Sequence[PointView]) -> list[Values]:
        """Return the points after those seen."""
        end = None if self._batch is None else len(seen) + self._batch
        return list(self._points[len(seen) : end])


def make_search(model: ModelPlan) -> Search:
    """Return a new search of a model."""
    if model.points is not None:
        # A pruner compares with earlier batches, so it needs several.
        batch = None if model.meta.pruner == "none" else model.meta.hyper_batch
        return ListedSearch(model.points, batch)
    return TpeSearch(
        model.space,
        model.objective,
        limit=model.n_points,
        batch=model.meta.hyper_batch,
        seed=(model.random_seed, model.key),
        is_valid=model.is_valid,
    )
