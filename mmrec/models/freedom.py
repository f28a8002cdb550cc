"""FREEDOM: a frozen item graph, and a user-item graph that loses edges in training."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import SparseMatrix, bipartite, drop_edges, knn_graph, mean_of_layers
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import Dropout, Share, check_same_width
from mmrec.models.losses import bpr_loss
from mmrec.models.parts import ItemFeatures, embeddings, interactions


class FREEDOMConfig(MultimodalConfig):
    """Hyper-parameters of :class:`FREEDOM`."""

    lr: PositiveReal = 0.001
    """Learning rate of Adam."""
    factors: Count = 64
    """Width of the user and item embeddings."""
    factors_multimod: Count | None = None
    """Width of the projected features; it must equal ``factors``, users are scored with both."""
    n_layers: Natural = 1
    """Graph convolutions over the item graph."""
    n_ui_layers: Natural = 2
    """Graph convolutions over users and items."""
    top_k: Count = 10
    """Neighbours of each item in a modality, including itself."""
    mw: tuple[Share, ...] = (0.1, 0.9)
    """Share of each modality in the item graph; without effect for a single modality."""
    drop: Dropout = 0.8
    """Share of the interactions that are left out in an epoch."""
    l_w: NonNegativeReal = 1e-5
    """Weight of the losses of the modalities."""

    @model_validator(mode="after")
    def _check_modalities(self) -> FREEDOMConfig:
        check_same_width("factors_multimod", self.factors_multimod, self.factors)
        if len(self.modalities) > 1 and len(self.mw) != len(self.modalities):
            raise ValueError(
                f"mw: expected a share for each of the modalities {self.modalities}, "
                f"found {self.mw}"
            )
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each modality."""
        return self.mw if len(self.modalities) > 1 else (1.0,)


@register("FREEDOM")
class FREEDOM(Model):
    """A Tale of Two Graphs: Freezing and Denoising (Zhou and Shen, ACM MM 2023).

    Items are ranked by their collaborative embedding plus that of their neighbours in an item
    graph, ``S^n_layers e``, which is built once from the raw features. In each epoch a part of the
    user-item graph is left out, the edges of popular users and items most often; ranking uses all
    of it. The raw features are trained; the item graph does not follow them.

    Shapes: U users, I items, D ``factors``.
    """

    Config = FREEDOMConfig
    sampler = EachInteraction
    config: FREEDOMConfig

    def __init__(self, config: FREEDOMConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, config.factors, trainable=True)
        self.interactions = interactions(dataset)
        self.graph = bipartite(self.interactions).symmetric()
        self.graph_of_epoch = self.graph
        self.item_graph = self.shared(self.build_item_graph, config.top_k, config.shares)

    def build_item_graph(self) -> SparseMatrix:
        """Return ``S = sum_m share_m S_m``, where an item weighs its neighbours alike (eq. 1-5)."""
        graphs = [
            knn_graph(x, self.config.top_k, values="ones").by_row()
            for x in self.features.raw.values()
        ]
        return SparseMatrix.weighted_sum(graphs, self.config.shares)

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        """Draw the edges of this epoch (eq. 6-7)."""
        if self.config.drop:
            self.keep(drop_edges(self.interactions, self.config.drop, rng, by="degree"))

    def keep(self, kept: SparseMatrix) -> None:
        """Train on some of the interactions, normalised by their own degrees."""
        self.graph_of_epoch = bipartite(kept).symmetric()

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D] over the whole graph."""
        return self.propagated(self.graph, *self.everyone())

    def propagated(
        self, graph: SparseMatrix, users: Tensor, items: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items (eq. 8-10)."""
        x = torch.cat([self.users.weight, self.items.weight])
        nodes = torch.cat([users, self.n_users + items])
        mean = mean_of_layers(graph, x, self.config.n_ui_layers, nodes)
        embedded_users, embedded_items = mean.split([len(users), len(items)])
        latent = self.items.weight
        for _ in range(self.config.n_layers):
            latent = self.item_graph @ latent
        return embedded_users, embedded_items + latent[items]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return BPR on the embeddings, and on the projected features of each modality (eq. 11)."""
        user, items = self.propagated(self.graph_of_epoch, batch.users, batch.items)
        losses = {"ranking": bpr_loss(user, *batch.split(items))}
        for modality, projected in self.features.projected(batch.items).items():
            losses[modality] = self.config.l_w * bpr_loss(user, *batch.split(projected))
        return losses
