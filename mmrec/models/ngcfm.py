"""NGCFM: NGCF with averaged layers, and a second user embedding for projected item features."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import softplus

from mmrec.config import Count, Flag, Natural, NonNegativeReal
from mmrec.data import Dataset, DistinctUsers
from mmrec.graph import normalise_rows
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import Dropout, check_same_width
from mmrec.models.losses import l2_penalty
from mmrec.models.ngcf_layers import NGCFLayers, ngcf_graph
from mmrec.models.parts import ItemFeatures, embeddings, interactions, projected_rows


class NGCFMConfig(MultimodalConfig):
    """Hyper-parameters of :class:`NGCFM`."""

    factors: Count = 64
    """Width of the collaborative embeddings, and that of the projected features."""
    n_layers: Natural = 3
    """Graph convolutions; 0 is VBPR."""
    weight_size: Count | None = None
    """Width of the layers; they are averaged, so it must equal ``factors``."""
    node_dropout: Dropout = 0.0
    """Rate of the edges of the graph that are left out in an epoch."""
    message_dropout: Dropout = 0.5
    """Rate of the entries of a layer's output that are left out in a batch."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty on the embeddings of a batch."""
    normalize: Flag = True
    """Propagate over ``D^-1 (A + I)`` instead of A, which has no self-loops."""
    aggregation: Literal["concat"] = "concat"
    """How the modalities join: their features are concatenated."""

    @model_validator(mode="after")
    def _check_weight_size(self) -> NGCFMConfig:
        check_same_width("weight_size", self.weight_size, self.factors)
        return self


@register("NGCFM")
class NGCFM(Model):
    """NGCF with multimodal features (Attimonelli et al., Ducho meets Elliot, 2024).

    A score adds the collaborative half of NGCF (Wang et al., SIGIR 2019) and the content half of
    VBPR:

        g = mean of x_0, ..., x_L
        e_i = (W f_i + b) / |W f_i + b|
        s(u, i) = <g_u, g_i> + <t_u, e_i>

    with the layers ``x_l`` of NGCF, L = ``n_layers``, and the concatenated features ``f_i``, which
    are constant and do not enter the propagation. The loss of a batch of B triplets is

        d = max(s(u, p) - s(u, n), -80)
        mean of -log sigmoid(d)
        + l_w / (2 B) * (squares of the rows g, t and e of the batch)

    so that a triplet with a difference below -80 has no gradient. The rows of e have unit length:
    their share of the penalty is constant. Weights and projection are not penalised.

    Public code: Ducho-meets-Elliot is followed. There, ``eval()`` does not reach the dropout of
    messages, so that one random draw is ranked; here it is off in evaluation. A batch has at most
    as many samples as there are users, and one of a single triplet works.

    Cost: that of NGCF, and a product with the features of the batch's items.

    Shapes: U users, I items, D ``factors``, F features of all modalities.

    Kind: multimodal. Graphs: users and items.
    """

    Config = NGCFMConfig
    sampler = DistinctUsers
    config: NGCFMConfig
    features: Tensor
    """The concatenated features, [I, F]."""

    def __init__(self, config: NGCFMConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        sizes = (*self.sizes, self.n_users)
        self.users, self.items, self.content_users = embeddings(sizes, config.factors)
        features = ItemFeatures(config, dataset).raw
        self.register_buffer("features", torch.cat([*features.values()], dim=1), persistent=False)
        self.projection = nn.Linear(self.features.shape[1], config.factors)
        self.layers = NGCFLayers(
            ngcf_graph(interactions(dataset), normalize=config.normalize),
            config.factors,
            [config.message_dropout] * config.n_layers,
            node_dropout=config.node_dropout,
        )

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        """Draw the edges of this epoch."""
        self.layers.begin_epoch(rng)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users ``[g_u, t_u]``, [U, 2D], and items ``[g_i, e_i]``, [I, 2D]."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        x = torch.cat([self.users.weight, self.items.weight])
        layers = self.layers(x, self.nodes(users, items))
        user, item = self.split_nodes(layers, len(users))
        content = normalise_rows(projected_rows(self.projection, self.features, items))
        return torch.cat([user, self.content_users(users)], 1), torch.cat([item, content], 1)

    def loss(self, batch: Batch) -> Tensor:
        """Return the bounded BPR loss of the batch plus the weighted penalty."""
        user, items = self.propagated(batch.users, batch.items)
        positive, negative = batch.split(items)
        margin = ((user * positive).sum(1) - (user * negative).sum(1)).clamp(min=-80)
        penalty = l2_penalty(user, positive, negative)
        return softplus(-margin).mean() + self.config.l_w * penalty
