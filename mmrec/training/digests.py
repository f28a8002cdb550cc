"""Digests of what a trial computes: equal digests mean equal bits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mmrec.evaluation import Ranking
from mmrec.files import sha256


def digest_of_state(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a model's state: names, types, shapes and bits, on any device."""
    parts: list[bytes | memoryview] = []
    for name, tensor in sorted(state.items()):
        parts.append(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        parts.append(flat.view(torch.uint8).numpy().data)  # numpy lacks some types of torch
    return sha256(*parts)


def digest_of_ranking(ranking: Ranking) -> str:
    """Return the SHA-256 of all lists: item numbers and the bits of the scores, user by user."""
    parts: list[bytes | memoryview] = [str(ranking.items.shape).encode()]
    parts += [np.ascontiguousarray(array).data for array in (ranking.items, ranking.scores)]
    return sha256(*parts)
