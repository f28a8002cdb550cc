"""FREEDOM: a frozen item graph, and a user-item graph that loses edges in training."""

from __future__ import annotations

import logging

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

logger = logging.getLogger(__name__)


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
    """Share of each modality in the item graph, in the order of ``modalities``; without effect for
    a single modality. The default is the paper's for visual and textual features, in this order:
    set it for other modalities."""
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

    def warn_of_default_shares(self) -> None:
        """Warn if the default of ``mw`` is applied to modalities in another order."""
        is_default = "mw" not in self.model_fields_set and len(self.modalities) > 1
        if is_default and self.modalities[0] != "visual":
            shares = zip(self.modalities, self.shares, strict=True)
            logger.warning(
                "FREEDOM: mw is not set, and its default is for visual and textual features; here "
                "the item graph has %s",
                " and ".join(f"{share:g} of {modality}" for modality, share in shares),
            )


@register("FREEDOM")
class FREEDOM(Model):
    """A Tale of Two Graphs: Freezing and Denoising (Zhou and Shen, ACM MM 2023).

    The item graph is built once, from the raw features. In a modality m each item has its ``top_k``
    = k nearest by cosine, itself included, with equal weights, and ``mw`` gives the share of a
    modality:

        S = sum_m mw_m S_m,  S_m,ij = 1/k if j is among the k nearest of i, else 0

    In each epoch the share ``drop`` of the interactions is left out. Those that stay are drawn
    without replacement, with weights ``1 / sqrt(d_u d_i)``, and normalised by their own degrees.
    With x the embeddings of LightGCN over this graph, and e the item embeddings,

        y_i = x_i + (S^n_layers e)_i
        s(u, i) = <x_u, y_i>

    Ranking uses all interactions. The loss is BPR on s, plus ``l_w`` times a BPR on ``<x_u, W_m
    f_im + b_m>`` for each modality. There is no L2 penalty. The raw features are trained; the item
    graph does not follow them.

    Public code: MMRec is followed; the repository of the authors is the same. It keeps the item
    graph in a file whose name has only k and the first digit of ``mw``, so that it may read an old
    graph after another change. Here the graph belongs to the run. In Formal-MultiMod-Rec, a single
    modality with ``mw: (0.1, 0.9)`` has a graph that is scaled by 0.1. Here, as in MMRec, ``mw``
    has no effect on a single modality. In MMRec ``drop`` is called ``dropout``, ``l_w`` is
    ``reg_weight``, ``top_k`` is ``knn_k``, ``n_layers`` is ``n_mm_layers``, and ``mw`` is
    ``(mm_image_weight, 1 - mm_image_weight)``.

    Cost: once, ``2 I^2 F`` operations for the similarities, in blocks; in a step, products with the
    remaining interactions and with at most ``M k I`` edges between items, projections of the items
    of the batch, and an update of the I F features.

    Shapes: U users, I items, M modalities, D ``factors``, F features of all modalities.

    Kind: multimodal. Graphs: users and items; items.
    """

    Config = FREEDOMConfig
    sampler = EachInteraction
    config: FREEDOMConfig

    def __init__(self, config: FREEDOMConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        config.warn_of_default_shares()
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
        mean = mean_of_layers(graph, x, self.config.n_ui_layers, self.nodes(users, items))
        embedded_users, embedded_items = self.split_nodes(mean, len(users))
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
