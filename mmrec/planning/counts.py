"""How many steps and evaluations the trials of a plan take, at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrec.data import Dataset
from mmrec.models import Model, ModelConfig, RecommenderConfig
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.planning.points import Values, sample_points


@dataclass(frozen=True)
class TrialCounts:
    """What one trial does if it is not stopped early."""

    epochs: int = 0
    """0 for a recommender that is not trained."""
    steps: int = 0
    """Optimisation steps of all epochs."""
    evaluations: int = 1


@dataclass(frozen=True)
class PointCounts:
    """What the trials of one point do."""

    values: Values
    """Hyper-parameters, as the file writes them."""
    trials: tuple[TrialCounts, ...]
    """One for each fold; every seed of a fold has the same counts."""


@dataclass(frozen=True)
class ModelCounts:
    """What the trials of one entry of ``models`` do."""

    name: str
    n_points: int
    """At most."""
    n_seeds: int
    """Seeds that each point is run on."""
    n_folds: int
    points: tuple[PointCounts, ...]
    """All points in the order of the search. For a search that proposes points from earlier
    results: every option and the bounds of every distribution once."""

    @property
    def n_trials(self) -> int:
        """The number of trials, at most."""
        return self.n_points * self.n_seeds * self.n_folds

    @property
    def steps(self) -> int:
        """Optimisation steps of all trials, at most."""
        return self._total([sum(t.steps for t in point.trials) for point in self.points])

    @property
    def evaluations(self) -> int:
        """Evaluations of all trials, at most."""
        return self._total([sum(t.evaluations for t in point.trials) for point in self.points])

    def _total(self, of_points: Sequence[int]) -> int:
        """Sum over all trials; each point that is not known yet counts as the largest."""
        if len(of_points) == self.n_points:
            return self.n_seeds * sum(of_points)
        return self.n_seeds * self.n_points * max(of_points)


def count_trials(plan: Plan, datasets: Sequence[Dataset]) -> list[ModelCounts]:
    """Return what the trials of each model of a plan do.

    Steps are counted by the sampler that the model trains with.

    Args:
        plan: the experiment.
        datasets: its data, one for each fold; features are not read.

    Raises:
        DataError: the interactions cannot be sampled.
    """
    return [_count_model(model, datasets) for model in plan.models]


def workload(config: RecommenderConfig) -> dict[str, object]:
    """Return the hyper-parameters that the number and the duration of steps depend on.

    Real numbers are left out: a step takes equally long whatever the learning rate is. ``seed``
    does not matter, and the ``epochs`` of a trained model only repeat the steps.
    """
    left_out = {"seed", "random_seed"} | ({"epochs"} if isinstance(config, ModelConfig) else set())
    return {
        name: value
        for name, value in config.model_dump().items()
        if name not in left_out and not _is_real(value)
    }


def _is_real(value: object) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and all(map(_is_real, value))
    return isinstance(value, float)


def _count_model(model: ModelPlan, datasets: Sequence[Dataset]) -> ModelCounts:
    steps: dict[tuple[int, str], int] = {}

    def steps_in_epoch(fold: int, config: ModelConfig) -> int:
        assert issubclass(model.recommender, Model)
        key = fold, repr(workload(config))
        if key not in steps:
            steps[key] = model.recommender.make_sampler(config, datasets[fold].train).n_batches
        return steps[key]

    def count(values: Values, fold: int) -> TrialCounts:
        config = model.recommender.Config.model_validate(values)
        if model.meta.restore or not issubclass(model.recommender, Model):
            return TrialCounts()
        assert isinstance(config, ModelConfig)
        return TrialCounts(
            epochs=config.epochs,
            steps=config.epochs * steps_in_epoch(fold, config),
            # A training with fewer epochs than the rate is evaluated once, at its end.
            evaluations=max(1, config.epochs // model.meta.validation_rate),
        )

    points = sample_points(model.space) if model.points is None else model.points
    return ModelCounts(
        name=model.name,
        n_points=model.n_points,
        n_seeds=model.n_seeds,
        n_folds=model.n_folds,
        points=tuple(
            PointCounts(values, tuple(count(values, fold) for fold in range(len(datasets))))
            for values in points
        ),
    )
