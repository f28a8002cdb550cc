"""All trials of one model, and the answers to the questions that a report asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmrec.data import FloatArray
from mmrec.planning.model_plan import ModelSettings
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import folds_of, seeds_of
from mmrec.runs.selection import PointView
from mmrec.text import is_number, value_text
from mmrec.training.objective import Objective

Repetition = tuple[str, int | None]
"""The fold of a trial, and its seed if its point was run on several; else None."""


@dataclass(frozen=True, eq=False)
class Study:
    """All trials of one model."""

    settings: ModelSettings
    records: list[TrialRecord]
    """In the order of the search."""
    best: TrialRecord | None = None
    """The trial with the best value, the first of equals. A point that was run on several folds
    or seeds is selected by its mean, and is represented by its first trial."""
    best_per_user: dict[str, FloatArray] = field(default_factory=dict)
    """By label, the test values [U] of the users, each the mean over the seeds of the best point,
    on its first fold; NaN for users who do not count."""
    points: list[list[TrialRecord]] = field(default_factory=list)
    """The trials of each point, one for each fold and seed, fold by fold."""
    best_point: int | None = None
    """Index of the best point."""

    @property
    def name(self) -> str:
        """The model's name in tables."""
        return self.settings.name

    @cached_property
    def objective(self) -> Objective:
        """What epochs, trials and points are selected by."""
        return self.settings.objective

    # Values and ranks

    def value(self, record: TrialRecord) -> float | None:
        """Return the value that a trial is selected by; None if it is missing or not finite."""
        return self.objective.value(record.best_loss, record.validation)

    def point_value(self, trials: Sequence[TrialRecord]) -> float | None:
        """Return the value that a point is selected by; None unless all its trials finished."""
        point = PointView.of(trials)
        return point.value(self.objective) if point.status == "finished" else None

    def point_deviation(self, trials: Sequence[TrialRecord]) -> float | None:
        """Return the standard deviation of the selected value over the trials of a point.

        None for a single trial, and if a trial has no value.
        """
        return PointView.of(trials).deviation(self.objective)

    def mean_value(self, trials: Sequence[TrialRecord]) -> float | None:
        """Return the mean of the selected value over the trials of a point, pruned or finished.

        None if a trial has no value.
        """
        return PointView.of(trials).value(self.objective)

    @cached_property
    def ranked_points(self) -> list[list[TrialRecord]]:
        """The points: those that can be selected, best first, then all others, best first.

        Equal ones are in the order of the search.
        """
        sign = -1 if self.objective.higher_is_better else 1

        def order(trials: Sequence[TrialRecord]) -> tuple[bool, bool, float]:
            mean = self.mean_value(trials)
            return self.point_value(trials) is None, mean is None, sign * (mean or 0.0)

        return sorted(self.points or [[record] for record in self.records], key=order)

    @cached_property
    def ranked(self) -> list[TrialRecord]:
        """The trials that have a value, best first; equal ones in the order of the search."""
        sign = -1 if self.objective.higher_is_better else 1
        known = [(x, record) for record in self.records if (x := self.value(record)) is not None]
        return [record for _, record in sorted(known, key=lambda pair: sign * pair[0])]

    # Hyper-parameters

    def levels(self, name: str) -> list[Any]:
        """Return the different values of a hyper-parameter: numbers ascending, else as tried."""
        found = {repr(r.parameters.get(name)): r.parameters.get(name) for r in self.records}
        values = list(found.values())
        return sorted(values) if all(map(is_number, values)) else values

    @cached_property
    def searched(self) -> list[str]:
        """The hyper-parameters that were searched, then others that differ between trials."""
        names = dict.fromkeys(self.settings.searched)
        names |= dict.fromkeys(name for record in self.records for name in record.parameters)
        return [n for n in names if n in self.settings.searched or len(self.levels(n)) > 1]

    @cached_property
    def tried(self) -> list[str]:
        """The hyper-parameters that have several values; not the seed if it was repeated."""
        names = [name for name in self.searched if len(self.levels(name)) > 1]
        return [name for name in names if name != "seed"] if self.has_seeds else names

    @property
    def fixed(self) -> dict[str, str]:
        """The hyper-parameters that all trials share, as text."""
        shared = self.records[0].parameters if self.records else {}
        return {k: value_text(value) for k, value in shared.items() if k not in self.searched}

    def best_points(self, across: str, down: str) -> dict[tuple[str, str], list[TrialRecord]]:
        """Return the best point for each pair of values of two hyper-parameters.

        Keys are the ``repr`` of the values.
        """
        found: dict[tuple[str, str], list[TrialRecord]] = {}
        for trials in self.ranked_points:
            parameters = trials[0].parameters
            found.setdefault((repr(parameters.get(across)), repr(parameters.get(down))), trials)
        return found

    # Repetitions of the points on folds and seeds

    @cached_property
    def has_folds(self) -> bool:
        """Whether the points were run on several folds."""
        return any(len(folds_of(trials)) > 1 for trials in self.points)

    @cached_property
    def has_seeds(self) -> bool:
        """Whether the points were run on several seeds."""
        return any(len(seeds_of(trials)) > 1 for trials in self.points)

    @property
    def best_trials(self) -> list[TrialRecord]:
        """The trials of the best point, one for each fold and seed, fold by fold."""
        if self.best_point is None:
            return [] if self.best is None else [self.best]
        return self.points[self.best_point]

    @property
    def is_repeated(self) -> bool:
        """Whether the points were run on several folds or seeds."""
        return any(len(trials) > 1 for trials in self.points)

    @property
    def repetitions(self) -> dict[str, int]:
        """The number of ``folds`` and ``seeds`` of the best point, where there are several."""
        counts = {
            "folds": len(folds_of(self.best_trials)),
            "seeds": len(seeds_of(self.best_trials)),
        }
        is_repeated = {"folds": self.has_folds, "seeds": self.has_seeds}
        return {what: n for what, n in counts.items() if is_repeated[what]}

    @property
    def best_by_repetition(self) -> dict[Repetition, TrialRecord]:
        """The trials of the best point by fold and seed, in their order."""
        found = {
            (trial.fold, trial.parameters["seed"] if self.has_seeds else None): trial
            for trial in self.best_trials
        }
        return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)))
