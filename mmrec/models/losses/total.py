"""The loss of a model as one number."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def total_loss(loss: Tensor | Mapping[str, Tensor]) -> Tensor:
    """Return what :meth:`mmrec.models.Model.loss` returns as one scalar.

    Args:
        loss: a scalar, or one or more terms by name, which are added in their order.
    """
    if isinstance(loss, Tensor):
        return loss
    first, *others = loss.values()
    for term in others:
        first = first + term
    return first
