"""Mean, standard deviation and confidence interval over seeds or folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

import scipy  # scipy.stats is imported at its first use, because that takes long

LEVEL = 0.95


class Spread(NamedTuple):
    """Summary of a sample."""

    n: int
    mean: float
    std: float
    """Sample standard deviation, with divisor n - 1; NaN for fewer than two values."""
    low: float
    """Lower end of the 95 % interval of the mean, by the t distribution."""
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and 95 % interval of the mean.

    They are NaN for too few values, and if a value is not finite.
    """
    n = len(values)
    if not n or not all(map(math.isfinite, values)):
        return Spread(n, math.nan, math.nan, math.nan, math.nan)
    mean = fmean(values)
    if n < 2:
        return Spread(n, mean, math.nan, math.nan, math.nan)
    std = stdev(values)
    reach = float(scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1)) * std / n**0.5
    return Spread(n, mean, std, mean - reach, mean + reach)
