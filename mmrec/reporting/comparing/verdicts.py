"""For each data set and metric: the best and the second model, the gain, and significance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mmrec.data import FloatArray
from mmrec.evaluation import holm, paired_ttest, welch_ttest
from mmrec.reporting.comparing.scores import ModelScores, Scores
from mmrec.reporting.table import P_VALUE

Place = tuple[str, str]
"""A data set and a metric."""
_Test = Callable[[ModelScores, ModelScores, str], float | None]


@dataclass(frozen=True)
class Verdict:
    """What one column of a data set says."""

    best: Sequence[str]
    """The model with the best mean, several if they are equal."""
    second: Sequence[str]
    leader: str
    """The model that the others are compared with: the best proposed one, else the best."""
    baseline: str
    """The best of the other models."""
    others: Sequence[str]
    """All models that the leader is tested against, the baseline first."""
    proposed: bool
    """Whether proposed models were named."""
    gain: float | None
    """(leader - baseline) / |baseline|, positive if the leader is better; None for 0."""
    over_users: Mapping[str, float] = field(default_factory=dict)
    """By other model, the p-value over users, corrected by Holm's method over the whole table."""
    over_seeds: Mapping[str, float] = field(default_factory=dict)
    """The same over folds and seeds, for models that were run on several."""

    @property
    def is_significant_over_users(self) -> bool:
        """Whether the leader is better than the baseline, and differs from every other model."""
        return self._is_better and _all_small(self.over_users, self.baseline)

    @property
    def is_significant_over_seeds(self) -> bool:
        """The same over folds and seeds, among the models that were run on several."""
        return self._is_better and _all_small(self.over_seeds, self.baseline)

    @property
    def _is_better(self) -> bool:
        return self.leader in self.best and self.baseline not in self.best


def _all_small(p_values: Mapping[str, float], baseline: str) -> bool:
    return baseline in p_values and all(p < P_VALUE for p in p_values.values())


def judge(scores: Scores, proposed: Sequence[str]) -> dict[Place, Verdict]:
    """Return the verdict of each data set and metric that has at least two values.

    Args:
        scores: of all models.
        proposed: the models whose best is compared with the best of the others; if empty, the
            best model is compared with the second.
    """
    found = {
        (dataset, label): verdict
        for dataset in scores.datasets
        for label in scores.labels
        for verdict in _ranking(scores, dataset, label, proposed)
    }
    users = _corrected(scores, found, _p_over_users)
    seeds = _corrected(scores, found, _p_over_seeds)
    return {
        place: replace(verdict, over_users=users.get(place, {}), over_seeds=seeds.get(place, {}))
        for place, verdict in found.items()
    }


def _ranking(
    scores: Scores, dataset: str, label: str, proposed: Sequence[str]
) -> Iterator[Verdict]:
    means, sign = scores.means(dataset, label), scores.sign(label)
    levels = sorted({sign * value for value in means.values()}, reverse=True)
    ranked = sorted(means, key=lambda model: -sign * means[model])  # stable: the first of equals
    best, second = (
        [model for model in ranked if sign * means[model] == level]
        for level in (*levels, np.nan, np.nan)[:2]
    )
    leaders = [model for model in ranked if model in proposed] if proposed else ranked[:1]
    others = [m for m in ranked if m not in proposed and m != (leaders[0] if leaders else None)]
    if not leaders or not others:
        return
    leader, baseline = leaders[0], others[0]
    difference, base = sign * (means[leader] - means[baseline]), abs(means[baseline])
    gain = difference / base if base else None
    yield Verdict(
        best, second if len(best) == 1 else [], leader, baseline, others, bool(proposed), gain
    )


def _corrected(
    scores: Scores, verdicts: Mapping[Place, Verdict], test: _Test
) -> dict[Place, dict[str, float]]:
    """Test each leader against all other models; correct over all tests of the table."""
    raw: dict[tuple[Place, str], float] = {}
    for (dataset, label), verdict in verdicts.items():
        for model in verdict.others:
            pair = scores.cells[dataset, verdict.leader], scores.cells[dataset, model]
            p_value = test(*pair, label)
            if p_value is not None:
                raw[(dataset, label), model] = p_value
    corrected: dict[Place, dict[str, float]] = {}
    for (place, model), p_value in zip(raw, holm(list(raw.values())), strict=True):
        corrected.setdefault(place, {})[model] = p_value
    return corrected


def _p_over_users(one: ModelScores, other: ModelScores, label: str) -> float | None:
    """Return the p-value of the paired t-test; None for a metric that is no mean over users."""
    values = [scores.study.best_per_user for scores in (one, other)]
    if not all(label in of_users for of_users in values):
        return None
    return paired_ttest(*(of_users[label] for of_users in values))


def _p_over_seeds(one: ModelScores, other: ModelScores, label: str) -> float | None:
    """Return the p-value over folds and seeds; paired if both models have the same ones."""
    if min(len(one.trials), len(other.trials)) < 2:
        return None
    test = paired_ttest if list(one.trials) == list(other.trials) else welch_ttest
    return test(_values(one, label), _values(other, label))


def _values(scores: ModelScores, label: str) -> FloatArray:
    return np.array([trial.test[label] for trial in scores.trials.values()])
