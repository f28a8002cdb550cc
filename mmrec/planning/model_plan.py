"""The search of one model, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from mmrec.config import EarlyStopping, ModelMeta, Space
from mmrec.models import Recommender
from mmrec.planning.points import Values, is_drawn
from mmrec.training.objective import LOSS, Objective


@dataclass(frozen=True, eq=False)
class ModelSettings:
    """How one model is searched, validated and selected; a finished run records it."""

    name: str
    """The model's name in tables."""
    key: str
    """The model's key in the experiment file, for example ``external.LATTICE``."""
    searched: tuple[str, ...]
    """The hyper-parameters that are searched, in the order of the file."""
    seeds: tuple[int, ...]
    """The seeds that every point is run on; empty for the one seed of its hyper-parameters."""
    meta: ModelMeta
    """How the model is searched, validated and saved."""
    early_stopping: EarlyStopping | None
    """When training stops before its last epoch."""
    select_by: str
    """The validation figure that is optimised, or ``loss``."""
    monitor: str
    """The validation figure that early stopping observes, or ``loss``."""
    lower_is_better: frozenset[str]
    """The figures of the experiment, without cutoffs, for which lower values are better."""
    neither_is_better: frozenset[str]
    """The figures, without cutoffs, that are not better for being higher or lower."""

    @property
    def n_seeds(self) -> int:
        """How many trials a point has on each fold."""
        return len(self.seeds) or 1

    @property
    def objective(self) -> Objective:
        """What epochs, trials and points are selected by."""
        return self.objective_of(self.select_by)

    def objective_of(self, label: str) -> Objective:
        """Return the direction of ``loss`` or of a figure of the experiment.

        It does not depend on the metrics that are registered, since a finished run is read
        without those of the user's own file.
        """
        is_lower = label == LOSS or label.partition("@")[0] in self.lower_is_better
        return Objective(label, higher_is_better=not is_lower)

    def has_best(self, label: str) -> bool:
        """Return whether one of two values of a figure is better."""
        return label.partition("@")[0] not in self.neither_is_better


@dataclass(frozen=True, eq=False)
class ModelPlan(ModelSettings):
    """One entry of ``models``: its settings and its search space."""

    recommender: type[Recommender]
    space: Space
    points: tuple[Values, ...] | None
    """Every point in order; None if the search proposes them from earlier results."""
    n_points: int
    """The number of points, at most."""
    n_folds: int
    """The number of folds that every point is run on; 1 without folds."""
    random_seed: int
    """The seed that random points and proposals are drawn from."""
    n_equal: int = 0
    """The number of points that were left out, because they equal others once they are typed."""

    @property
    def is_drawn(self) -> bool:
        """Whether the points are drawn at random instead of listed as a grid."""
        return is_drawn(self.space, self.meta)

    @property
    def n_trials(self) -> int:
        """The number of trials, at most."""
        return self.n_points * self.n_folds * self.n_seeds

    def repetitions(self, point: Values) -> list[tuple[int, Values]]:
        """Return the fold and the hyper-parameters of each trial of a point, fold by fold."""
        by_seed: list[Values] = [{**point, "seed": seed} for seed in self.seeds] or [point]
        return [(fold, values) for fold in range(self.n_folds) for values in by_seed]

    def is_valid(self, point: Values) -> bool:
        """Return whether the model accepts a point."""
        try:
            self.recommender.Config.model_validate(point)
        except ValidationError:
            return False
        return True
