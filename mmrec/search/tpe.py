"""Search by Optuna's tree-structured Parzen estimator.

Optuna searches numbers between 0 and 1, the quantiles of distributions, and indices of listed
values. Every batch has a new study, made from the points seen so far in their order, with a seed of
its own. So a batch does not depend on when and where the earlier trials ran, nor on whether the run
was interrupted.
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
"""How many proposals to ask for, for each point of a batch, before giving up on new ones."""

Coordinates = Mapping[str, Any]
"""A point in the form that Optuna searches."""


class TpeSearch:
    """Points that Optuna's TPE sampler proposes.

    Proposals that were made before, or that the model does not accept, are skipped. When TPE finds
    no new one, a finite space continues with its first untried points; another search ends.

    Args:
        space: what is searched.
        objective: what is optimised.
        limit: how many points to propose in total.
        batch: how many points to propose at once, whatever the number of workers.
        seed: of the proposals, a number and a name.
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
        """Return the next batch; empty at the limit, or if there is no new point."""
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
        # Points without a value count as bad ones, so that those of a batch are not close together.
        sampler = TPESampler(seed=key, multivariate=True, constant_liar=True)
        maximize = self._objective.higher_is_better
        study = create_study(sampler=sampler, direction="maximize" if maximize else "minimize")
        axes = self._axes()
        for coordinates, point in zip(self._proposed, seen, strict=True):
            study.add_trial(self._trial(coordinates, point, axes))
        for _ in range(wanted * _PATIENCE):
            # A skipped point stays in the study without a value, so it is not proposed again soon.
            yield study.ask(axes).params

    def _axes(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        return {
            name: CategoricalDistribution(tuple(range(len(dimension.options))))
            if isinstance(dimension, Choice)
            else FloatDistribution(0.0, 1.0)
            for name, dimension in self._space.dimensions.items()
        }

    def _trial(
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
    """Silence Optuna about its studies and about experimental options."""
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
