"""BM3: self-supervised learning of two views of an embedding, without negative items."""

from __future__ import annotations

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import dropout

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, Pairs
from mmrec.graph import bipartite, mean_of_layers
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import Dropout, check_same_width
from mmrec.models.losses import alignment_loss, norm_penalty
from mmrec.models.parts import ItemFeatures, embeddings, interactions


class BM3Config(MultimodalConfig):
    """Hyper-parameters of :class:`BM3`."""

    lr: PositiveReal = 0.001
    """Learning rate of Adam."""
    factors: Count = 64
    """Width of the embeddings."""
    multimod_factors: Count | None = None
    """Width of the projected features; it must equal ``factors``, the predictor is the same."""
    n_layers: Natural = 1
    """Graph convolutions over users and items."""
    dropout: Dropout = 0.3
    """Share of the entries of a target that are set to 0."""
    reg_weight: NonNegativeReal = 0.1
    """Weight of the penalty on the embeddings of all users and items."""
    cl_weight: NonNegativeReal = 2.0
    """Weight of the alignment of each modality."""

    @model_validator(mode="after")
    def _check_widths(self) -> BM3Config:
        check_same_width("multimod_factors", self.multimod_factors, self.factors)
        return self


@register("BM3")
class BM3(Model):
    """Bootstrap Latent Representations for Multi-modal Recommendation (Zhou et al., WWW 2023).

    The predictor ``q`` of a user has to agree with the item of an interaction, that of the item
    with the user, and that of each modality's projection with the item and with itself. Targets
    are perturbed by dropout and have no gradient. Users and items are ranked by ``q``.

    The penalty is on the norms of all propagated embeddings, divided by the number of items. The
    raw features are trained.

    Shapes: U users, I items, B samples of a batch, D ``factors``.
    """

    Config = BM3Config
    sampler = Pairs
    config: BM3Config

    def __init__(self, config: BM3Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, config.factors, trainable=True)
        self.predictor = nn.Linear(config.factors, config.factors)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
        self.graph = bipartite(interactions(dataset)).symmetric()

    def propagated(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]; an item adds its own embedding to the mean."""
        x = torch.cat([self.users.weight, self.items.weight])
        users, items = mean_of_layers(self.graph, x, self.config.n_layers).split(self.sizes)
        return users, items + self.items.weight

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return the predictions of users [U, D] and items [I, D]."""
        users, items = self.propagated()
        return self.predictor(users), self.predictor(items)

    def mask(self, n: int) -> Tensor:
        """Draw the factors of a dropout of n rows, [n, D]: 0 or ``1 / (1 - dropout)``."""
        return dropout(self.users.weight.new_ones(n, self.config.factors), self.config.dropout)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of equations 9 to 12; no item is negative.

        A mask is drawn for all users or items, so that an item has one however often it occurs.
        """
        users, items = self.propagated()
        user, item = users[batch.users], items[batch.positives]
        user_target = user * self.mask(self.n_users)[batch.users]
        item_target = item * self.mask(self.n_items)[batch.positives]
        losses = {
            "reconstruction": alignment_loss(self.predictor(user), item_target)
            + alignment_loss(self.predictor(item), user_target),
            "penalty": self.config.reg_weight * norm_penalty(users, items),
        }
        for modality, x in self.features.projected(batch.positives).items():
            target = x * self.mask(self.n_items)[batch.positives]
            prediction = self.predictor(x)
            losses[modality] = self.config.cl_weight * (
                alignment_loss(prediction, item_target) + alignment_loss(prediction, target)
            )
        return losses
