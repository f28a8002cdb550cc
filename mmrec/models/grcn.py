"""GRCN: weights and prunes the edges between users and items by the preferences of users."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from mmrec.config import Count, Flag, Natural, NonNegativeReal
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import BatchRows, SparseMatrix, normalise_rows
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.graph_refining import GraphRefining, Graphs, WeightMode
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.parts import ItemFeatures, draw_as_one_table, embeddings, interactions


class GRCNConfig(MultimodalConfig):
    """Hyper-parameters of :class:`GRCN`."""

    factors: Count = 64
    """Width of the embeddings."""
    factors_multimod: Count = 64
    """Width of the projected features and of the preferences of users."""
    num_layers: Count = 3
    """Graph convolutions over the weighted graph."""
    num_routings: Natural = 10
    """Times that the preferences of a user move towards the user's items; without effect with
    ``variant: mmrec``, as in that code."""
    weight_mode: WeightMode = "max"
    """How the attention of the modalities becomes the weight of an edge: its mean, its maximum, or
    its maximum after a multiplication by a trained confidence."""
    pruning: Flag = True
    """Cut edges whose weight is negative."""
    has_act: Flag = False
    """Apply LeakyReLU to what a node receives."""
    fusion_mode: Literal["concat", "id", "mean"] = "concat"
    """How the embeddings join the modalities; ``id`` ranks by the embeddings alone."""
    aggregation: Literal["add"] = "add"
    """How messages join; the weights of the edges leave no choice."""
    l_w: NonNegativeReal = 0.01
    """Weight of the penalty on the embeddings of a batch."""
    item_attention: Literal["aligned", "published"] = "aligned"
    """``published`` gives the attention of items to other edges, as in published results."""
    variant: Literal["formal", "mmrec"] = "formal"
    """The public implementation to follow: Formal-MultiMod-Rec or MMRec."""

    @model_validator(mode="after")
    def _check_widths(self) -> GRCNConfig:
        if self.fusion_mode == "mean" and self.factors_multimod != self.factors:
            raise ValueError(
                f"factors_multimod: expected the value of factors, {self.factors}, because of "
                f"fusion_mode: mean, found {self.factors_multimod}; fusion_mode also accepts "
                "concat and id"
            )
        return self


@register("GRCN")
class GRCN(Model):
    """Graph-Refined Convolutional Network (Wei et al., ACM MM 2020).

    In each modality m, items have v, and users have preferences g, which start from their
    normalised initial values and move towards the user's items, ``num_routings`` times:

        v_i = normalised(leaky(W_m f_im + b_m))
        a(u, i) = softmax over the items i of u of <g_u, v_i>
        g_u <- normalised(g_u + sum_i a(u, i) v_i)

    Then every node t attends to its neighbours s by the same products, users to items and items to
    users. This gives the content of a node, and the weight of the directed edge from s to t:

        x_mt = z_t + sum_s a_m(t, s) z_s
        w(t, s) = relu(max_m a_m(t, s) c_m(t))

    where z is g or v, and ``c_m(t)`` is a trained confidence (as in ``weight_mode: confid`` with
    ``pruning``). Embeddings e are convolved and summed up,

        e_0 = normalised(e)
        e_(l+1) = normalised(sum_s w(t, s) e_l)
        x = e_0 + ... + e_L
        s(u, i) = <[x_u, x_1u, x_2u, ...], [x_i, x_1i, x_2i, ...]>

    with L = ``num_layers`` and the score of ``fusion_mode: concat``. The loss is BPR plus

        l_w (2 |e_u|^2 + |e_p|^2 + |e_n|^2) / (2 B D)

    plus, with the weight 1, the mean square of the initial preferences of the batch's users in each
    modality.

    Public code: Formal-MultiMod-Rec lists the edges to items in another order than it normalises
    them, so items weigh their users by the attention of other edges. Published figures contain
    this; ``item_attention: published`` repeats it. MMRec and the code of the authors
    (``variant: mmrec``) use the confidence of s, do not normalise after a layer, multiply all
    penalties by ``l_w`` and add the mean square of all preferences of ``visual``, and draw initial
    values from Xavier's normal distribution. There, routing has no effect, because its edges have
    the wrong direction, and layers are always two. Both rank by embeddings from before the last
    update; here ranking uses the current parameters. With ``confid``, only signs and ratios of a
    node's confidences matter. Rounding moves some of them, so long trainings diverge.

    Cost: in a step, ``4 I F K`` multiplications and additions for the projection of each modality,
    and for all about ``6 num_routings + 9`` products of the interactions with width K.

    Shapes: U users, I items, D ``factors``, K ``factors_multimod``, F features of a modality.

    Kind: multimodal. Graphs: users and items.
    """

    Config = GRCNConfig
    sampler = EachInteraction
    config: GRCNConfig

    def __init__(self, config: GRCNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, config.factors_multimod)
        is_formal = config.variant == "formal"
        self.refining = GraphRefining(
            interactions(dataset),
            len(self.features),
            config.factors_multimod,
            weight_mode=config.weight_mode,
            n_routings=config.num_routings if is_formal else 0,
            has_act=config.has_act,
            aligned=config.item_attention == "aligned",
            confidence_of="target" if is_formal else "source",
        )
        if not is_formal:
            draw_as_one_table(self.users, self.items)
            for module in (self.features, self.refining):
                for name, parameter in module.named_parameters():
                    if not name.endswith("bias"):
                        nn.init.xavier_normal_(parameter)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D'] and items [I, D']; D' depends on ``fusion_mode``."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        features = normalise_rows(leaky_relu(torch.cat([*self.features.projected().values()])))
        preferences = self.refining.routed(features)
        attention = self.refining.attention(preferences, features)
        weights = self.refining.weighted(attention, pruning=self.config.pruning)
        ids = self.convolved(weights, users, items)
        if self.config.fusion_mode == "id":
            return ids
        of_users = self.refining.views(attention[0], preferences, features, users)
        of_items = self.refining.views(attention[1], features, preferences, items)
        return self.fused(ids[0], of_users), self.fused(ids[1], of_items)

    def convolved(self, graphs: Graphs, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums of all layers at some users and items; the last one only there."""
        x, y = normalise_rows(self.users.weight), normalise_rows(self.items.weight)
        total_users, total_items = x.index_select(0, users), y.index_select(0, items)
        for _ in range(self.config.num_layers - 1):
            x, y = self.layer(graphs[0], y), self.layer(graphs[1], x)
            total_users = total_users + x.index_select(0, users)
            total_items = total_items + y.index_select(0, items)
        return (
            total_users + self.layer(BatchRows(graphs[0], users), y),
            total_items + self.layer(BatchRows(graphs[1], items), x),
        )

    def layer(self, graph: SparseMatrix | BatchRows, neighbours: Tensor) -> Tensor:
        """Return the output of a graph convolution, [P, D]."""
        received = self.refining.act(graph @ neighbours)
        return normalise_rows(received) if self.config.variant == "formal" else received

    def fused(self, ids: Tensor, views: list[Tensor]) -> Tensor:
        """Join the convolved embeddings, [P, D], with the views of the modalities, [P, K]."""
        if self.config.fusion_mode == "mean":
            return torch.stack([ids, *views]).mean(0)
        return torch.cat([ids, *views], dim=1)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the BPR loss of the batch and the penalties."""
        user, items = self.propagated(batch.users, batch.items)
        ids = self.users(batch.users), *batch.split(self.items(batch.items))
        preferences = dict(zip(self.features, self.refining.preferences, strict=True))
        squares = [x.index_select(0, batch.users).square().mean() for x in preferences.values()]
        weight = 1.0
        if self.config.variant == "mmrec":
            weight = self.config.l_w
            squares += [x.square().mean() for m, x in preferences.items() if m == "visual"]
        return {
            "ranking": bpr_loss(user, *batch.split(items)),
            "penalty": self.config.l_w * l2_penalty(ids[0], *ids) / self.config.factors,
            "preferences": weight * torch.stack(squares).sum(),
        }
