"""Pruning: ending trials that are worse than earlier ones.

The best validation value of a trial so far is compared with a threshold at each evaluation. The
thresholds of a batch are set before it starts, from the validation figures of the earlier batches,
so they do not depend on how many trials run at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from mmrec.runs.selection import EpochView, ValidationView
from mmrec.training.objective import Objective
from mmrec.training.protocol import EpochRecord

Thresholds = Mapping[int, float]
"""By epoch, the value that the best epoch so far must reach; otherwise the trial is pruned."""

MIN_TRIALS = 4
"""A threshold needs the values of at least this many trials."""
WARM_UP = 0.25
"""``median`` prunes no trial before this share of its epochs."""
REDUCTION = 3
"""``halving`` keeps one trial in this many, as Hyperband and scikit-learn do."""
_RUNGS = (REDUCTION**2, REDUCTION)
"""``halving`` compares at a ninth and at a third of the epochs."""


def set_thresholds(
    pruner: Literal["none", "median", "halving"],
    earlier: Sequence[ValidationView],
    objective: Objective,
    *,
    epochs: int,
    validation_rate: int,
) -> dict[int, float]:
    """Return the thresholds of a trial that is about to start; its last epoch has none.

    An earlier trial counts at an epoch with its best value so far. A trial that was pruned before
    the epoch does not count; a trial that ended before it by itself does.

    Args:
        pruner: ``median``: the median of the earlier trials, at every evaluation after a quarter
            of the epochs. ``halving``: the value that a third of them reached, at the first
            evaluation after a ninth and the first after a third of the epochs.
        earlier: the trials of the earlier batches.
        objective: what they are compared by.
        epochs: of the trial.
        validation_rate: epochs between its evaluations.
    """
    if pruner == "none":
        return {}
    due = range(validation_rate, epochs, validation_rate)
    if pruner == "median":
        compared = [epoch for epoch in due if epoch >= WARM_UP * epochs]
    else:
        firsts = (next((e for e in due if e * part >= epochs), None) for part in _RUNGS)
        compared = sorted({epoch for epoch in firsts if epoch is not None})
    thresholds = {}
    for epoch in compared:
        reached = [t.best_until(epoch, objective) for t in earlier if _counts(t, epoch)]
        if len(reached) >= MIN_TRIALS:
            thresholds[epoch] = _threshold(pruner, reached, objective)
    return thresholds


def _counts(trial: ValidationView, epoch: int) -> bool:
    return trial.status == "finished" or (trial.status == "pruned" and trial.last_epoch >= epoch)


def _threshold(pruner: str, values: Sequence[float], objective: Objective) -> float:
    if pruner == "median":
        return median(values)
    kept = math.ceil(len(values) / REDUCTION)
    return sorted(values, reverse=objective.higher_is_better)[kept - 1]


@dataclass(frozen=True)
class Pruning:
    """When to prune a trial."""

    objective: Objective
    thresholds: Thresholds

    def pruned_at(self, records: Sequence[EpochRecord]) -> int | None:
        """Return the first epoch at which a trial is below a threshold, or None."""
        best = self.objective.worst
        for epoch in map(EpochView.of, records):
            best = self.objective.best([best, epoch.value(self.objective)])
            threshold = self.thresholds.get(epoch.epoch)
            if threshold is not None and self.objective.is_better(threshold, best):
                return epoch.epoch
        return None
