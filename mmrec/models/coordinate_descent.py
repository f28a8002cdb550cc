"""Coordinate descent on many small problems with an L1 penalty.

Each problem has a matrix G and a target t, and minimises over w

    1/2 w^T G w - t^T w + l1 |w|_1

Cyclic descent runs until the signs of the coefficients settle. A linear system then gives the
minimiser for these signs. It is the optimum if it has these signs and meets the optimality
conditions.

Shapes: B problems, A coefficients.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mmrec.graph.row_blocks import DenseArray
from mmrec.interruption import check_interrupted

logger = logging.getLogger(__name__)

_CHANGE, _SWEEPS = 1e-8, 1000
"""Descent ends with a sweep that changes no coefficient by this, or after this many."""


@dataclass(frozen=True)
class CoordinateDescent:
    """The penalty of the problems."""

    l1: float
    is_positive: bool
    """Whether coefficients are at least 0."""

    def minimise(
        self, systems: DenseArray, targets: DenseArray, start: DenseArray, noise: DenseArray
    ) -> DenseArray:
        """Return the minimiser of each problem, [B, A].

        Args:
            systems: G, [B, A, A], symmetric and positive definite.
            targets: t, [B, A].
            start: where the descent starts, [B, A].
            noise: violations of the optimality conditions that do not count, [B].
        """
        result = start.copy()
        pending = np.arange(len(start))
        weights, before = start.copy(), np.zeros(start.shape)
        for _ in range(_SWEEPS):
            check_interrupted()
            is_done = self._sweep(systems, targets, weights) < _CHANGE
            settled = np.flatnonzero((np.sign(weights) == before).all(axis=1) & ~is_done)
            before = np.sign(weights)
            if len(settled):
                weights[settled], is_done[settled] = self._jump(
                    systems[settled], targets[settled], weights[settled], noise[settled]
                )
            if is_done.any():
                result[pending[is_done]] = weights[is_done]
                is_open = ~is_done
                pending, before, noise = pending[is_open], before[is_open], noise[is_open]
                systems, targets, weights = systems[is_open], targets[is_open], weights[is_open]
            if not len(pending):
                return result
        logger.warning("%d columns have not converged after %d sweeps", len(pending), _SWEEPS)
        result[pending] = weights
        return result

    def _sweep(self, systems: DenseArray, targets: DenseArray, weights: DenseArray) -> DenseArray:
        """Update every coordinate once, in place; return the largest change by problem, [B]."""
        change = np.zeros(len(weights))
        for i in range(weights.shape[1]):
            row, old = systems[:, i], weights[:, i].copy()
            scale = row[:, i]
            rest = targets[:, i] - np.einsum("ba,ba->b", row, weights) + scale * old
            if self.is_positive:
                new = np.maximum(rest - self.l1, 0) / scale
            else:
                new = np.sign(rest) * np.maximum(np.abs(rest) - self.l1, 0) / scale
            weights[:, i] = new
            np.maximum(change, np.abs(new - old), out=change)
        return change

    def _jump(
        self, systems: DenseArray, targets: DenseArray, weights: DenseArray, noise: DenseArray
    ) -> tuple[DenseArray, npt.NDArray[np.bool_]]:
        """Go to the minimiser for the present signs, or towards it until a coefficient is 0.

        Returns:
            The coefficients [B, A], and whether they are the optimum, [B].
        """
        signs, size = np.sign(weights), weights.shape[1]
        is_in = signs != 0
        inner = systems * (is_in[:, :, None] & is_in[:, None, :])
        inner[:, np.arange(size), np.arange(size)] += ~is_in
        right = np.where(is_in, targets - self.l1 * signs, 0)
        factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(inner))
        found = torch.cholesky_solve(torch.from_numpy(right)[:, :, None], factor)[:, :, 0].numpy()
        residuals = targets - np.einsum("bac,bc->ba", systems, found)
        outside = residuals if self.is_positive else np.abs(residuals)
        # Without an L1 penalty, signs are free unless coefficients are at least 0.
        is_feasible = (np.sign(found) == signs) | (self.l1 == 0 and not self.is_positive)
        is_optimal = ((outside <= self.l1 + noise[:, None]) | is_in).all(axis=1)
        is_optimal &= is_feasible.all(axis=1)
        steps = np.ones(weights.shape)
        np.divide(weights, weights - found, out=steps, where=~is_feasible)
        step = steps.min(axis=1, keepdims=True)
        moved = np.where(step == 1, found, weights + step * (found - weights))
        moved[steps == step] *= is_feasible[steps == step]
        is_solved = failed.numpy() == 0
        return np.where(is_solved[:, None], moved, weights), is_optimal & is_solved
