"""Search by a tree-structured Parzen estimator. Optuna proposes; trials.jsonl is the truth.

Optuna searches numbers between 0 and 1, which stand for quantiles of the distributions, and the
places of listed values. Its study is made anew for every batch, from the points seen so far in
their order and with a seed of its own, so a batch does not depend on when or beside what the
earlier trials ran, nor on whether the run was interrupted.
"""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmrec.config import Choice, Space
from mmrec.planning.points import Values
from mmrec.runs.selection import PointView
from mmrec.seeding import seed_for
from mmrec.training.objective import Objective

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

logger = logging.getLogger(__name__)

_PATIENCE = 25
"""How often, for each point of a batch, to ask for another one than was had already."""

Coordinates = Mapping[str, Any]
"""A point as Optuna sees it."""


class TpeSearch:
    """Points that Optuna's TPE sampler proposes.

    A proposal that was made before, or that the model does not accept, is passed over. When that
    happens too often, a finite space gives its first untried points and another one ends.

    Args:
        space: what is searched.
        objective: what is to be best.
        limit: how many points to propose in all.
        batch: how many at once; the same for any number of workers.
        seed: what the proposals come from, a number and a name.
        is_valid: whether the model accepts a point.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        *,
        limit: int,
        batch: int,
        seed: tuple[int, str],
        is_valid: Callable[[Values], bool],
    ) -> None:
        self._space, self._objective = space, objective
        self._limit, self._batch = limit, batch
        self._seed, self._is_valid = seed, is_valid
        self._proposed: list[Coordinates] = []
        self._known: set[str] = set()

    def next(self, seen: Sequence[PointView]) -> list[Values]:
        """Return the next batch; empty at the limit, or if nothing new is proposed."""
        assert len(seen) == len(self._proposed)
        wanted = min(self._batch, self._limit - len(seen))
        points: list[Values] = []
        if wanted < 1:
            return points
        with _quiet():
            for coordinates in itertools.chain(self._asked(seen, wanted), self._untried()):
                point = self._point(coordinates)
                if repr(point) not in self._known and self._is_valid(point):
                    self._known.add(repr(point))
                    self._proposed.append(coordinates)
                    points.append(point)
                if len(points) == wanted:
                    break
            else:
                logger.warning("tpe proposes nothing new after %d points", len(self._proposed))
        return points

    def _asked(self, seen: Sequence[PointView], wanted: int) -> Iterator[Coordinates]:
        from optuna import create_study
        from optuna.samplers import TPESampler

        key = seed_for(self._seed[0], "tpe", self._seed[1], len(seen)) % 2**32
        # Points that are under way count as bad ones, so that a batch does not crowd together.
        sampler = TPESampler(seed=key, multivariate=True, constant_liar=True)
        maximize = self._objective.higher_is_better
        study = create_study(sampler=sampler, direction="maximize" if maximize else "minimize")
        axes = self._axes()
        for coordinates, point in zip(self._proposed, seen, strict=True):
            study.add_trial(self._told(coordinates, point, axes))
        for _ in range(wanted * _PATIENCE):
            # One that is passed over stays in the study as if under way: it is not asked for soon.
            yield study.ask(axes).params

    def _axes(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        return {
            name: CategoricalDistribution(tuple(range(len(dimension.options))))
            if isinstance(dimension, Choice)
            else FloatDistribution(0.0, 1.0)
            for name, dimension in self._space.dimensions.items()
        }

    def _told(
        self, coordinates: Coordinates, point: PointView, axes: Mapping[str, BaseDistribution]
    ) -> FrozenTrial:
        from optuna.trial import TrialState, create_trial

        facts: dict[str, Any] = {"params": dict(coordinates), "distributions": dict(axes)}
        value = point.value(self._objective)
        if point.status == "failed" or value is None:
            return create_trial(state=TrialState.FAIL, **facts)
        if point.status == "pruned":
            step = min(trial.last_epoch for trial in point.trials)
            return create_trial(state=TrialState.PRUNED, intermediate_values={step: value}, **facts)
        return create_trial(value=value, **facts)

    def _point(self, coordinates: Coordinates) -> Values:
        return self._space.point(
            {
                name: dimension.options[coordinates[name]]
                if isinstance(dimension, Choice)
                else dimension.at(coordinates[name])
                for name, dimension in self._space.dimensions.items()
            }
        )

    def _untried(self) -> Iterator[Coordinates]:
        """Yield all points of a finite space in the order of the file."""
        if self._space.is_finite:
            axes = self._space.dimensions.values()
            places = (range(len(axis.options)) for axis in axes if isinstance(axis, Choice))
            for chosen in itertools.product(*places):
                yield dict(zip(self._space.dimensions, chosen, strict=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling of its studies and of options that it calls experimental."""
    from optuna import logging as optuna_logging
    from optuna.exceptions import ExperimentalWarning

    level = optuna_logging.get_verbosity()
    optuna_logging.set_verbosity(optuna_logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        optuna_logging.set_verbosity(level)
