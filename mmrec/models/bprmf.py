"""BPRMF: matrix factorisation trained by pairs of items."""

from __future__ import annotations

from torch import Tensor

from mmrec.config import Count, NonNegativeReal, PositiveReal
from mmrec.data import Dataset
from mmrec.models import Batch, Model, ModelConfig, register
from mmrec.models.losses import bpr_loss
from mmrec.models.other_tools import elliots_own_keys
from mmrec.models.parts import embeddings


class BPRMFConfig(ModelConfig):
    """Hyper-parameters of :class:`BPRMF`."""

    unsupported = elliots_own_keys("BPRMF")

    lr: PositiveReal = 0.001
    """Learning rate of Adam."""
    factors: Count = 10
    """Width of the user and item embeddings."""
    l_w: NonNegativeReal = 0.1
    """Weight of the L2 penalty on the embeddings of a batch."""


@register("BPRMF")
class BPRMF(Model):
    """BPR: Bayesian Personalized Ranking from Implicit Feedback (Rendle et al., UAI 2009).

    ``s(u, i) = <p_u, q_i>``, without biases. The loss of a batch of B triplets is

        mean of -log sigmoid(s(u, p) - s(u, n))
        + l_w / (2 B) * (sum of |p_u|^2 + |q_p|^2 + |q_n|^2)

    where a user or an item that occurs twice counts twice.

    Public code: Formal-MultiMod-Rec is followed. It differs from the paper: Adam trains on batches
    instead of stochastic gradient descent on single triplets, users are drawn uniformly instead of
    in proportion to their interactions, and all three penalties have one weight. There, a
    ``batch_size`` below 1 means all interactions; here -1 means the number of users, as for every
    model. There, a last batch of one triplet is an error; here it works.

    Cost: in a step, 3 B D multiplications, and an update of the (U + I) D parameters.

    Shapes: U users, I items, D ``factors``.

    Kind: factorisation.
    """

    Config = BPRMFConfig
    config: BPRMFConfig

    def __init__(self, config: BPRMFConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        return self.users.weight, self.items.weight

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty on its embeddings."""
        rows = self.users(batch.users), *batch.split(self.items(batch.items))
        return bpr_loss(*rows, l_w=self.config.l_w)
