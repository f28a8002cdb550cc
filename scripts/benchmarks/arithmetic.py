"""The bare matrix products of a computation: recorded once, then run again by themselves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = frozenset(
    {
        *("mm", "bmm", "addmm", "addmm_", "baddbmm", "mv", "_linear_pointwise"),
        "sparse_sampled_addmm",
        *("_embedding_bag", "_embedding_bag_forward_only"),
    }
)
"""Products of dense matrices, of sparse with dense ones, and those sampled at edges."""


class Products(TorchDispatchMode):
    """Records every matrix product inside, forward and backward, with its operands.

    ``torch.matmul`` and linear maps arrive here as ``mm`` and ``addmm``; mmrec's sparse products as
    bags of embeddings.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket.__name__ in PRODUCTS:
            self.calls.append((func, args, kwargs))
        return func(*args, **kwargs)

    @torch.no_grad()
    def seconds(self, repeats: int) -> float:
        """Run the recorded products again and return the median time."""
        times = []
        for repeat in range(repeats + 1):  # the first one warms up
            started = time.perf_counter()
            for func, args, kwargs in self.calls:
                func(*args, **kwargs)
            if repeat:
                times.append(time.perf_counter() - started)
        return statistics.median(times)
