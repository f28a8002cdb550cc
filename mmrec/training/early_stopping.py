"""When to stop training before the last epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrec.training.objective import Objective


@dataclass(frozen=True)
class EarlyStopping:
    """Stops when nothing has been as good as ``patience`` observations ago.

    Of the last ``1 + patience`` observations every later one must be worse than the first; an
    equal one keeps the training going. The other fields widen what counts as worse.
    """

    patience: int
    """Observations to wait; 0 never stops."""
    objective: Objective
    """What is observed, and its direction."""
    min_delta: float | None = None
    """An improvement of at most this much counts as worse."""
    rel_delta: float | None = None
    """An improvement of at most this share of the first value counts as worse."""
    baseline: float | None = None
    """A value not better than this counts as worse."""

    def should_stop(self, observations: Sequence[float | None]) -> bool:
        """Return whether to stop after these observations, oldest first.

        None, for a value that is missing or not finite, is worse than any number.
        """
        if not 0 < self.patience < len(observations):
            return False
        first, *later = observations[-(1 + self.patience) :]
        return all(self._is_worse(value, first) for value in later)

    def _is_worse(self, value: float | None, first: float | None) -> bool:
        if value is None or first is None:
            return self.objective.is_better(first, value)
        sign = 1.0 if self.objective.higher_is_better else -1.0
        gain = sign * (value - first)
        return (
            gain < 0
            or (self.min_delta is not None and gain <= self.min_delta)
            or (self.rel_delta is not None and gain <= abs(first) * self.rel_delta)
            or (self.baseline is not None and sign * value <= sign * self.baseline)
        )
