"""Random values for a search, with the names and definitions of hyperopt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mmrec.config.yaml_scalars import parse_scalar

NAMES = (
    "choice",
    "randint",
    "uniform",
    "quniform",
    "loguniform",
    "qloguniform",
    "normal",
    "qnormal",
    "lognormal",
    "qlognormal",
    "log_uniform",
)
# Draws within these bounds fit numpy's integers and floats.
_LARGEST = 2**62
_LARGEST_LOGARITHM = 700
_SMALLEST_SHARE = 2**-53
"""Closest distance to 0 or 1 with a normal quantile, at about 8.2 standard deviations."""


@dataclass(frozen=True)
class Distribution:
    """A distribution; :func:`distribution` makes one and checks the arguments.

    ``loguniform`` and ``lognormal`` are exp() of ``uniform`` and ``normal``: their arguments are
    logarithms. ``log_uniform`` is ``loguniform`` with the bounds themselves, as in Optuna. The
    ``q`` forms round to multiples of their last argument, possibly slightly outside the bounds.
    ``randint`` excludes its upper bound.
    """

    name: str
    arguments: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> int | float:
        """Return one number."""
        if self.name == "randint":
            low, high = (0, *self.arguments)[-2:]
            return int(rng.integers(int(low), int(high)))
        first, second = self._plain_arguments
        if self.is_normal:
            return self._shaped(float(rng.normal(first, second)))
        return self._shaped(float(rng.uniform(first, second)))

    def at(self, share: float) -> int | float:
        """Return a quantile.

        For a uniform ``share``, this is a draw of the distribution: it maps an algorithm that
        searches an interval to any distribution. A share of 0 or 1 gives a bound; the normal
        family is cut at 8.2 standard deviations.

        Args:
            share: from 0 to 1.
        """
        if self.name == "randint":
            low, high = (int(bound) for bound in (0, *self.arguments)[-2:])
            return min(low + int(share * (high - low)), high - 1)
        first, second = self._plain_arguments
        if self.is_normal:
            inner = min(max(share, _SMALLEST_SHARE), 1 - _SMALLEST_SHARE)
            return self._shaped(NormalDist(first, second).inv_cdf(inner))
        return self._shaped(min(first + share * (second - first), float(second)))

    @property
    def is_normal(self) -> bool:
        """Whether it belongs to the normal family, which is unbounded."""
        return self.name.endswith("normal")

    @property
    def looks_real(self) -> bool:
        """Whether the logarithms of the bounds look like the bounds themselves.

        A lower bound above 0 is rarely meant as a logarithm if the upper one is a share, or ten
        times as large.
        """
        if self.name not in ("loguniform", "qloguniform"):
            return False
        first, second = self.arguments[:2]
        return first > 0 and (second <= 1 or second >= 10 * first)

    @property
    def _plain_arguments(self) -> tuple[float, float]:
        """The arguments of the plain distribution."""
        first, second = self.arguments[:2]
        return (
            (math.log(first), math.log(second)) if self.name == "log_uniform" else (first, second)
        )

    def _shaped(self, value: float) -> float:
        """Transform a draw of the plain distribution to its ``log`` and ``q`` forms."""
        if "log" in self.name:
            value = math.exp(value)
        if self.name == "log_uniform":  # the logarithms of the bounds are rounded
            value = min(max(value, float(self.arguments[0])), float(self.arguments[1]))
        if self.name.startswith("q"):
            step = self.arguments[2]
            value = float(round(value / step) * step)
        return value

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


def distribution(name: str, arguments: Sequence[object]) -> Distribution:
    """Return the distribution ``name``, any of `NAMES` except ``choice``.

    Raises:
        ValueError: the number or the values of the arguments are invalid.
    """
    typed = [
        parse_scalar(value.strip()) if isinstance(value, str) else value for value in arguments
    ]
    numbers = tuple(
        value for value in typed if isinstance(value, int | float) and not isinstance(value, bool)
    )
    if (
        len(numbers) < len(typed)
        or not all(abs(n) < _LARGEST for n in numbers)
        or not _fit(name, numbers)
    ):
        written = ", ".join(str(value) for value in arguments)
        raise ValueError(f"found {name}({written}); accepted: {_form(name)}")
    return Distribution(name, numbers)


def _fit(name: str, numbers: Sequence[float]) -> bool:
    if name == "randint":
        bounds = (0, *numbers)[-2:]
        return 1 <= len(numbers) <= 2 and bounds[0] < bounds[1] and all(n == int(n) for n in bounds)
    if name == "log_uniform":
        return len(numbers) == 2 and 0 < numbers[0] < numbers[1]
    steps = 1 if name.startswith("q") else 0
    if len(numbers) != 2 + steps or any(step <= 0 for step in numbers[2:]):
        return False
    first, second = numbers[:2]
    if name.endswith("normal"):
        # Draws beyond 10 standard deviations do not occur.
        fits, largest = second > 0, first + 10 * second
    else:
        fits, largest = first < second, second
    return fits and ("log" not in name or largest <= _LARGEST_LOGARITHM)


def _form(name: str) -> str:
    if name == "randint":
        return "randint(upper) or randint(low, high), whole numbers with 0 < upper, low < high"
    if name == "log_uniform":
        return "log_uniform(low, high), numbers with 0 < low < high"
    normal = name.endswith("normal")
    q = name.startswith("q")
    parameters = ("mu, sigma" if normal else "low, high") + (", q" if q else "")
    condition = ("sigma > 0" if normal else "low < high") + (" and q > 0" if q else "")
    logarithms = "; the arguments are natural logarithms, below 700" if "log" in name else ""
    return f"{name}({parameters}), numbers with {condition}{logarithms}"
