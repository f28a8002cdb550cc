"""Figures of a ranking on a held-out split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.data import FloatArray, Interactions
from mmrec.errors import ConfigError, DataError, ModelError
from mmrec.evaluation.base import Metric, Population, figure_name, find_metric
from mmrec.evaluation.ground_truth import BoolArray, ground_truth
from mmrec.evaluation.judged_lists import JudgedLists, judge
from mmrec.evaluation.ranking import Ranking


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures of a ranking.

    Keys are names such as ``Recall@20``, ordered by metric as requested, then by cutoff.
    """

    figures: dict[str, float]
    """The value of every metric at every cutoff; NaN where it is undefined."""
    per_user: dict[str, FloatArray]
    """[U] for metrics that are a mean over users; NaN for users who are not part of the mean."""


class Evaluator:
    """Computes metrics of rankings on a held-out split.

    Whatever does not depend on the ranking is computed once, here. Sums are numpy's, in float64:
    equal rankings have equal bits.

    Args:
        train: the training split.
        held_out: validation or test, with the same numbering.
        metrics: names, in any case.
        cutoffs: lengths at which lists are cut.
        relevance_threshold: the least held-out rating that is relevant.

    Attributes:
        truth: the held-out split, prepared to judge lists.

    Raises:
        ConfigError: a metric is unknown, no metric is given, or a cutoff is not positive.
        DataError: no held-out row is relevant, the splits have different numberings, or a rating is
            too large for the gain of nDCG.
    """

    def __init__(
        self,
        train: Interactions,
        held_out: Interactions,
        metrics: Sequence[str],
        cutoffs: Sequence[int],
        relevance_threshold: float = 0.0,
    ) -> None:
        self.metrics = tuple(dict.fromkeys(find_metric(name) for name in metrics))
        self.cutoffs = tuple(sorted(set(cutoffs)))
        if not self.metrics or not self.cutoffs or self.cutoffs[0] < 1:
            raise ConfigError(
                f"expected at least one metric and positive cutoffs; found {list(metrics)} and "
                f"{list(cutoffs)}"
            )
        self.train = train
        self.truth = ground_truth(train, held_out, relevance_threshold, self.cutoffs[-1])
        self._counts: dict[Population, BoolArray] = {
            "relevant": self.truth.n_relevant > 0,
            "held-out": np.ones(len(self.truth.users), np.bool_),
        }
        if find_metric("nDCG") in self.metrics and not np.isfinite(self.truth.ideal_dcg).all():
            raise DataError(
                f"the held-out rating {held_out.ratings.max():g} is too large for nDCG, whose gain "
                f"is 2 ** rating; use nDCGRendle2020, or binarize the ratings"
            )

    @property
    def n_users(self) -> int:
        """The number of users with at least one relevant held-out item."""
        return int(np.count_nonzero(self._counts["relevant"]))

    def evaluate(self, ranking: Ranking) -> Evaluation:
        """Compute all metrics at all cutoffs.

        Args:
            ranking: the lists of the U users of the training split, at least as long as the
                largest cutoff.

        Raises:
            ModelError: the ranking has the wrong shape, or a metric returns one.
        """
        judged = judge(self.truth, ranking)
        lists = {cutoff: judged.at(cutoff) for cutoff in self.cutoffs}
        figures, per_user = {}, {}
        for metric in self.metrics:
            for cutoff in self.cutoffs:
                name = figure_name(metric, cutoff)
                if metric.over is None:
                    figures[name] = _number(metric, lists[cutoff])
                else:
                    per_user[name] = self._values(metric, lists[cutoff], metric.over)
                    figures[name] = _mean(per_user[name])
        return Evaluation(figures, per_user)

    def _values(self, metric: Metric, lists: JudgedLists, over: Population) -> FloatArray:
        """Return the values of all users, [U], NaN for users outside of the mean."""
        counts = self._counts[over]
        found = np.asarray(metric.function(lists))
        if found.shape != counts.shape:
            raise ModelError(
                f"the metric {metric.name} returned the shape {found.shape}; expected a value for "
                f"each of the {len(counts)} users with a held-out row"
            )
        values = np.full(self.truth.n_users, np.nan)
        values[self.truth.users[counts]] = found[counts]
        return values


def _number(metric: Metric, lists: JudgedLists) -> float:
    value = np.asarray(metric.function(lists))
    if value.shape:
        raise ModelError(
            f"the metric {metric.name} returned the shape {value.shape}; expected one number "
            "(over=None)"
        )
    return float(value)


def _mean(values: FloatArray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
