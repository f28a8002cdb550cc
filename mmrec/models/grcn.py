"""GRCN: weighs and cuts the edges between users and items by the preferences of users."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from mmrec.config import Count, Flag, Natural, NonNegativeReal
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import SparseMatrix, edge_products, edge_softmax, normalise_rows
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.parts import ItemFeatures, embedding, embeddings, interactions


class GRCNConfig(MultimodalConfig):
    """Hyper-parameters of :class:`GRCN`."""

    factors: Count = 64
    """Width of the embeddings."""
    factors_multimod: Count = 64
    """Width of the projected features and of the preferences of users."""
    num_layers: Natural = 3
    """Graph convolutions over the weighted graph."""
    num_routings: Natural = 10
    """Times that the preferences of a user move towards the user's items."""
    weight_mode: Literal["mean", "max", "confid"] = "max"
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


class View(NamedTuple):
    """Users and items in one modality."""

    users: Tensor
    """Preferences, [U, K]."""
    items: Tensor
    """Projected features, [I, K]."""
    to_users: SparseMatrix
    """The attention of users to their items, [U, I]."""
    to_items: SparseMatrix
    """The attention of items to their users, [I, U]."""


@register("GRCN")
class GRCN(Model):
    """Graph-Refined Convolutional Network (Wei et al., ACM MM 2020).

    In each modality m, users have preferences g and items ``v = normalised(leaky(W_m f_m + b_m))``.
    With ``a(u, i)`` the softmax of ``<g_u, v_i>`` over the items of u, ``num_routings`` times

        g_u <- normalised(g_u + sum_i a(u, i) v_i)        from g = normalised(initial preferences)

    Then users attend to their items and items to their users by the same products; both give
    ``x_m = z + sum of attention * neighbour``, where z is g or v. The weight of the directed edge
    from s to t is ``w(t, s) = relu(max_m a_m(t, s) c_m(t))`` with the trained confidence c of t
    (``weight_mode: confid``; see there and ``pruning``). Embeddings are convolved and summed up,

        e_0 = normalised(e),  e_(l+1) = normalised(sum_s w(t, s) e_l),  x = e_0 + ... + e_L

    and ``s(u, i) = <[x_u, x_mu ...], [x_i, x_mi ...]>`` (``fusion_mode: concat``). The loss of a
    batch is BPR plus ``l_w (2 |e_u|^2 + |e_p|^2 + |e_n|^2) / (2 B D)`` plus, with the weight 1, the
    mean square of the initial preferences of its users in each modality.

    What differs from the public code: Formal-MultiMod-Rec lists the edges of items in another order
    than it normalises them, so that items weigh their users by the attention of other edges; its
    published figures contain this. ``item_attention: published`` repeats it. MMRec and the code of
    the authors (``variant: mmrec``) take the confidence of s, do not normalise after a layer, give
    all penalties the weight ``l_w`` and add the mean square of all preferences of ``visual``, and
    draw initial values from Xavier's normal distribution; there, the layers are always two, and
    routing has no effect, as with ``num_routings: 0``, because its edges have the wrong direction.
    Both rank by the embeddings before the last step's update; here ranking uses the current
    parameters. With ``confid`` only signs and ratios of the confidences of a node matter, so
    trainings in different arithmetic part in the long run.

    Cost: in a step, the projections, ``4 I F K`` multiplications and additions for each modality
    and direction of the gradient, and ``6 num_routings + 9`` products of width K with the
    interactions; memory for some numbers per interaction and modality.

    Shapes: U users, I items, E interactions, D ``factors``, K ``factors_multimod``, F features of
    a modality, L ``num_layers``.
    """

    Config = GRCNConfig
    sampler = EachInteraction
    config: GRCNConfig

    def __init__(self, config: GRCNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        width = config.factors_multimod
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, width)
        self.preferences = nn.ModuleList(embedding(self.n_users, width) for _ in self.features)
        self.confidence: nn.ModuleList | None = None
        if config.weight_mode == "confid":
            self.confidence = nn.ModuleList(embeddings(self.sizes, len(self.features)))
        if config.variant == "mmrec":
            for name, parameter in self.named_parameters():
                if not name.endswith("bias"):
                    nn.init.xavier_normal_(parameter)
        self.by_user = interactions(dataset)
        self.by_item = self.by_user.transposed()

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D'] and items [I, D']; D' depends on ``fusion_mode``."""
        users, items = self.everyone()
        return self.propagated(users, items)

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        projected = self.features.projected().values()
        views = [self.view(*pair) for pair in zip(self.preferences, projected, strict=True)]
        parts = [self.convolved(*self.weighted_graphs(views))]
        if self.config.fusion_mode != "id":
            for x in views:
                from_items, from_users = x.to_users @ x.items, x.to_items @ x.users
                parts.append((x.users + self.act(from_items), x.items + self.act(from_users)))
        embedded_users, embedded_items = (
            [x.index_select(0, nodes) for x in side]
            for side, nodes in zip(zip(*parts, strict=True), (users, items), strict=True)
        )
        if self.config.fusion_mode == "mean":
            return torch.stack(embedded_users).mean(0), torch.stack(embedded_items).mean(0)
        return torch.cat(embedded_users, dim=1), torch.cat(embedded_items, dim=1)

    def act(self, received: Tensor) -> Tensor:
        """Return what a node receives, activated with ``has_act``."""
        return leaky_relu(received) if self.config.has_act else received

    def view(self, preference: nn.Embedding, projected: Tensor) -> View:
        """Return users and items in a modality, after routing, and their attention."""
        edges, edges_by_item = self.by_user.pattern, self.by_item.pattern
        users, items = normalise_rows(preference.weight), normalise_rows(leaky_relu(projected))
        for _ in range(self.config.num_routings):
            attention = edge_softmax(edges, edge_products(edges, users, items))
            received = SparseMatrix(edges, attention) @ items
            users = normalise_rows(users + self.act(received))
        affinity = edge_products(edges, users, items)
        to_users = SparseMatrix(edges, edge_softmax(edges, affinity))
        affinity = self.ordered_by_item(affinity)
        to_items = SparseMatrix(edges_by_item, edge_softmax(edges_by_item, affinity))
        return View(users, items, to_users, to_items)

    def ordered_by_item(self, values: Tensor) -> Tensor:
        """Return values of edges, [E], in the order of the items; as they are if ``published``."""
        if self.config.item_attention == "published":
            return values
        return values.index_select(0, self.by_user.pattern.transposed()[2])

    def weighted_graphs(self, views: list[View]) -> tuple[SparseMatrix, SparseMatrix]:
        """Return the weights of the edges to users, [U, I], and to items, [I, U]."""
        to_users = torch.stack([view.to_users.values for view in views])
        to_items = torch.stack([view.to_items.values for view in views])
        if self.confidence is not None:
            of_users, of_items = self.confidences()
            if self.config.variant == "mmrec":
                of_users, of_items = of_items, of_users
            to_users = to_users * torch.stack(of_users)
            to_items = to_items * torch.stack([self.ordered_by_item(x) for x in of_items])
        graphs = []
        for matrix, values in ((self.by_user, to_users), (self.by_item, to_items)):
            weights = values.mean(0) if self.config.weight_mode == "mean" else values.amax(0)
            weights = weights.relu() if self.config.pruning else weights
            graphs.append(SparseMatrix(matrix.pattern, weights))
        return graphs[0], graphs[1]

    def confidences(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the confidence in each modality of the user and of the item of each edge, [E]."""
        assert self.confidence is not None
        edges = self.by_user.pattern
        users, items = (table.weight for table in self.confidence)
        one_user, one_item = torch.ones_like(users[:, :1]), torch.ones_like(items[:, :1])
        of_users = [edge_products(edges, x, one_item) for x in users.split(1, dim=1)]
        of_items = [edge_products(edges, one_user, x) for x in items.split(1, dim=1)]
        return of_users, of_items

    def convolved(self, to_users: SparseMatrix, to_items: SparseMatrix) -> tuple[Tensor, Tensor]:
        """Return the sum of the embeddings and their convolutions, [U, D] and [I, D]."""
        users, items = normalise_rows(self.users.weight), normalise_rows(self.items.weight)
        total_users, total_items = users, items
        for _ in range(self.config.num_layers):
            users, items = self.act(to_users @ items), self.act(to_items @ users)
            if self.config.variant == "formal":
                users, items = normalise_rows(users), normalise_rows(items)
            total_users, total_items = total_users + users, total_items + items
        return total_users, total_items

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the BPR loss of the batch and the penalties."""
        user, items = self.propagated(batch.users, batch.items)
        ids = self.users(batch.users), *batch.split(self.items(batch.items))
        penalty = l2_penalty(ids[0], *ids) / self.config.factors
        tables = dict(zip(self.features, self.preferences, strict=True))
        squares = sum(table(batch.users).square().mean() for table in tables.values())
        if self.config.variant == "mmrec":
            if "visual" in tables:
                squares = squares + tables["visual"].weight.square().mean()
            squares = self.config.l_w * squares
        return {
            "ranking": bpr_loss(user, *batch.split(items)),
            "penalty": self.config.l_w * penalty,
            "preferences": squares,
        }
