"""BM3: self-supervised learning of two views of an embedding, without negative items."""

from __future__ import annotations

import torch
from pydantic import model_validator
from torch import Tensor, nn

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, Pairs
from mmrec.graph import bipartite, mean_of_layers
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.configs import Dropout, check_same_width
from mmrec.models.draws import dropout_factors
from mmrec.models.losses import alignment_loss, norm_penalty
from mmrec.models.parts import ItemFeatures, embeddings, interactions


class BM3Config(MultimodalConfig):
    """Hyper-parameters of :class:`BM3`."""

    lr: PositiveReal = 0.001
    """Learning rate of Adam."""
    factors: Count = 64
    """Width of the embeddings."""
    multimod_factors: Count | None = None
    """Width of the projected features; it must equal ``factors``, the predictor is the same."""
    n_layers: Natural = 1
    """Graph convolutions over users and items."""
    dropout: Dropout = 0.3
    """Share of the entries of a target that are set to 0."""
    reg_weight: NonNegativeReal = 0.1
    """Weight of the penalty on the embeddings of all users and items."""
    cl_weight: NonNegativeReal = 2.0
    """Weight of the alignment of each modality."""

    @model_validator(mode="after")
    def _check_widths(self) -> BM3Config:
        check_same_width("multimod_factors", self.multimod_factors, self.factors)
        return self


@register("BM3")
class BM3(Model):
    """Bootstrap Latent Representations for Multi-modal Recommendation (Zhou et al., WWW 2023).

    The model learns without negative items. With x the embeddings of LightGCN over users and items,
    an item adds its own embedding e, and the features of a modality m are projected:

        y_i = x_i + e_i
        g_im = W_m f_im + b_m

    One linear predictor q, for users, items and modalities, has to agree with targets. Targets,
    marked by ', are perturbed by dropout and have no gradient. For the interactions (u, i) of a
    batch,

        L = mean of (1 - cos(q(x_u), y_i')) + (1 - cos(q(y_i), x_u'))
            + cl_weight * sum_m mean of (1 - cos(q(g_im), y_i')) + (1 - cos(q(g_im), g_im'))
            + reg_weight / I * (|X| + |Y|)

    where X [U, D] and Y [I, D] are the embeddings of all users and items, and the norms are not
    squared. Ranking: ``s(u, i) = <q(x_u), q(y_i)>``. The raw features are trained, too.

    Public code: MMRec and the repository of the authors are the same, and this is their model.
    Formal-MultiMod-Rec computes the same with other defaults: ``lr: 0.0005``, ``reg_weight: 0.01``,
    ``cl_weight: 0.01``, ``dropout: 0.1`` and ``lr_sched: (0.96, 50)``. Its ``cl_weight`` is 200
    times smaller than that of the authors. They search ``n_layers``, ``dropout`` and
    ``reg_weight``.

    Cost: in a step, ``n_layers`` products with a graph of twice as many edges as interactions,
    projections of the items of the batch, and an update of the I F features.

    Shapes: U users, I items, D ``factors``, F features of all modalities.

    Kind: multimodal. Graphs: users and items.
    """

    Config = BM3Config
    sampler = Pairs
    config: BM3Config

    def __init__(self, config: BM3Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, config.factors, trainable=True)
        self.predictor = nn.Linear(config.factors, config.factors)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
        self.graph = bipartite(interactions(dataset)).symmetric()

    def propagated(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]; an item adds its own embedding to the mean."""
        x = torch.cat([self.users.weight, self.items.weight])
        users, items = mean_of_layers(self.graph, x, self.config.n_layers).split(self.sizes)
        return users, items + self.items.weight

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return the predictions of users [U, D] and items [I, D]."""
        users, items = self.propagated()
        return self.predictor(users), self.predictor(items)

    def mask(self, n: int) -> Tensor:
        """Draw the factors of a dropout of n rows, [n, D]: 0 or ``1 / (1 - dropout)``."""
        like = self.users.weight.new_empty(n, self.config.factors)
        return dropout_factors(like, self.config.dropout)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of equations 9 to 12; no item is negative.

        A mask is drawn for all users or items, so that an item has one however often it occurs.
        """
        users, items = self.propagated()
        user, item = users[batch.users], items[batch.positives]
        user_target = user * self.mask(self.n_users)[batch.users]
        item_target = item * self.mask(self.n_items)[batch.positives]
        losses = {
            "reconstruction": alignment_loss(self.predictor(user), item_target)
            + alignment_loss(self.predictor(item), user_target),
            "penalty": self.config.reg_weight * norm_penalty(users, items),
        }
        for modality, x in self.features.projected(batch.positives).items():
            target = x * self.mask(self.n_items)[batch.positives]
            prediction = self.predictor(x)
            losses[modality] = self.config.cl_weight * (
                alignment_loss(prediction, item_target) + alignment_loss(prediction, target)
            )
        return losses
