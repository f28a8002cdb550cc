"""LightGCNM: LightGCN whose items start from projections of their multimodal features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.config import Count, Flag, Natural, NonNegativeReal
from mmrec.data import Dataset
from mmrec.graph import bipartite, mean_of_layers
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import BatchSize
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.parts import ItemFeatures, Projections, embedding, interactions


class LightGCNMConfig(MultimodalConfig):
    """Hyper-parameters of :class:`LightGCNM`."""

    batch_size: BatchSize = -1
    """Samples in an optimisation step; -1 for as many as there are users."""
    factors: Count = 64
    """Width of the user and item embeddings."""
    n_layers: Natural = 1
    """Graph convolutions; 0 is matrix factorisation on projected features."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty on the embeddings of a batch."""
    normalize: Flag = True
    """Propagate over ``D^-1/2 A D^-1/2`` instead of A."""
    aggregation: Literal["mean", "sum", "concat"] = "mean"
    """How the modalities join: of their projections, or one projection of all features."""


@register("LightGCNM")
class LightGCNM(Model):
    """LightGCN (He et al., SIGIR 2020) over users and multimodal items.

    A user enters as a free embedding. An item enters as the mean of the projections of its M
    modalities, each divided by its norm:

        e_i = 1/M sum_m (W_m f_im + b_m) / |W_m f_im + b_m|

    ``aggregation: sum`` adds them up; ``concat`` projects the concatenated features once. The raw
    features f are trained, too. With A the adjacency of users and items, without self-loops, and
    ``x_0`` the table [users; e],

        x_(l+1) = D^-1/2 A D^-1/2 x_l
        x = (x_0 + ... + x_L) / (L + 1)
        s(u, i) = <x_u, x_i>

    with L = ``n_layers``, and A itself if ``normalize`` is false. The loss of B triplets (u, p, n)
    is

        mean of -log sigmoid(s(u, p) - s(u, n))
        + l_w / (2 B) * (sum of |x_0u|^2 + |x_p|^2 + |x_n|^2)

    so the penalty is on users before and on items after the propagation. Users are drawn uniformly
    with repetition, as many as there are interactions.

    Public code: Multimodal-RSs-Reproducibility ranks by the sigmoid of the score, which is 1.0 for
    many items in float32. Here the score itself ranks.

    Cost: in a step, the projections of all items, ``6 I F D`` multiplications and additions, L
    products with a graph of twice as many edges as interactions, and an update of the I F features.

    Shapes: U users, I items, D ``factors``, F features of all modalities.

    Kind: multimodal. Graphs: users and items.
    """

    Config = LightGCNMConfig
    config: LightGCNMConfig

    def __init__(self, config: LightGCNMConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.user_embedding = embedding(self.n_users, config.factors)
        self.features = ItemFeatures(config, dataset, trainable=True)
        widths = self.features.widths
        if config.aggregation == "concat":
            widths = {"concat": sum(widths.values())}
        self.projections = Projections(widths, config.factors)
        graph = bipartite(interactions(dataset))
        self.graph = graph.symmetric() if config.normalize else graph

    def embed_items(self) -> Tensor:
        """Return the items before propagation, [I, D]."""
        features = self.features.raw
        if self.config.aggregation == "concat":
            features = {"concat": torch.cat(list(features.values()), dim=1)}
        projected = torch.stack([normalize(x) for x in self.projections(features).values()])
        return projected.sum(0) if self.config.aggregation == "sum" else projected.mean(0)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D], the mean of layers 0 to ``n_layers``."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        x = torch.cat([self.user_embedding.weight, self.embed_items()])
        mean = mean_of_layers(self.graph, x, self.config.n_layers, self.nodes(users, items))
        return self.split_nodes(mean, len(users))

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty."""
        user, items = self.propagated(batch.users, batch.items)
        positive, negative = batch.split(items)
        penalty = l2_penalty(self.user_embedding(batch.users), positive, negative)
        return bpr_loss(user, positive, negative) + self.config.l_w * penalty
