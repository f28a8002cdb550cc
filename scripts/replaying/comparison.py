"""Comparing a computed quantity with the recorded one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

ABSOLUTE, RELATIVE = 1e-5, 1e-4


@dataclass(frozen=True)
class Comparison:
    """A recorded quantity and the error of ours."""

    quantity: str
    absolute: float
    """Largest absolute difference."""
    relative: float
    """The same over the largest recorded magnitude."""
    of_bound: float
    """The largest error as a share of its bound."""

    @property
    def within(self) -> bool:
        """Whether every entry is within its bound."""
        return self.of_bound <= 1


def compare(
    quantity: str,
    ours: Tensor,
    theirs: NDArray[np.generic],
    *,
    absolute: float = ABSOLUTE,
    relative: float = RELATIVE,
    of_largest: bool = False,
) -> Comparison:
    """Compare a quantity with its bound.

    Args:
        quantity: its name.
        ours: what mmrec computed.
        theirs: what was recorded.
        absolute: part of the bound of every entry.
        relative: part of the bound in proportion to the entry.
        of_largest: the bound is ``relative`` times the largest entry instead, if that is not 0.
    """
    value, expected = ours.detach().double().numpy(), np.asarray(theirs, np.float64)
    if value.shape != expected.shape:
        raise SystemExit(f"{quantity}: found the shape {value.shape}, recorded {expected.shape}")
    error = np.abs(value - expected)
    largest = float(np.abs(expected).max(initial=0.0))
    bound = absolute + relative * np.abs(expected)
    if of_largest and largest:
        bound = np.full_like(expected, relative * largest)
    shares = np.nan_to_num(error / bound, nan=np.inf)
    worst = float(error.max(initial=0.0))
    share = float(shares.max(initial=0.0))
    return Comparison(quantity, worst, worst / largest if largest else worst, share)
