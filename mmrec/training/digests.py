"""Digests of what a trial computes: equal digests mean equal bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mmrec.evaluation import Ranking
from mmrec.files import sha256

_PIECE = 1 << 22
"""Bytes that one thread hashes at a time."""


def digest_of_state(state: Mapping[str, Tensor]) -> str:
    """Return the digest of a model's state: names, types, shapes and bits, on any device.

    It is the SHA-256 of the SHA-256s of the pieces: for each tensor in the order of the names, its
    name, type and shape, and then every 4 MiB of its values. The threads of a trial share the
    work; their number does not change the digest.
    """
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return sha256("".join(pool.map(sha256, _pieces(state))).encode())


def _pieces(state: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    for name, tensor in sorted(state.items()):
        yield f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode()
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        values = flat.view(torch.uint8).numpy().data  # numpy does not have all types of torch
        yield from (values[start : start + _PIECE] for start in range(0, len(values), _PIECE))


def digest_of_ranking(ranking: Ranking) -> str:
    """Return the SHA-256 of all lists: item numbers and the bits of the scores, user by user."""
    parts: list[bytes | memoryview] = [str(ranking.items.shape).encode()]
    parts += [np.ascontiguousarray(array).data for array in (ranking.items, ranking.scores)]
    return sha256(*parts)
