"""Figures of a ranking on a held-out split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.data import BoolArray, FloatArray, Interactions
from mmrec.errors import ConfigError, DataError, ModelError
from mmrec.evaluation.base import Metric, Population, figure_name, find_metric
from mmrec.evaluation.complex_metrics import ComplexMetric, Ids
from mmrec.evaluation.ground_truth import ground_truth
from mmrec.evaluation.judged_lists import JudgedLists, judge
from mmrec.evaluation.ranking import Ranking

_MOST = 2**31 - 1
"""The largest cutoff."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures of a ranking.

    Keys are names such as ``Recall@20``, ordered by metric as requested, then by cutoff.
    """

    figures: dict[str, float]
    """The value of every metric at every cutoff; NaN where it is undefined."""
    per_user: dict[str, FloatArray]
    """[U] for figures that are a mean over users; NaN for users who are not part of the mean."""


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
        complex_metrics: metrics with settings; their figures come last.
        ids: of users and items; needed by complex metrics.

    Attributes:
        truth: the held-out split, prepared to judge lists.

    Raises:
        ConfigError: a metric is unknown, no metric is given, or a cutoff is not a positive
            number of 32 bits.
        DataError: no held-out row is relevant, the splits have different numberings, a rating is
            too large for the gain of nDCG, or a file of a complex metric does not fit the data.
    """

    def __init__(
        self,
        train: Interactions,
        held_out: Interactions,
        metrics: Sequence[str],
        cutoffs: Sequence[int],
        relevance_threshold: float = 0.0,
        *,
        complex_metrics: Sequence[ComplexMetric] = (),
        ids: Ids | None = None,
    ) -> None:
        self.metrics = tuple(dict.fromkeys(find_metric(name) for name in metrics))
        self.cutoffs = tuple(sorted(set(cutoffs)))
        if not self.metrics or not all(1 <= cutoff <= _MOST for cutoff in self.cutoffs or [0]):
            raise ConfigError(
                f"expected at least one metric and cutoffs from 1 to {_MOST}; found "
                f"{list(metrics)} and {list(cutoffs)}"
            )
        self.train = train
        self.truth = ground_truth(train, held_out, relevance_threshold, self.cutoffs[-1])
        self._counts: dict[Population, BoolArray] = {
            "relevant": self.truth.n_relevant > 0,
            "held-out": np.ones(len(self.truth.users), np.bool_),
        }
        graded = [metric.name for metric in self.metrics if metric.graded]
        graded += [metric.name for metric in complex_metrics if metric.is_graded]
        if graded and not np.isfinite(self.truth.ideal_dcg).all():
            raise DataError(
                f"the held-out rating {held_out.ratings.max():g} is too large for {graded[0]}, "
                "whose gain is 2 ** rating; use nDCGRendle2020, or binarize the ratings"
            )
        if complex_metrics and ids is None:
            raise ConfigError("complex metrics need the ids of users and items")
        self._complex = [
            (metric, metric.prepare(self.truth, ids)) for metric in complex_metrics if ids
        ]

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
            ModelError: the ranking has the wrong shape, a metric needs complete lists and these are
                not, or a metric returns the wrong shape.
        """
        judged = judge(self.truth, ranking)
        lists = {cutoff: judged.at(cutoff) for cutoff in self.cutoffs}
        complete = [metric for metric in self.metrics if metric.complete]
        whole = self._complete(complete[0], ranking) if complete else judged
        found: dict[str, FloatArray | float] = {}
        for metric in self.metrics:
            if metric.complete:
                value = self._value(metric, whole)
                found |= {figure_name(metric, cutoff): value for cutoff in self.cutoffs}
            else:
                found |= {
                    figure_name(metric, cutoff): self._value(metric, at_cutoff)
                    for cutoff, at_cutoff in lists.items()
                }
        for complex_metric, compute in self._complex:
            at = {cutoff: compute(at_cutoff) for cutoff, at_cutoff in lists.items()}
            found |= {
                f"{output}@{cutoff}": self._output(complex_metric, values, output)
                for output in complex_metric.outputs()
                for cutoff, values in at.items()
            }
        per_user = {name: x for name, x in found.items() if isinstance(x, np.ndarray)}
        figures = {name: x if isinstance(x, float) else _mean(x) for name, x in found.items()}
        return Evaluation(figures, per_user)

    def _complete(self, metric: Metric, ranking: Ranking) -> JudgedLists:
        """Return the whole lists, which have to contain every candidate."""
        truth = self.truth
        whole = judge(truth, ranking, whole=True)
        candidates = truth.popularity.catalogue_size - self.train.user_degrees[truth.users]
        listed = whole.count(truth.popularity.counts > 0)
        short = np.flatnonzero(listed < candidates)
        if len(short):
            raise ModelError(
                f"{metric.name} needs lists of all candidates, but the list of user number "
                f"{truth.users[short[0]]} has {listed[short[0]]} of {candidates[short[0]]}; use "
                "LAUC, or rank all items"
            )
        return whole

    def _value(self, metric: Metric, lists: JudgedLists) -> FloatArray | float:
        """Return one number, or the values of all users, [U], NaN for users outside of the mean."""
        found = np.asarray(metric.function(lists))
        if metric.over is None:
            if found.shape:
                raise ModelError(
                    f"the metric {metric.name} returned the shape {found.shape}; expected one "
                    "number (over=None)"
                )
            return float(found)
        return self._of_users(metric.name, found, self._counts[metric.over])

    def _output(
        self, metric: ComplexMetric, values: Mapping[str, FloatArray | float], output: str
    ) -> FloatArray | float:
        """Return the value of an output, or its values of all users, [U]."""
        if output not in values:
            raise ModelError(f"the metric {metric.name} did not return its output {output!r}")
        found = np.asarray(values[output], np.float64)
        if not found.shape:
            return float(found)
        return self._of_users(metric.name, found, self._counts["held-out"])

    def _of_users(self, name: str, found: FloatArray, counts: BoolArray) -> FloatArray:
        if found.shape != counts.shape:
            raise ModelError(
                f"the metric {name} returned the shape {found.shape}; expected a value for "
                f"each of the {len(counts)} users with a held-out row"
            )
        values = np.full(self.truth.n_users, np.nan)
        values[self.truth.users[counts]] = found[counts]
        return values


def _mean(values: FloatArray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
