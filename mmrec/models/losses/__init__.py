"""Losses: ranking, contrastive, and regularisation.

None of them overflows, divides by zero or loses digits where embeddings are large or zero. Where a
gradient is written by hand, it can be taken once.

Shapes: B rows of a batch, K negatives of each, N nodes, D width of the embeddings.
"""

from mmrec.models.losses.contrastive import (
    alignment_loss,
    info_nce,
    info_nce_in_batch,
    info_nce_to_all,
    uniformity_loss,
)
from mmrec.models.losses.ranking import bounded_bpr_loss, bpr_from_scores, bpr_loss
from mmrec.models.losses.regularisation import kl_to_normal, l2_penalty, norm_penalty
from mmrec.models.losses.total import total_loss

__all__ = [
    "alignment_loss",
    "bounded_bpr_loss",
    "bpr_from_scores",
    "bpr_loss",
    "info_nce",
    "info_nce_in_batch",
    "info_nce_to_all",
    "kl_to_normal",
    "l2_penalty",
    "norm_penalty",
    "total_loss",
    "uniformity_loss",
]
