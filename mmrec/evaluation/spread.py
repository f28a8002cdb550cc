"""What several seeds come to: mean, standard deviation and confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

import scipy  # imports scipy.stats, which takes long, at its first use

LEVEL = 0.95


class Spread(NamedTuple):
    """A sample in short."""

    n: int
    mean: float
    std: float
    """Of the sample, with n - 1 in the divisor; NaN for fewer than two values."""
    low: float
    """Lower end of the 95 % interval for the mean, by the t distribution."""
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and 95 % interval; NaN where they are undefined.

    They are for too few values, and if one of the values is not finite.
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
