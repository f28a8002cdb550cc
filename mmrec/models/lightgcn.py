"""LightGCN: embeddings that are averaged over their neighbourhoods, without further weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmrec.config import Count, Flag, Natural, NonNegativeReal
from mmrec.data import Dataset
from mmrec.graph import bipartite, mean_of_layers
from mmrec.models import Batch, Model, ModelConfig, register
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.other_tools import elliots_own_keys
from mmrec.models.parts import interactions


class LightGCNConfig(ModelConfig):
    """Hyper-parameters of :class:`LightGCN`."""

    unsupported = elliots_own_keys("LightGCN")

    factors: Count = 64
    """Width of the user and item embeddings."""
    n_layers: Natural = 1
    """Graph convolutions; 0 is matrix factorisation."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty on the embeddings of a batch."""
    normalize: Flag = True
    """Propagate over ``D^-1/2 A D^-1/2`` instead of A."""


@register("LightGCN")
class LightGCN(Model):
    """LightGCN: Simplifying and Powering Graph Convolution Network (He et al., SIGIR 2020).

    With A the adjacency of users and items, without self-loops, and ``x_0`` the table of all
    embeddings,

        x_(l+1) = D^-1/2 A D^-1/2 x_l
        x = (x_0 + ... + x_L) / (L + 1)
        s(u, i) = <x_u, x_i>

    with L = ``n_layers``. A node without interactions has a row of zeros. The loss of a batch is
    BPR on ``s`` plus ``l_w / (2 B)`` times the squares of the rows of ``x_0`` in the batch. Initial
    values are drawn from N(0, 0.1^2).

    Public code: Formal-MultiMod-Rec is followed. It normalises the graph in each layer of each
    step; here this is done once. It ranks by the sigmoid of a score, which only adds ties; here the
    score itself ranks. A last batch of one triplet works here.

    Cost: in a step, L products with a graph of twice as many edges as interactions, the last one
    only at the nodes of the batch.

    Shapes: U users, I items, D ``factors``.

    Kind: graph. Graphs: users and items.
    """

    Config = LightGCNConfig
    config: LightGCNConfig

    def __init__(self, config: LightGCNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = (nn.Embedding(n, config.factors) for n in self.sizes)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=0.1)
        graph = bipartite(interactions(dataset))
        self.graph = graph.symmetric() if config.normalize else graph

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D], the mean of layers 0 to ``n_layers``."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        x = torch.cat([self.users.weight, self.items.weight])
        mean = mean_of_layers(self.graph, x, self.config.n_layers, self.nodes(users, items))
        return self.split_nodes(mean, len(users))

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty."""
        user, items = self.propagated(batch.users, batch.items)
        penalty = l2_penalty(self.users(batch.users), self.items(batch.items))
        return bpr_loss(user, *batch.split(items)) + self.config.l_w * penalty
