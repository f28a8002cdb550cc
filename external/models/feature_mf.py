"""A worked example of a model of one's own: matrix factorisation on projected features."""

from __future__ import annotations

from torch import Tensor, nn

from mmrec.config import Count, NonNegativeReal
from mmrec.data import Dataset
from mmrec.models import Batch, Model, MultimodalConfig, bpr_loss, l2_penalty, trainable_features


class FeatureMFConfig(MultimodalConfig):
    """Hyper-parameters of :class:`FeatureMF`; ``lr``, ``epochs`` and so on are inherited."""

    factors: Count = 64
    """Width of the embeddings."""
    l_w: NonNegativeReal = 1e-5
    """Weight of the L2 penalty."""


class FeatureMF(Model):
    """An item is the sum of a free embedding and of its projected features; no graph at all."""

    Config = FeatureMFConfig
    config: FeatureMFConfig

    def __init__(self, config: FeatureMFConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users = nn.Embedding(self.n_users, config.factors)
        self.items = nn.Embedding(self.n_items, config.factors)
        nn.init.xavier_uniform_(self.users.weight)
        nn.init.xavier_uniform_(self.items.weight)
        self.features = trainable_features(config, dataset)
        self.projections = nn.ModuleDict(
            {m: nn.Linear(x.shape[1], config.factors) for m, x in self.features.items()}
        )

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        items = self.items.weight
        for modality, features in self.features.items():
            items = items + self.projections[modality](features)
        return self.users.weight, items

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty."""
        users, items = self.embed()
        user, positive, negative = (
            users[batch.users],
            items[batch.positives],
            items[batch.negatives],
        )
        ranking = bpr_loss((user * positive).sum(1), (user * negative).sum(1))
        return ranking + self.config.l_w * l2_penalty(user, positive, negative)
