"""The metrics by name: what computes them, who counts, and which direction is better."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mmrec.data import FloatArray
from mmrec.errors import ConfigError, listing, nearest
from mmrec.evaluation import accuracy, beyond_accuracy
from mmrec.evaluation.context import Context

Population = Literal["relevant", "held-out"]
"""Over which users a mean is taken: those with at least one relevant held-out item, or those with
at least one held-out row, relevant or not."""


@dataclass(frozen=True)
class Metric:
    """A metric and its declared facts."""

    name: str
    function: Callable[[Context], FloatArray | float]
    """From judged lists, cut at k, to one value for each user, or to one for all lists together."""
    over: Population | None = "relevant"
    """The users who count; None for a metric of all lists together."""
    higher_is_better: bool = True

    @property
    def per_user(self) -> bool:
        """Whether each user has a value, so that the figure is their mean."""
        return self.over is not None

    @property
    def formula(self) -> str:
        """The definition, as text."""
        return inspect.getdoc(self.function) or ""


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("Recall", accuracy.recall),
        Metric("nDCG", accuracy.ndcg),
        Metric("nDCGRendle2020", accuracy.binary_ndcg),
        Metric("Precision", accuracy.precision),
        Metric("HR", accuracy.hit_rate),
        Metric("MRR", accuracy.reciprocal_rank),
        Metric("MAP", accuracy.mean_precision),
        Metric("MAPTrec", accuracy.average_precision),
        Metric("F1", accuracy.f1),
        Metric("EFD", beyond_accuracy.expected_free_discovery),
        Metric("EPC", beyond_accuracy.expected_popularity_complement),
        Metric("Gini", beyond_accuracy.gini, over=None),
        Metric("SEntropy", beyond_accuracy.shannon_entropy, over=None),
        Metric("ItemCoverage", beyond_accuracy.item_coverage, over=None),
        Metric("UserCoverage", beyond_accuracy.user_coverage, over=None),
        Metric("NumRetrieved", beyond_accuracy.num_retrieved),
        Metric("APLT", beyond_accuracy.tail_share, over="held-out"),
        Metric("ACLT", beyond_accuracy.tail_count, over="held-out"),
        Metric("ARP", beyond_accuracy.average_popularity, over="held-out", higher_is_better=False),
        Metric("PopRSP", beyond_accuracy.statistical_parity, over=None, higher_is_better=False),
        Metric("PopREO", beyond_accuracy.equal_opportunity, over=None, higher_is_better=False),
    )
}
"""Every metric by its canonical name."""

_BY_FOLDED_NAME = {name.casefold(): metric for name, metric in METRICS.items()}


def find_metric(name: str) -> Metric:
    """Return the metric of a name in any spelling of upper and lower case.

    Raises:
        ConfigError: there is no such metric; the message lists the names.
    """
    metric = _BY_FOLDED_NAME.get(name.strip().casefold())
    if metric is None:
        accepted = listing(METRICS, limit=len(METRICS))
        raise ConfigError(f"unknown metric {name!r}{nearest(name, METRICS)}; accepted: {accepted}")
    return metric


def figure_name(metric: Metric, cutoff: int) -> str:
    """Return the name of a metric at a cutoff, for example ``Recall@20``."""
    return f"{metric.name}@{cutoff}"


def parse_figure_name(text: str) -> tuple[Metric, int]:
    """Return metric and cutoff of a name such as ``recall@20``.

    Raises:
        ConfigError: the text does not have this form, or the metric is unknown.
    """
    name, at, cutoff = text.partition("@")
    if not at or not cutoff.strip().isdecimal() or int(cutoff) < 1:
        raise ConfigError(
            f"{text!r} is not a metric and a cutoff; expected, for example, Recall@20"
        )
    return find_metric(name), int(cutoff)
