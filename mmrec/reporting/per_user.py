"""How a metric is spread over the users: what the figures draw and the tables tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrec.data import FloatArray
from mmrec.runs.study import Study

STEPS = 100
"""Into so many steps the axis of values is divided."""


def shared_label(studies: Sequence[Study], preferred: str) -> str | None:
    """Return a metric that the users of every best trial have values of; the preferred, if it is.

    None if no trial has values of users.
    """
    per_user = [study.best_per_user for study in studies if study.best_per_user]
    if not per_user:
        return None
    shared = [label for label in per_user[0] if all(label in values for values in per_user)]
    return preferred if preferred in shared else next(iter(shared), None)


def users_of(studies: Sequence[Study], label: str) -> dict[str, FloatArray]:
    """Return by model the values of the users of the best trial, [U]."""
    return {
        study.name: study.best_per_user[label] for study in studies if label in study.best_per_user
    }


def value_grid(values: Sequence[FloatArray]) -> FloatArray:
    """Return evenly spaced values from the least (0 at most) to the greatest of all users."""
    known = np.concatenate([defined(x) for x in values]) if values else np.zeros(1)
    low, high = (min(0.0, known.min()), known.max()) if len(known) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, STEPS + 1)


def share_at_most(values: FloatArray, grid: FloatArray) -> FloatArray:
    """Return for each value of the grid the share of users with at most that; NaN for no user."""
    known = np.sort(defined(values))
    if not len(known):
        return np.full(len(grid), np.nan)
    # A thousandth of a step forgives the rounding of the grid, as of 0.3 and 3 * 0.1.
    tolerance = (grid[1] - grid[0]) / 1000
    return np.asarray(np.searchsorted(known, grid + tolerance, side="right") / len(known))


def defined(values: FloatArray) -> FloatArray:
    """Return the values of the users who count."""
    return values[np.isfinite(values)]
