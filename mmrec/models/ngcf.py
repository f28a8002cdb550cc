"""NGCF: propagation with weights and products of neighbours, and concatenated layers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmrec.config import Count, Flag, Natural, NonNegativeReal
from mmrec.data import Dataset, DistinctUsers
from mmrec.models import Batch, Model, ModelConfig, register
from mmrec.models.configs import Dropout
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.ngcf_layers import NGCFLayers, ngcf_graph
from mmrec.models.other_tools import elliots_own_keys
from mmrec.models.parts import embeddings, interactions


class NGCFConfig(ModelConfig):
    """Hyper-parameters of :class:`NGCF`."""

    unsupported = elliots_own_keys("NGCF")

    factors: Count = 64
    """Width of the user and item embeddings."""
    n_layers: Natural = 3
    """Graph convolutions; 0 is matrix factorisation."""
    weight_size: Count = 64
    """Width of the output of every layer."""
    node_dropout: Dropout = 0.0
    """Rate of the edges of the graph that are left out in an epoch."""
    message_dropout: Dropout = 0.5
    """Rate of the entries of a layer's output that are left out in a batch."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty on the propagated embeddings of a batch."""
    normalize: Flag = True
    """Propagate over ``D^-1 (A + I)`` instead of A, which has no self-loops."""


@register("NGCF")
class NGCF(Model):
    """Neural Graph Collaborative Filtering (Wang et al., SIGIR 2019).

    With A the adjacency of users and items, ``G = D^-1 (A + I)`` and ``x_0`` the table of all
    embeddings, a layer is

        s = G x_l
        y = dropout(LeakyReLU_0.2(s W1 + b1 + (s * x_l) W2 + b2))
        x_(l+1) = y / |y|

    for each node. The scores are ``s(u, i) = <x_u, x_i>`` with the concatenated layers ``x =
    [x_0, x_1, ..., x_L]``, L = ``n_layers``. The loss of a batch is BPR plus ``l_w / (2 B)`` times
    the squares of its rows of ``x``. Outputs have unit length, so in effect only ``x_0`` is
    penalised. The weights of the layers are not.

    ``node_dropout`` leaves out edges of G, the self-loops among them, each direction by itself; the
    others are divided by ``1 - node_dropout``. They are drawn once for each epoch.
    ``message_dropout`` is drawn for each batch and layer. Ranking uses all edges and messages.

    Public code: Formal-MultiMod-Rec is followed. It has G in both terms, where the paper has ``L +
    I`` in the first and L in the second with a symmetric L, and the penalty is on the embeddings of
    the batch instead of all parameters. There, ``eval()`` does not reach the dropout of messages,
    so that one random draw is ranked; here it is off in evaluation. A batch has at most as many
    samples as there are users.

    Cost: in a step, L - 1 products with a graph of twice as many edges as interactions and with two
    matrices [D, D] at all nodes; the last layer only at the nodes of the batch.

    Shapes: U users, I items, D ``factors``, W ``weight_size``.

    Kind: graph. Graphs: users and items.
    """

    Config = NGCFConfig
    sampler = DistinctUsers
    config: NGCFConfig

    def __init__(self, config: NGCFConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.layers = NGCFLayers(
            ngcf_graph(interactions(dataset), normalize=config.normalize),
            config.factors,
            [config.message_dropout] * config.n_layers,
            width=config.weight_size,
            node_dropout=config.node_dropout,
        )

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        """Draw the edges of this epoch."""
        self.layers.begin_epoch(rng)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D + LW] and items [I, D + LW]."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the concatenated layers of some users and items."""
        x = torch.cat([self.users.weight, self.items.weight])
        outputs = self.layers.outputs(x, self.nodes(users, items))
        return self.split_nodes(torch.cat(outputs, dim=1), len(users))

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty on its embeddings."""
        user, items = self.propagated(batch.users, batch.items)
        rows = user, *batch.split(items)
        own = [row[:, : self.config.factors] for row in rows]
        outputs = [row[:, self.config.factors :].detach() for row in rows]  # of constant length
        return bpr_loss(*rows) + self.config.l_w * l2_penalty(*own, *outputs)
