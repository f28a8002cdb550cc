"""The best model of a run, and the figures that a summary quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from mmrec.runs.repetitions import repetitions_text
from mmrec.runs.selection import PointView
from mmrec.runs.study import Study
from mmrec.training.objective import LOSS, Objective

_MOST_FIGURES = 3


@dataclass(frozen=True)
class Winner:
    """The best model of a run. Its figures are means if it was run on several folds or seeds."""

    model: str
    by: str
    """What the models were compared by, for a reader."""
    label: str
    """The label of the same figure."""
    value: float | None
    deviation: float | None
    """Its standard deviation over the folds and seeds; None for a single trial."""
    test: Mapping[str, float]
    """Up to three test figures, at the cutoff of ``label``."""
    n_repetitions: int = 1
    """The number of trials that the figures are means over."""


def find_winner(studies: Sequence[Study], split: str) -> Winner | None:
    """Return the best model; None if no trial finished.

    Models are compared by what all of them were selected by, else by the first validation figure.

    Args:
        studies: the trials of every model.
        split: the split that the trials were selected on.
    """
    finished = [study for study in studies if study.best is not None]
    if not finished:
        return None
    objective = _common_objective(finished)
    best, best_value = finished[0], None
    for study in finished:
        value = PointView.of(study.best_trials).value(objective)
        if objective.is_better(value, best_value):
            best, best_value = study, value
    trials = best.best_trials
    labels = list(trials[0].test)
    same_cutoff = [x for x in labels if x.partition("@")[2] == objective.label.partition("@")[2]]
    over = f" (mean over {repetitions_text(trials)})" if len(trials) > 1 else ""
    return Winner(
        model=best.name,
        by=objective.title(split) + over,
        label=objective.label,
        value=best_value,
        deviation=PointView.of(trials).deviation(objective),
        test={
            label: fmean(trial.test[label] for trial in trials)
            for label in (same_cutoff or labels)[:_MOST_FIGURES]
        },
        n_repetitions=len(trials),
    )


def _common_objective(finished: Sequence[Study]) -> Objective:
    objectives = {study.objective for study in finished}
    objective = objectives.pop() if len(objectives) == 1 else None
    if objective is None or objective.label == LOSS:  # losses of different models do not compare
        return finished[0].settings.objective_of(
            next(iter(finished[0].best_trials[0].validation), LOSS)
        )
    return objective
