"""VBPR: matrix factorisation with a second user embedding for projected item features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from mmrec.config import Count, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, EachInteraction, Sampler, UniformUsers
from mmrec.graph import normalise_rows
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import BatchSize
from mmrec.models.losses import bounded_bpr_loss, bpr_loss, norm_penalty
from mmrec.models.other_tools import elliots_own_keys
from mmrec.models.parts import ItemFeatures, Table, embedding, padded
from mmrec.models.wide import WideLinear

OFFSET = 1e-10
"""Added by the variants to the probability whose logarithm is the loss of ranking."""


class VBPRConfig(MultimodalConfig):
    """Hyper-parameters of :class:`VBPR`."""

    unsupported = elliots_own_keys("VBPR")

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

    The features x of all modalities are concatenated and constant. They are projected, and each
    user has a second embedding t for them:

        e_i = (W x_i + b) / |W x_i + b|
        s(u, i) = <p_u, q_i> + <t_u, e_i>

    The loss of B triplets (u, p, n) is

        mean of -log sigmoid(s(u, p) - s(u, n))
        + l_w / (2 B) * (sum of |p_u|^2 + |t_u|^2 + |q_p|^2 + |e_p|^2 + |q_n|^2 + |e_n|^2)

    Public code: no implementation has the bias terms of the paper. They differ from each other, and
    ``variant`` chooses one.

    - ``formal`` (Formal-MultiMod-Rec) is the model above. The initial ``t_u`` is drawn from N(0,
      1). Users are drawn uniformly.
    - ``mmrec`` (MMRec) does not divide ``e_i`` by its norm. The logarithm is that of ``1e-10 +
      sigmoid``, which bounds the loss of a triplet. The penalty is ``l_w / B`` times the
      norms, not squared, of all users and of all items of the batch. ``t_u`` and W start from
      Xavier's distributions. Each interaction is drawn once in an epoch. Textual features come
      first.
    - ``mbpr`` (Multimodal-RSs-Reproducibility) is ``mmrec`` with the features in the order of
      ``modalities``. ``lr_sched: (0.96, 50)`` gives the learning rates of the public code, which
      accepts exactly two modalities; here any number works.

    Cost: in a step, the projection of the items of the batch, at most ``8 B F D`` multiplications
    and additions, and an update of ``(2 U + I) D`` embeddings. Evaluation projects all items.

    Shapes: U users, I items, D ``factors``, F features of all modalities.

    Kind: multimodal.
    """

    Config = VBPRConfig
    config: VBPRConfig
    features: Tensor
    """The concatenated features, [I, F]."""

    def __init__(self, config: VBPRConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.is_formal = config.variant == "formal"
        self.items = embedding(self.n_items, config.factors)
        features = ItemFeatures(config, dataset).raw
        if config.variant == "mmrec":
            features = dict(sorted(features.items(), key=lambda pair: pair[0] != "textual"))
        self.register_buffer("features", torch.cat([*features.values()], dim=1), persistent=False)
        self.projection = WideLinear(self.features.shape[1], config.factors)
        if self.is_formal:
            collaborative = embedding(self.n_users, config.factors).weight.detach()
            initial = torch.cat([collaborative, torch.randn_like(collaborative)], dim=1)
            self.users: nn.Embedding = Table(self.n_users, 2 * config.factors, _weight=initial)
        else:
            self.users = embedding(self.n_users, 2 * config.factors)
            nn.init.xavier_normal_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)

    @classmethod
    def default_sampler(cls, config: VBPRConfig) -> type[Sampler]:
        """Return ``UniformUsers`` for ``variant: formal``, else ``EachInteraction``."""
        return UniformUsers if config.variant == "formal" else EachInteraction

    def embed_items(self, items: Tensor | None = None) -> Tensor:
        """Return ``[q_i, e_i]`` of some items, [P, 2D].

        Args:
            items: [P] int64; without them all items.
        """
        collaborative, features = self.items.weight, self.features
        if items is not None:
            collaborative, features = self.items(items), features.index_select(0, items)
        content = self.projection(features)
        content = normalise_rows(content) if self.is_formal else content
        return torch.cat([collaborative, content], dim=1)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, 2D] and items [I, 2D]."""
        return self.users.weight, self.embed_items()

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty on its embeddings."""
        distinct, places = batch.items.unique(return_inverse=True)
        items = self.embed_items(padded(distinct)).index_select(0, places)
        rows = self.users(batch.users), *batch.split(items)
        if self.is_formal:
            return bpr_loss(*rows, l_w=self.config.l_w)
        ranking = bounded_bpr_loss(*rows, offset=OFFSET)
        return ranking + self.config.l_w * norm_penalty(*rows)


@register("MBPR")
class MBPR(VBPR):
    """VBPR (He and McAuley, AAAI 2016) with ``variant: mbpr``, under the name of published files.

    The defaults are those of the published experiment files.

    Public code: Multimodal-RSs-Reproducibility never trains the embeddings of users on a GPU,
    because they are moved there after they became parameters. Here they are trained on every
    device.

    Cost: that of VBPR.

    Kind: multimodal.
    """

    Config = MBPRConfig
