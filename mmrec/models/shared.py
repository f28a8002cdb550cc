"""Graphs that the trials on one data set share, and moving them to a device."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

from mmrec.graph import SparseMatrix

_KEPT = 2
"""Results kept for each data set: a search over ``top_k`` must not fill the memory with graphs."""

_T = TypeVar("_T")


def keep(kept: dict[Hashable, Any], key: Hashable, build: Callable[[], _T]) -> _T:
    """Return the result of ``build``, or of an earlier call with the same key.

    Args:
        kept: results by key, the latest last; the oldest are removed.
        key: identifies the result.
        build: is called unless the result is among those kept.
    """
    result: _T = kept.pop(key) if key in kept else build()
    kept[key] = result
    for oldest in list(kept)[:-_KEPT]:
        del kept[oldest]
    return result


def detached(value: _T) -> _T:
    """Return matrices, also those in lists, tuples and dicts, without gradient."""
    matrices: _T = _mapped(value, SparseMatrix.detach)
    return matrices


def moved(value: _T, fn: Callable[[Tensor], Tensor]) -> _T:
    """Return matrices where ``fn`` moves tensors, which is what :meth:`torch.nn.Module.to` applies.

    Args:
        value: a matrix, or a list, tuple or dict that may contain some; other values are returned
            as they are.
        fn: returns a tensor on another device or of another type.
    """

    def move(x: SparseMatrix) -> SparseMatrix:
        target = fn(torch.empty(0, dtype=x.values.dtype, device=x.device))
        return x.to(target.device, target.dtype)

    matrices: _T = _mapped(value, move)
    return matrices


def _mapped(value: Any, fn: Callable[[SparseMatrix], SparseMatrix]) -> Any:  # noqa: ANN401
    """Apply a function to matrices; containers without changes stay the same object."""
    if isinstance(value, SparseMatrix):
        return fn(value)
    if type(value) is dict:
        changed = {key: _mapped(x, fn) for key, x in value.items()}
        return value if all(x is value[key] for key, x in changed.items()) else changed
    if type(value) in (list, tuple):
        items = [_mapped(x, fn) for x in value]
        is_same = all(x is y for x, y in zip(items, value, strict=True))
        return value if is_same else type(value)(items)
    return value
