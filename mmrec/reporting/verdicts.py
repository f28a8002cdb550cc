"""What the tests of significance say about the models of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from mmrec.evaluation import compare_in_full
from mmrec.reporting.table import P_VALUE
from mmrec.runs.repetitions import means
from mmrec.runs.study import Study
from mmrec.training.objective import Objective

TEST_NAMES = {
    "paired_ttest": "paired t-test",
    "wilcoxon_test": "Wilcoxon test",
    "welch_ttest": "Welch's t-test",
}
"""The tests of significance for a reader."""
Figures = Mapping[str, Mapping[str, float]]
"""By model and label."""


def test_means(study: Study) -> dict[str, float]:
    """Return the test figures of the best point: of its trial, or the means over its trials."""
    trials = study.best_trials
    return dict(trials[0].test) if len(trials) == 1 else means(trials)


def users_text(studies: Sequence[Study]) -> str:
    """Return what the values of users are, for a reader: see :attr:`Study.best_per_user`."""
    values = "users' means over seeds" if any(study.has_seeds for study in studies) else "users"
    return f"{values} on the first fold" if any(study.has_folds for study in studies) else values


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
    """The largest over the tests of the two, after Holm's correction; None without a test. 1 if a
    test has the other model ahead, as it may on the first of several folds."""
    tests: tuple[str, ...]
    """The tests, such as ``paired t-test over users``."""

    @property
    def is_significant(self) -> bool:
        """Whether every test finds the two models different."""
        return self.p_value is not None and self.p_value < P_VALUE

    @property
    def p_text(self) -> str:
        """The p-value for a reader."""
        if self.p_value is None:
            return ""
        return "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.4f}"


class _Test(NamedTuple):
    name: str
    pair: frozenset[str]
    """The names of the two models."""
    p_value: float
    """After Holm's correction; 1 if the test has the other model ahead than the means."""


class Verdicts:
    """The tests over users, folds and seeds between the models of a run.

    Where the experiment asks for no test, the best points are compared by the paired t-test over
    users.

    Args:
        studies: those that have a best trial.
        significance: see :func:`mmrec.reporting.run_tables.significance_table`.
    """

    def __init__(self, studies: Sequence[Study], significance: pd.DataFrame) -> None:
        self._studies = studies
        self._studies_of = {trial.name: x for x in studies for trial in x.best_trials}
        self._significance = significance

    def differing(self, label: str, best: str) -> set[str]:
        """Return the models that every test of the experiment tells from the best one."""
        found: dict[str, list[float]] = {}
        for test in self._tests(self._significance, label):
            if best in test.pair:
                (other,) = test.pair - {best}
                found.setdefault(other, []).append(test.p_value)
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
        tests = [
            test
            for test in self._tests(rows, objective.label)
            if test.pair == {winner, rival} and not math.isnan(test.p_value)
        ]
        return Lead(
            label=objective.label,
            rival=rival,
            value=own,
            rival_value=other,
            is_ahead=objective.is_better(own, other),
            p_value=max((test.p_value for test in tests), default=None),
            tests=tuple(test.name for test in tests),
        )

    def _over_users(self, label: str) -> pd.DataFrame:
        values = {
            study.best.name: {label: study.best_per_user[label]}
            for study in self._studies
            if study.best is not None and label in study.best_per_user
        }
        table = compare_in_full(values, "paired_ttest")
        table.insert(0, "over", "users")
        return table

    def _tests(self, rows: pd.DataFrame, label: str) -> Iterator[_Test]:
        """Yield the tests of a figure between pairs of models."""
        for row in rows.to_dict("records"):
            ends = [self._studies_of.get(str(row[key])) for key in ("model_a", "model_b")]
            if row["metric"] != label or None in ends or ends[0] is ends[1]:
                continue
            one, other = (study for study in ends if study is not None)
            means = [test_means(study).get(label, math.nan) for study in (one, other)]
            agrees = _sign(row.get("mean_a"), row.get("mean_b")) in (0, _sign(*means))
            test = TEST_NAMES.get(str(row["test"]), str(row["test"]))
            over = users_text((one, other)) if row["over"] == "users" else row["over"]
            yield _Test(
                f"{test} over {over}",
                frozenset((one.name, other.name)),
                float(row["p_holm"]) if agrees else 1.0,
            )


def _sign(one: float | None, other: float | None) -> int:
    """Return whether the first number is the larger (1), the smaller (-1) or neither (0)."""
    if one is None or other is None:
        return 0
    return (one > other) - (one < other)
