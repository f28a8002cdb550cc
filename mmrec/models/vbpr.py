"""VBPR: matrix factorisation with a second user embedding for projected item features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrec.config import Count, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, EachInteraction, Sampler, UniformUsers
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import BatchSize
from mmrec.models.losses import bpr_loss, l2_penalty, norm_penalty
from mmrec.models.parts import ItemFeatures, embedding


class VBPRConfig(MultimodalConfig):
    """Hyper-parameters of :class:`VBPR`."""

    lr: PositiveReal = 0.001
    """Learning rate of Adam."""
    factors: Count = 64
    """Width of the collaborative embeddings, and that of the projected features."""
    l_w: NonNegativeReal = 0.01
    """Weight of the penalty on the embeddings of a batch."""
    comb_mod: Literal["concat"] = "concat"
    """How the modalities join: their features are concatenated."""
    variant: Literal["formal", "mmrec", "mbpr"] = "formal"
    """The public implementation to follow: Formal-MultiMod-Rec, MMRec, or MBPR."""


class MBPRConfig(VBPRConfig):
    """Hyper-parameters of :class:`MBPR`."""

    batch_size: BatchSize = 2048
    """Samples in an optimisation step; -1 for as many as there are users."""
    l_w: NonNegativeReal = 2.0
    """Weight of the penalty on the embeddings of a batch."""
    variant: Literal["formal", "mmrec", "mbpr"] = "mbpr"
    """The public implementation to follow: Formal-MultiMod-Rec, MMRec, or MBPR."""


@register("VBPR")
class VBPR(Model):
    """Visual Bayesian Personalized Ranking (He and McAuley, AAAI 2016), for any modalities.

    A score is ``<p_u, q_i> + <t_u, e_i>``, where ``e_i = W x_i + b`` projects the concatenated
    features ``x_i``, which are constant. As in the public implementations there are no bias terms.

    ``variant: formal`` divides ``e_i`` by its norm, draws the initial ``t_u`` from N(0, 1), draws
    users uniformly, and penalises squared norms, ``l2_penalty``. The two others keep the length of
    ``e_i``, take each interaction once per epoch, and penalise norms, ``norm_penalty``. ``mmrec``
    concatenates the textual features before the others.

    Shapes: U users, I items, D ``factors``, F features of all modalities.
    """

    Config = VBPRConfig
    config: VBPRConfig

    def __init__(self, config: VBPRConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.is_formal = config.variant == "formal"
        self.items = embedding(self.n_items, config.factors)
        features = ItemFeatures(config, dataset).raw
        if config.variant == "mmrec":
            features = dict(sorted(features.items(), key=lambda pair: pair[0] != "textual"))
        self.register_buffer("features", torch.cat([*features.values()], dim=1), persistent=False)
        self.projection = nn.Linear(self.features.shape[1], config.factors)
        if self.is_formal:
            collaborative = embedding(self.n_users, config.factors).weight.detach()
            initial = torch.cat([collaborative, torch.randn_like(collaborative)], dim=1)
            self.users = nn.Embedding.from_pretrained(initial, freeze=False)
        else:
            self.users = embedding(self.n_users, 2 * config.factors)
            nn.init.xavier_normal_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)

    features: Tensor
    """[I, F]."""

    @classmethod
    def default_sampler(cls, config: VBPRConfig) -> type[Sampler]:
        """Return ``UniformUsers`` for ``variant: formal``, else ``EachInteraction``."""
        return UniformUsers if config.variant == "formal" else EachInteraction

    def embed_items(self, items: Tensor) -> Tensor:
        """Return ``[q_i, e_i]`` of some items, [P, 2D]."""
        if len(items) < self.n_items:
            content = self.projection(self.features[items])
        else:
            content = self.projection(self.features)[items]
        content = normalize(content) if self.is_formal else content
        return torch.cat([self.items(items), content], dim=1)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, 2D] and items [I, 2D]."""
        _, items = self.everyone()
        return self.users.weight, self.embed_items(items)

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty on its embeddings."""
        user = self.users(batch.users)
        positive, negative = batch.split(self.embed_items(batch.items))
        penalty = l2_penalty if self.is_formal else norm_penalty
        return bpr_loss(user, positive, negative) + self.config.l_w * penalty(
            user, positive, negative
        )


@register("MBPR")
class MBPR(VBPR):
    """VBPR as ``variant: mbpr``, the name and defaults of published experiment files."""

    Config = MBPRConfig
