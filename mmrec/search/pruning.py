"""Pruning: ending trials that are worse than earlier ones.

The best validation value of a trial so far is compared with a threshold at each evaluation. The
thresholds of a batch are set before it starts, from the validation figures of the earlier batches,
so they do not depend on how many trials run at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from mmrec.runs.selection import EpochView, ValidationView
from mmrec.training.objective import Objective
from mmrec.training.protocol import EpochRecord, EvaluationProtocol

Thresholds = Mapping[int, float]
"""By epoch, the value that the best epoch up to it must reach for the trial to go on."""

MIN_TRIALS = 4
"""With figures of fewer trials there is no threshold."""
WARM_UP = 0.25
"""``median`` lets every trial have this share of its epochs."""
REDUCTION = 3
"""``halving`` lets one in so many go on, as Hyperband and scikit-learn do."""
_RUNGS = (REDUCTION**2, REDUCTION)
"""It looks at a ninth and at a third of the epochs."""


def set_thresholds(
    pruner: Literal["none", "median", "halving"],
    earlier: Sequence[ValidationView],
    objective: Objective,
    *,
    epochs: int,
    validation_rate: int,
) -> dict[int, float]:
    """Return the thresholds of a trial that is about to start; none at its last epoch.

    A trial counts at an epoch with its best value up to there; one that was pruned before does
    not count, one that ended before by itself does.

    Args:
        pruner: ``median``: the median of the earlier trials, at every evaluation from a quarter
            of the epochs on. ``halving``: the value that a third of them reached, at the first
            evaluations from a ninth and from a third of the epochs on.
        earlier: the trials of the batches before.
        objective: what they are compared by.
        epochs: the trial's.
        validation_rate: epochs between its evaluations.
    """
    if pruner == "none":
        return {}
    due = range(validation_rate, epochs, validation_rate)
    if pruner == "median":
        held = [epoch for epoch in due if epoch >= WARM_UP * epochs]
    else:
        firsts = (next((e for e in due if e * part >= epochs), None) for part in _RUNGS)
        held = sorted({epoch for epoch in firsts if epoch is not None})
    thresholds = {}
    for epoch in held:
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


@dataclass(frozen=True, eq=False)
class PruningProtocol(EvaluationProtocol):
    """A protocol that ends a trial below one of its thresholds."""

    thresholds: Thresholds = field(default_factory=dict)

    def should_stop(self, records: Sequence[EpochRecord]) -> bool:
        """Say whether training stops: below a threshold, or as :class:`EvaluationProtocol` says."""
        return self.pruned_at(records) is not None or super().should_stop(records)

    def pruned_at(self, records: Sequence[EpochRecord]) -> int | None:
        """Return the epoch at which these evaluations fall below a threshold, or None."""
        objective, best = self.objective, self.objective.worst
        for epoch in map(EpochView.of, records):
            best = objective.best([best, epoch.value(objective)])
            threshold = self.thresholds.get(epoch.epoch)
            if threshold is not None and objective.is_better(threshold, best):
                return epoch.epoch
        return None
