"""MMGCN: a graph convolutional network of its own for each modality."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import BeforeValidator, model_validator
from torch import Tensor, nn

from mmrec.config import Count, Flag, NonNegativeReal
from mmrec.config.fields import as_list
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import BatchRows
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.modality_convolution import ModalityConvolution, Variant
from mmrec.models.parts import (
    ItemFeatures,
    Projections,
    draw_as_one_table,
    embeddings,
    interactions,
)

Width = Annotated[Count | None, BeforeValidator(lambda value: None if value == "None" else value)]
"""A whole number from 1 up, or None."""


class MMGCNConfig(MultimodalConfig):
    """Hyper-parameters of :class:`MMGCN`."""

    factors: Count = 64
    """Width of the embeddings."""
    factors_multimod: Annotated[tuple[Width, ...], BeforeValidator(as_list)] = (256, None)
    """Width to which the features of each modality are projected, or one width for all; None for
    the raw features."""
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
    variant: Variant = "formal"
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

    @property
    def penalised(self) -> str | None:
        """The modality whose preferences are penalised."""
        if self.variant == "formal":
            return self.modalities[0]
        return "visual" if "visual" in self.modalities else None


@register("MMGCN")
class MMGCN(Model):
    """Multi-modal Graph Convolution Network (Wei et al., ACM MM 2019).

    Each modality m has preferences ``p_m`` of users and items ``t_m = W_m f_m + b_m``, or the raw
    features ``f_m``, and starts from ``x = normalised([p_m; t_m])``. With e the embeddings that the
    modalities share and A the interactions in both directions, rows divided by their sums
    (``aggregation: mean``), a layer is

        h = leaky(A x C)
        z = leaky(L x + l) + e
        x <- leaky(G [h, z] + g)      (concatenation: True)
        x <- leaky(G h + g + z)       (concatenation: False)

    where z is without e if ``has_id`` is false. Users and items are ranked by the inner product of
    their means over the modalities. The loss of a batch is BPR plus ``l_w`` times the sum of ``(2
    |e_u|^2 + |e_p|^2 + |e_n|^2) / (2 B D)`` and the mean square of all preferences of the first
    modality.

    Public code: the paper adds the modalities up; Formal-MultiMod-Rec, which is followed, and MMRec
    take the mean. In MMRec and the code of the authors (``variant: mmrec``) e and ``p_m`` are
    random and never trained, they and most weights start from Xavier's normal distribution, and the
    penalty is on the preferences of ``visual``, if there is one. MMRec always has three layers,
    ``concatenation`` and ``has_id``, and projects ``visual`` alone, to 256. All rank by the
    embeddings before the last update; here ranking uses the current parameters.

    Cost: in a step, the projections, ``4 I F K`` multiplications and additions for each modality,
    and in the first layer ``10 min(U, I) K^2``: wide features without a projection take the most
    time.

    Shapes: U users, I items, D ``factors``, F features of a modality, K their projected width.

    Kind: multimodal. Graphs: users and items.
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
        self.convolutions = nn.ModuleList(
            ModalityConvolution(
                self.n_users,
                [projected.get(m, raw[m])] + [config.factors] * (config.num_layers - 1),
                config.factors,
                concatenation=config.concatenation,
                variant=config.variant,
            )
            for m in self.features
        )
        if config.variant == "mmrec":
            draw_as_one_table(self.users, self.items)
            for table in (self.users, self.items):
                table.weight.requires_grad_(False)
        to_users = interactions(dataset)
        self.graphs = to_users, to_users.transposed()
        if config.aggregation == "mean":
            self.graphs = self.graphs[0].by_row(), self.graphs[1].by_row()

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        return self.propagated(*self.everyone())

    def propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        to_users, to_items = self.graphs
        rows = BatchRows(to_users, users), BatchRows(to_items, items)
        ids = (self.users.weight, self.items.weight) if self.config.has_id else None
        raw = self.features.raw
        features = raw | self.projections({m: raw[m] for m in self.projections})
        outputs = [
            convolution(x, ids, self.graphs, rows)
            for x, convolution in zip(features.values(), self.convolutions, strict=True)
        ]
        embedded_users, embedded_items = zip(*outputs, strict=True)
        return torch.stack(embedded_users).mean(0), torch.stack(embedded_items).mean(0)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the BPR loss of the batch and the weighted penalty."""
        user, items = self.propagated(batch.users, batch.items)
        ids = self.users(batch.users), *batch.split(self.items(batch.items))
        penalty = l2_penalty(ids[0], *ids) / self.config.factors
        for modality, convolution in zip(self.features, self.convolutions, strict=True):
            if modality == self.config.penalised:
                penalty = penalty + convolution.get_parameter("preferences").square().mean()
        return {
            "ranking": bpr_loss(user, *batch.split(items)),
            "penalty": self.config.l_w * penalty,
        }
