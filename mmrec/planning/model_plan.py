"""What is known of the search of one model before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from mmrec.config import EarlyStopping, ModelMeta, Space
from mmrec.models import Recommender
from mmrec.planning.points import Values, is_drawn


@dataclass(frozen=True, eq=False)
class ModelPlan:
    """One entry of ``models``: its search, and how the best of its trials is found."""

    name: str
    """How tables call the model."""
    key: str
    """How the file calls it, for example ``external.LATTICE``."""
    recommender: type[Recommender]
    space: Space
    points: tuple[Values, ...] | None
    """Every point in order; None if they are proposed as the search goes on."""
    n_points: int
    """How many points there are, at most."""
    seeds: tuple[int, ...]
    """What every point is run on; empty for the one seed of its hyper-parameters."""
    n_folds: int
    """How many folds of the data every point is run on; 1 without folds."""
    random_seed: int
    """What proposals come from."""
    meta: ModelMeta
    early_stopping: EarlyStopping | None
    select_by: str
    """The validation figure that is to be best, or ``loss``."""
    monitor: str
    """What early stopping looks at: a validation figure, or ``loss``."""

    @property
    def searched(self) -> tuple[str, ...]:
        """The hyper-parameters that are searched, in the order of the file."""
        return tuple(self.space.dimensions)

    @property
    def is_drawn(self) -> bool:
        """Whether the points are drawn at random, not listed as a grid."""
        return is_drawn(self.space, self.meta)

    @property
    def n_trials(self) -> int:
        """The number of trials, at most."""
        return self.n_points * self.n_folds * (len(self.seeds) or 1)

    def repetitions(self, point: Values) -> list[tuple[int, Values]]:
        """Return the fold and the hyper-parameters of each trial of a point, fold by fold."""
        by_seed: list[Values] = [{**point, "seed": seed} for seed in self.seeds] or [point]
        return [(fold, values) for fold in range(self.n_folds) for values in by_seed]

    def is_valid(self, point: Values) -> bool:
        """Say whether the model accepts a point."""
        try:
            self.recommender.Config.model_validate(point)
        except ValidationError:
            return False
        return True
