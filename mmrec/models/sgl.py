"""SGL: LightGCN with a contrastive loss between two views of the graph that drop random edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset
from mmrec.graph import SparseMatrix, bipartite, drop_uniformly, mean_of_layers
from mmrec.models import Batch, Model, ModelConfig, register
from mmrec.models.configs import Share
from mmrec.models.losses import bpr_loss, info_nce_to_all, l2_penalty
from mmrec.models.parts import embeddings, interactions


class SGLConfig(ModelConfig):
    """Hyper-parameters of :class:`SGL`."""

    factors: Count = 64
    """Width of the embeddings."""
    n_layers: Natural = 1
    """Graph convolutions over users and items."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty."""
    ssl_temp: PositiveReal = 0.2
    """Temperature of the contrastive loss."""
    ssl_reg: NonNegativeReal = 0.1
    """Weight of the contrastive loss."""
    ssl_ratio: Share = 0.1
    """Share of the nodes or edges that a view leaves out."""
    sampling: Literal["nd", "ed", "rw"] = "nd"
    """What a view leaves out: nodes (``nd``), edges (``ed``), or other edges in each layer
    (``rw``)."""


@register("SGL")
class SGL(Model):
    """Self-supervised Graph Learning for Recommendation (Wu et al., SIGIR 2021).

    Embeddings are those of LightGCN: with ``x_0`` the table of all users and items,

        x_(l+1) = D^-1/2 A D^-1/2 x_l
        x = (x_0 + ... + x_L) / (L + 1)
        s(u, i) = <z_u, z_i>

    with L = ``n_layers``. z is x over the whole graph. z1 and z2 are x over two views of the graph,
    each normalised by its own degrees and drawn anew in each epoch, with ``ssl_ratio`` of the nodes
    (``nd``) or edges (``ed``) left out; with ``rw`` each layer has its own edges. The loss of a
    sample (u, p, n) is

        -log sigmoid(s(u, p) - s(u, n)) + ssl_reg (c(u) + c(p))
            + l_w / 2 (|x_0u|^2 + |x_0p|^2 + |x_0n|^2)
        c(v) = -log softmax_w(cos(z1_v, z2_w) / ssl_temp) at w = v

    where w runs over all users or over all items. A node without an edge in a view keeps the
    direction of ``x_0``. Kept edges are not divided by ``1 - ssl_ratio``. Users are drawn
    uniformly. Ranking uses all edges.

    Public code: Ducho-meets-Elliot is followed. It contrasts the nodes of a batch with all nodes,
    where the paper contrasts all with all, and the loss of a batch is a sum, which grows with its
    size. There, a view is normalised in each layer of each step; here once in an epoch. A last
    batch of one sample works here.

    Cost: in a step, 3 L products with graphs of at most twice as many edges as interactions, and
    the similarities of the distinct users and positives of a batch with all users or items, in
    blocks. An epoch normalises two graphs, with ``rw`` 2 L.

    Shapes: U users, I items, D ``factors``.

    Kind: contrastive. Graphs: users and items.
    """

    Config = SGLConfig
    config: SGLConfig

    def __init__(self, config: SGLConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.interactions = interactions(dataset)
        self.graph = bipartite(self.interactions).symmetric()
        self.views = [[self.graph] * config.n_layers] * 2

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        """Draw the two views: layer by layer if every layer has its own edges."""
        n_draws = max(1, self.config.n_layers) if self.config.sampling == "rw" else 1
        draws = [[self.drop(rng), self.drop(rng)] for _ in range(n_draws)]
        self.keep([list(view) for view in zip(*draws, strict=True)])

    def drop(self, rng: np.random.Generator) -> SparseMatrix:
        """Return the interactions [U, I] that are left."""
        what: Literal["edges", "nodes"] = "nodes" if self.config.sampling == "nd" else "edges"
        return drop_uniformly(self.interactions, self.config.ssl_ratio, rng, what)

    def keep(self, views: Sequence[Sequence[SparseMatrix]]) -> None:
        """Contrast two views, each with interactions for all layers or one for each layer."""
        self.views = []
        for kept in views:
            graphs = [bipartite(each).symmetric() for each in kept]
            self.views.append(graphs * self.config.n_layers if len(graphs) == 1 else graphs)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D] over the whole graph."""
        x = torch.cat([self.users.weight, self.items.weight])
        mean = mean_of_layers(self.graph, x, self.config.n_layers)
        return self.split_nodes(mean, self.n_users)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return BPR, the contrast of the batch's users and positives, and the penalty."""
        x = torch.cat([self.users.weight, self.items.weight])
        nodes = self.nodes(batch.users, batch.items)
        mean = mean_of_layers(self.graph, x, self.config.n_layers, nodes)
        user, items = self.split_nodes(mean, len(batch))
        layer_0 = batch.of(self.users.weight, self.items.weight)
        return {
            "ranking": len(batch) * bpr_loss(user, *batch.split(items)),
            "contrast": self.config.ssl_reg * self.contrast(x, batch),
            "penalty": self.config.l_w * l2_penalty(*layer_0, divisor=1),
        }

    def contrast(self, x: Tensor, batch: Batch) -> Tensor:
        """Return the contrastive loss; a node that occurs several times is computed once."""
        users, user_counts = batch.users.unique(return_counts=True)
        items, item_counts = batch.positives.unique(return_counts=True)
        first, second = self.views
        nodes = self.nodes(users, items)
        one = mean_of_layers(first, x, self.config.n_layers, nodes)
        user, item = self.split_nodes(one, len(users))
        other = mean_of_layers(second, x, self.config.n_layers)
        all_users, all_items = self.split_nodes(other, self.n_users)
        temperature = self.config.ssl_temp
        of_users = info_nce_to_all(user, all_users, users, temperature, user_counts)
        return of_users + info_nce_to_all(item, all_items, items, temperature, item_counts)
