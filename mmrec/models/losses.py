"""Losses of pairwise ranking."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus


def bpr_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean of ``-log sigmoid(positive - negative)``, a scalar.

    Bayesian Personalized Ranking (Rendle et al., UAI 2009), written as a softplus so that it
    neither overflows nor loses digits.

    Args:
        positive: [B], scores of items the users have.
        negative: [B], scores of items they lack.
    """
    return softplus(negative - positive).mean()


def l2_penalty(*embeddings: Tensor) -> Tensor:
    """Return ``1/2 * sum of squares / B`` over tensors [B, D], a scalar."""
    squares = torch.stack([x.square().sum() for x in embeddings])
    return squares.sum() / (2 * len(embeddings[0]))
