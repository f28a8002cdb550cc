"""A worked example of a model of your own: matrix factorisation on projected features."""

from __future__ import annotations

from torch import Tensor

from mmrec.config import Count, NonNegativeReal
from mmrec.data import Dataset
from mmrec.models import Batch, Model, MultimodalConfig
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.parts import ItemFeatures, embeddings


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
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, width=config.factors, trainable=True)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        items = self.items.weight
        for projected in self.features.projected().values():
            items = items + projected
        return self.users.weight, items

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the BPR loss of the batch and the weighted penalty."""
        rows = batch.of(*self.embed())
        return {"ranking": bpr_loss(*rows), "penalty": self.config.l_w * l2_penalty(*rows)}
