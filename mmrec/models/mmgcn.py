"""MMGCN: a graph convolutional network of its own for each modality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import BeforeValidator, model_validator
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

from mmrec.config import Count, Flag, NonNegativeReal
from mmrec.config.fields import as_list
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import BatchRows, SparseMatrix, normalise_rows
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.parts import ItemFeatures, Projections, embedding, embeddings, interactions

Width = Annotated[Count | None, BeforeValidator(lambda value: None if value == "None" else value)]


class MMGCNConfig(MultimodalConfig):
    """Hyper-parameters of :class:`MMGCN`."""

    factors: Count = 64
    """Width of the embeddings."""
    factors_multimod: Annotated[tuple[Width, ...], BeforeValidator(as_list)] = (256, None)
    """Width to which each modality's features are projected, or one for all; None for features
    as they are, whose weights and users grow with the square of their width."""
    num_layers: Count = 2
    """Graph convolutions of each modality."""
    aggregation: Literal["mean", "add"] = "mean"
    """Whether a node takes the mean or the sum of its neighbours."""
    concatenation: Flag = True
    """Join a node's neighbours and its own part by a linear map of both; else add them up."""
    has_id: Flag = True
    """Add the embeddings that all modalities share to each layer."""
    l_w: NonNegativeReal = 0.01
    """Weight of the penalty."""
    variant: Literal["formal", "mmrec"] = "formal"
    """The public implementation to follow: Formal-MultiMod-Rec or MMRec."""

    @model_validator(mode="after")
    def _check_widths(self) -> MMGCNConfig:
        if len(self.factors_multimod) not in (1, len(self.modalities)):
            raise ValueError(
                f"factors_multimod: expected one value, or one for each of the modalities "
                f"{self.modalities}, found {self.factors_multimod}; accepted values: None and "
                "whole numbers from 1 up"
            )
        return self

    @property
    def projected_widths(self) -> dict[str, int]:
        """The width of the projected features of each modality that has a projection."""
        widths = self.factors_multimod
        if len(widths) == 1:
            widths = widths * len(self.modalities)
        return {m: k for m, k in zip(self.modalities, widths, strict=True) if k is not None}


@register("MMGCN")
class MMGCN(Model):
    """Multi-modal Graph Convolution Network (Wei et al., ACM MM 2019).

    Each modality m has users ``p_m``, items ``t_m = W_m f_m + b_m`` (or the raw features ``f_m``)
    and starts from ``x = normalised([p_m; t_m])``. With A the interactions, rows divided by their
    degrees, and e the embeddings of users and items that the modalities share, a layer is

        h = leaky(A x C)                neighbours
        z = leaky(L x + l) + e          the node itself
        x = leaky(G h + g + z)          or leaky(G [h, z] + g) with concatenation: True

    A user and an item are ranked by the inner product of their means over the modalities. The loss
    is BPR plus ``l_w`` times ``(2 |e_u|^2 + |e_p|^2 + |e_n|^2) / (2 B D)`` over the batch and the
    mean square of all ``p_m`` of the first modality.

    The paper adds the modalities up where both public implementations take the mean, as here.
    ``variant: formal`` trains all parameters, and starts from Xavier-uniform weights.
    ``variant: mmrec``, which agrees with the code of the authors, never trains e and ``p_m``, which
    stay random, draws them and most weights from Xavier's normal distribution, and penalises the
    ``p_m`` of ``visual``, if there is one. That code always has three layers, ``concatenation`` and
    ``has_id``, and projects ``visual`` alone; these keys apply here. Both implementations rank by
    the embeddings before the last step's update; here ranking uses the current parameters.

    Cost: ``A x C`` in the first layer, ``10 min(U, I) K^2`` multiplications in a step for features
    of width K; a projection from F to K, ``2 I F K``.

    Shapes: U users, I items, D ``factors``, F and K widths of a modality's features.
    """

    Config = MMGCNConfig
    sampler = EachInteraction
    config: MMGCNConfig

    def __init__(self, config: MMGCNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset)
        raw, projected = self.features.widths, config.projected_widths
        self.projections = Projections({m: raw[m] for m in projected}, projected)
        widths = [projected.get(m, raw[m]) for m in self.features]
        self.preferences = nn.ModuleList(embedding(self.n_users, k) for k in widths)
        self.branches = nn.ModuleList(
            nn.ModuleList(MMGCNLayer(config, k, number) for number in range(config.num_layers))
            for k in widths
        )
        self.penalised: int | None = 0
        if config.variant == "mmrec":
            names = list(self.features)
            self.penalised = names.index("visual") if "visual" in names else None
            for table in (self.users, self.items, *self.preferences):
                nn.init.xavier_normal_(table.weight).requires_grad_(False)
        self.to_users = interactions(dataset)
        self.to_items = self.to_users.transposed()
        if config.aggregation == "mean":
            self.to_users, self.to_items = self.to_users.by_row(), self.to_items.by_row()

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items; the last layer is computed only there."""
        to_users, to_items = self.to_users, self.to_items
        to_some_users = BatchRows(to_users.pattern, to_users.values, users)
        to_some_items = BatchRows(to_items.pattern, to_items.values, items)
        user_ids, item_ids = self.users.weight, self.items.weight
        user_views, item_views = [], []
        for layers, (x_users, x_items) in zip(self.branches, self.starts(), strict=True):
            *others, last = layers
            for layer in others:
                x_users, x_items = (
                    layer(to_users, x_items, x_users, user_ids),
                    layer(to_items, x_users, x_items, item_ids),
                )
            user_views.append(last(to_some_users, x_items, x_users[users], user_ids[users]))
            item_views.append(last(to_some_items, x_users, x_items[items], item_ids[items]))
        return torch.stack(user_views).mean(0), torch.stack(item_views).mean(0)

    def starts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the users and the items of each modality before the first layer."""
        for preference, (modality, x) in zip(
            self.preferences, self.features.raw.items(), strict=True
        ):
            items = self.projections[modality](x) if modality in self.projections else x
            yield normalise_rows(preference.weight), normalise_rows(items)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the BPR loss of the batch and the weighted penalty."""
        user, items = self.propagated(batch.users, batch.items)
        shared = self.users(batch.users), *batch.split(self.items(batch.items))
        penalty = l2_penalty(shared[0], *shared) / self.config.factors
        if self.penalised is not None:
            penalty = penalty + self.preferences[self.penalised].weight.square().mean()
        return {
            "ranking": bpr_loss(user, *batch.split(items)),
            "penalty": self.config.l_w * penalty,
        }


class MMGCNLayer(nn.Module):
    """A graph convolution of one modality.

    Args:
        config: of the model.
        width: K of its input in the first layer; further layers have D.
        number: counted from 0.
    """

    def __init__(self, config: MMGCNConfig, width: int, number: int) -> None:
        super().__init__()
        width = width if number == 0 else config.factors
        self.config = config
        self.weight = nn.Parameter(torch.empty(width, width))
        self.own = nn.Linear(width, config.factors)
        self.join = nn.Linear(width + config.concatenation * config.factors, config.factors)
        weights = [self.weight, self.own.weight, self.join.weight]
        if config.variant == "formal":
            for weight in weights:
                nn.init.xavier_uniform_(weight)
        else:
            for weight in weights[: 3 if number == 0 else 2]:
                nn.init.xavier_normal_(weight)

    def forward(
        self, matrix: SparseMatrix | BatchRows, neighbours: Tensor, own: Tensor, ids: Tensor
    ) -> Tensor:
        """Return the output at some nodes, [P, D].

        Args:
            matrix: the rows of these nodes, [P, M].
            neighbours: inputs of all nodes of the other side, [M, K].
            own: inputs of these nodes, [P, K].
            ids: shared embeddings of these nodes, [P, D].
        """
        h = leaky_relu(convolution(matrix, neighbours, self.weight))
        z = leaky_relu(self.own(own))
        if self.config.has_id:
            z = z + ids
        if not self.config.concatenation:
            return leaky_relu(self.join(h) + z)
        # G [h, z] without the copy [h, z]
        of_h, of_z = self.join.weight.split([h.shape[1], z.shape[1]], dim=1)
        return leaky_relu(linear(h, of_h, self.join.bias) + linear(z, of_z))


def convolution(matrix: SparseMatrix | BatchRows, x: Tensor, weight: Tensor) -> Tensor:
    """Return ``A x C``, [P, K] for ``x`` [M, K]; x or ``A x``, whichever has fewer rows, meets C."""
    n_rows, n_columns = matrix.shape
    if n_columns <= n_rows:
        return matrix @ (x @ weight)
    return (matrix @ x) @ weight
