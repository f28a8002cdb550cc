"""Random numbers of a training step, drawn under torch's default generator.

On the CPU torch draws them one by one, which can take longer than the products of a step. Here its
generator seeds another one, and a number takes 16 of its bits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import dropout


def uniform(like: Tensor) -> Tensor:
    """Return numbers drawn uniformly between 0 and 1, in the shape of a tensor.

    On the CPU they are odd multiples of ``2^-17``: seven times as fast as :func:`torch.rand`, whose
    numbers have 24 bits. Elsewhere it is :func:`torch.rand`.
    """
    if like.device.type != "cpu":
        return torch.rand_like(like)
    return _words(like).to(like.dtype).add_(2**15 + 0.5).mul_(2**-16)


def dropout_factors(like: Tensor, rate: float) -> Tensor:
    """Return the factors of a dropout, in the shape of a tensor: 0, or ``1 / (1 - rate)``.

    On the CPU a factor is 0 with a probability of ``rate``, rounded to a multiple of ``2^-16``: ten
    times as fast as :func:`torch.nn.functional.dropout`, which draws them elsewhere.

    Args:
        like: floating point.
        rate: from 0 to below 1.
    """
    if like.device.type != "cpu":
        return dropout(torch.ones_like(like), rate)
    least_kept = min(round(rate * 2**16) - 2**15, 2**15 - 1)
    kept = torch.empty_like(like)
    torch.ge(_words(like), least_kept, out=kept)
    return kept.mul_(1 / (1 - rate))


def _words(like: Tensor) -> Tensor:
    """Return whole numbers drawn uniformly from ``-2^15`` up to below ``2^15``, int16."""
    seed = int(torch.randint(2**63 - 1, ()))
    words = np.random.SFC64(seed).random_raw(-(-like.numel() // 4))
    return torch.from_numpy(words.view(np.int16)[: like.numel()]).view(like.shape)
