"""What the tests of significance say about the models of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mmrec.evaluation import compare_in_full
from mmrec.reporting.table import P_VALUE
from mmrec.runs.repetitions import means
from mmrec.runs.study import Study
from mmrec.training.objective import Objective

Figures = Mapping[str, Mapping[str, float]]
"""By model and label."""


def test_means(study: Study) -> dict[str, float]:
    """Return the test figures of the best point: of its trial, or the means over its trials."""
    trials = study.best_trials
    return dict(trials[0].test) if len(trials) == 1 else means(trials)


def best_of(objective: Objective, figures: Figures) -> str:
    """Return the model with the best value of a figure, the first of equals."""
    best, best_value = next(iter(figures)), None
    for name, values in figures.items():
        value = objective.value(None, values)
        if objective.is_better(value, best_value):
            best, best_value = name, value
    return best


@dataclass(frozen=True)
class Lead:
    """The best model by validation next to the best other model on the test split."""

    label: str
    """The figure that they are compared by on the test split."""
    rival: str
    value: float
    """The test value of the best model by validation."""
    rival_value: float
    is_ahead: bool
    """Whether the best model by validation is better than its rival on the test split."""
    p_value: float | None
    """The largest over the tests of the two, after Holm's correction; None without a test."""

    @property
    def is_significant(self) -> bool:
        """Whether every test finds the two models different."""
        return self.p_value is not None and self.p_value < P_VALUE


class Verdicts:
    """The tests over users, folds and seeds between the models of a run.

    Where the experiment asks for no test, the best trials are compared by the paired t-test over
    users.

    Args:
        studies: those that have a best trial.
        significance: see :func:`mmrec.reporting.run_tables.significance_table`.
    """

    def __init__(self, studies: Sequence[Study], significance: pd.DataFrame) -> None:
        self._studies = studies
        self._model_of = {trial.name: x.name for x in studies for trial in x.best_trials}
        self._significance = significance

    def differing(self, label: str, best: str) -> set[str]:
        """Return the models that every test of the experiment tells from the best one."""
        found: dict[str, list[float]] = {}
        for pair, p_value in self._p_values(self._significance, label):
            if best in pair:
                (other,) = pair - {best}
                found.setdefault(other, []).append(p_value)
        return {name for name, values in found.items() if all(p < P_VALUE for p in values)}

    def lead(self, winner: str, objective: Objective) -> Lead | None:
        """Compare the best model by validation with the best other one on the test split.

        Returns:
            None if there is no other model, or if one of the two has no value.
        """
        figures = {study.name: test_means(study) for study in self._studies}
        own = objective.value(None, figures.pop(winner))
        if not figures or own is None:
            return None
        rival = best_of(objective, figures)
        other = objective.value(None, figures[rival])
        if other is None:
            return None
        rows = self._significance if len(self._significance) else self._over_users(objective.label)
        tests = self._p_values(rows, objective.label)
        p_values = [p for pair, p in tests if pair == {winner, rival} and not math.isnan(p)]
        is_ahead = objective.is_better(own, other)
        return Lead(objective.label, rival, own, other, is_ahead, max(p_values, default=None))

    def _over_users(self, label: str) -> pd.DataFrame:
        values = {
            study.best.name: {label: study.best_per_user[label]}
            for study in self._studies
            if study.best is not None and label in study.best_per_user
        }
        return compare_in_full(values, "paired_ttest")

    def _p_values(self, rows: pd.DataFrame, label: str) -> list[tuple[set[str], float]]:
        """Return the pairs of models with their corrected p-values of a figure."""
        found = []
        for row in rows.to_dict("records"):
            names = [str(row["model_a"]), str(row["model_b"])]
            pair = {self._model_of[name] for name in names if name in self._model_of}
            if row["metric"] == label and len(pair) == 2:
                found.append((pair, float(row["p_holm"])))
        return found
