"""Dense matrices over all pairs of items, of models whose definition needs them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from mmrec.errors import ModelError
from mmrec.graph.row_blocks import DenseArray, SparseArray, blocks, transposed
from mmrec.memory import available_memory
from mmrec.text import gibibytes

logger = logging.getLogger(__name__)


@contextmanager
def all_pairs(model: str, n_items: int, n_matrices: int) -> Iterator[None]:
    """Report the memory of dense matrices over all pairs of items, and refuse what does not fit.

    Args:
        model: its name, for the messages.
        n_items: I.
        n_matrices: the number of [I, I] float64 matrices that exist at the same time inside.

    Raises:
        ModelError: they need more than the free memory, or an allocation inside fails.
    """
    bytes_of_pair = 8 * n_matrices
    needed, free = bytes_of_pair * n_items**2, available_memory(torch.device("cpu"))
    what = f"{model} needs {gibibytes(needed)} of memory for all pairs of its {n_items:,} items"
    logger.info("%s", what)
    if free is not None and needed > free:
        raise ModelError(
            f"{what}; {gibibytes(free)} are free, which is enough for "
            f"{math.isqrt(free // bytes_of_pair):,} items. A prefilter leaves fewer items; "
            "ItemKNN, RP3beta, PureSVD and iALS need no such matrix"
        )
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise ModelError(f"{what}, and an allocation failed") from error
        raise


def gram_matrix(ratings: SparseArray) -> DenseArray:
    """Return ``R^T R``, dense [I, I], for ``ratings`` [U, I]."""
    n_items = ratings.shape[1]
    by_item = transposed(ratings)
    gram = np.empty((n_items, n_items))
    for start, stop in blocks(n_items):
        gram[start:stop] = (by_item[start:stop] @ ratings).toarray()
    return gram
