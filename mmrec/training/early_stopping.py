"""When to stop training before the last epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EarlyStopping:
    """Stops when nothing has been as good as ``patience`` observations ago.

    Of the last ``1 + patience`` observations every later one must be worse than the first; an
    equal one keeps the training going. The other fields widen what counts as worse.
    """

    patience: int
    """Observations to wait; 0 never stops."""
    mode: Literal["min", "max"]
    """Whether lower or higher is better."""
    min_delta: float | None = None
    """An improvement of at most this much counts as worse."""
    rel_delta: float | None = None
    """An improvement of at most this share of the first value counts as worse."""
    baseline: float | None = None
    """A value not better than this counts as worse."""

    def should_stop(self, observations: Sequence[float]) -> bool:
        """Say whether to stop after these observations, oldest first."""
        if not 0 < self.patience < len(observations):
            return False
        sign = 1.0 if self.mode == "max" else -1.0
        first, *later = (sign * value for value in observations[-(1 + self.patience) :])
        return all(self._worse(value, first, sign) for value in later)

    def _worse(self, value: float, first: float, sign: float) -> bool:
        gain = value - first
        return (
            gain < 0
            or (self.min_delta is not None and gain <= self.min_delta)
            or (self.rel_delta is not None and gain <= abs(first) * self.rel_delta)
            or (self.baseline is not None and value <= sign * self.baseline)
        )
