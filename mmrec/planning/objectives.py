"""Which figure selects trials, and which one early stopping observes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrec.config import EarlyStopping, KeyPath, ModelMeta, Problems, parse_metric_label
from mmrec.errors import ConfigError, listing, nearest
from mmrec.evaluation import COMPLEX_METRICS, figure_name, find_metric
from mmrec.planning.entry import Entry
from mmrec.training.objective import LOSS


@dataclass(frozen=True)
class ComputedFigures:
    """The figures that an experiment computes; both are empty if its evaluation is invalid."""

    metrics: Sequence[str]
    """Canonical names, in the order of the file."""
    cutoffs: Sequence[int]
    validation_metric: str | None = None
    """What the experiment selects by, for models that name nothing."""

    def select_by(self, entry: Entry, meta: ModelMeta) -> str | None:
        """Return ``loss`` or the label of the figure that selects trials; None if invalid."""
        if meta.optimize_internal_loss:
            return LOSS
        if meta.validation_metric is None:
            common = ("experiment", "validation_metric")
            return self._label(entry.problems, self.validation_metric, common)
        path = (*entry.path, "meta", "validation_metric")
        return self._label(entry.problems, meta.validation_metric, path)

    def monitor(
        self, entry: Entry, stopping: EarlyStopping | None, select_by: str | None
    ) -> str | None:
        """Return ``loss`` or the label of the figure that early stopping observes."""
        if stopping is None or stopping.monitor is None:
            return select_by
        if stopping.monitor == LOSS:
            return LOSS
        path = (*entry.path, "early_stopping", "monitor")
        return self._label(entry.problems, stopping.monitor, path)

    def _label(self, problems: Problems, written: str | None, path: KeyPath) -> str | None:
        """Return the canonical label of a figure; None, and a problem, if it is not computed."""
        if not self.cutoffs or not self.metrics:
            return None
        try:
            name, cutoff = metric_and_cutoff(written, self.metrics, self.cutoffs)
        except ConfigError as error:
            problems.add(path, str(error))
            return None
        if name in self.metrics and cutoff in self.cutoffs:
            return figure_name(find_metric(name), cutoff)
        computed = [figure_name(find_metric(m), k) for m in self.metrics for k in self.cutoffs]
        problems.add(
            path,
            f"found {written!r}, which is not computed{nearest(str(written), computed)}; "
            f"accepted: {listing(computed, 20)} (see simple_metrics and cutoffs)",
        )
        return None


def metric_and_cutoff(
    written: str | None, metrics: Sequence[str], cutoffs: Sequence[int]
) -> tuple[str, int]:
    """Return the canonical metric and the cutoff of a written label.

    The metric defaults to the first one, and the cutoff to the first one.

    Raises:
        ConfigError: the metric is unknown or complex.
    """
    if written is None:
        return metrics[0], cutoffs[0]
    metric, cutoff = parse_metric_label(written)
    if metric in COMPLEX_METRICS:
        raise ConfigError(f"found {written!r}, a complex metric; accepted: one of simple_metrics")
    return find_metric(metric).name, cutoff or cutoffs[0]
