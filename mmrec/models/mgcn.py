"""MGCN: item embeddings purified by each modality, propagated, and fused by attention."""

from __future__ import annotations

import torch
from pydantic import model_validator
from torch import Tensor, nn

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import BatchRows, SparseMatrix, bipartite, mean_of_layers
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.losses import bpr_loss, info_nce_in_batch, l2_penalty
from mmrec.models.parts import Gate, ItemFeatures, ModalityAttention, embeddings, interactions

TEMPERATURE = 0.2
"""Of the contrastive loss."""


class MGCNConfig(MultimodalConfig):
    """Hyper-parameters of :class:`MGCN`."""

    lr: PositiveReal = 0.001
    """Learning rate of Adam."""
    lr_sched: tuple[PositiveReal, PositiveReal] = (0.96, 50.0)
    """The learning rate is ``lr * a^(t / b)`` after t epochs, for ``(a, b)``."""
    factors: Count = 64
    """Width of the embeddings."""
    n_layers: Natural = 1
    """Graph convolutions over the item graphs."""
    n_ui_layers: Natural = 2
    """Graph convolutions over users and items."""
    top_k: Count = 10
    """Neighbours of each item in a modality, including itself."""
    l_w: NonNegativeReal = 1e-4
    """Weight of the L2 penalty on the embeddings of a batch."""
    cl_loss: NonNegativeReal = 0.01
    """Weight of the contrastive loss."""

    @model_validator(mode="after")
    def _check_modalities(self) -> MGCNConfig:
        if len(self.modalities) < 2:
            raise ValueError(
                f"modalities: expected two or more, between which attention chooses, "
                f"found {self.modalities}"
            )
        return self


@register("MGCN")
class MGCN(Model):
    """Multi-View Graph Convolutional Network (Yu et al., ACM MM 2023).

    Each modality m purifies the item embeddings e by a gate. They spread over its item graph
    ``S_m`` (cosines of the ``top_k`` nearest, normalised), and by the normalised interactions R to
    users:

        h_m = S_m^n_layers (e * sigmoid(gate_m(W_m f_m + b_m)))
        M_m = [R h_m; h_m]

    With K the sum of all ``M_m``, weighted by attention over the modalities, and C the embeddings
    of LightGCN, users and items are ranked by C + V:

        V = (K + sum_m sigmoid(prefer_m(C)) * (M_m - K)) / (M + 1)

    The loss is BPR, plus ``l_w / (2 batch_size)`` times the squares of the ranked embeddings of the
    batch, plus ``cl_loss`` times InfoNCE (temperature 0.2) between C and V, of the users and of the
    positive items of the batch. The raw features are trained; the item graphs do not follow them.

    Public code: MMRec is followed (``l_w`` is ``reg_weight`` there, ``top_k`` is ``knn_k``). In the
    first release of the authors, the softmax of the attention was over the nodes; the published
    table is older than the correction. Both need exactly two modalities; here one is refused, since
    attention would have nothing to choose, and more are accepted.

    Cost: once, ``2 I^2 F`` operations for the similarities, in blocks; in a step, ``6 I F D``
    operations for the projections, and an update of the I F features.

    Shapes: U users, I items, M modalities, D ``factors``, F features of all modalities.

    Kind: multimodal. Graphs: users and items; items of each modality.
    """

    Config = MGCNConfig
    sampler = EachInteraction
    config: MGCNConfig

    def __init__(self, config: MGCNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        self.features = ItemFeatures(config, dataset, config.factors, trainable=True)
        self.attention = ModalityAttention(config.factors)
        self.gates = nn.ModuleList(Gate(config.factors) for _ in self.features)
        self.preferences = nn.ModuleList(Gate(config.factors) for _ in self.features)
        train = interactions(dataset)
        self.graph = bipartite(train).symmetric()
        self.to_users = train.by_row_and_column()
        self.item_graphs = self.shared(self.build_item_graphs, config.top_k)
        self.batch_size = self.n_users if config.batch_size == -1 else config.batch_size

    def build_item_graphs(self) -> dict[str, SparseMatrix]:
        """Return the normalised graph [I, I] of each modality's raw features."""
        return self.features.neighbour_graphs(self.config.top_k)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        users, items = self.everyone()
        collaborative, multimodal = self.views(users, items)
        return self.split_nodes(collaborative + multimodal, self.n_users)

    def views(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the collaborative and the multimodal part of some users, then of some items."""
        x = torch.cat([self.users.weight, self.items.weight])
        nodes = self.nodes(users, items)
        collaborative = mean_of_layers(self.graph, x, self.config.n_ui_layers, nodes)
        to_users = BatchRows(self.to_users, users)
        views = [torch.cat([to_users @ h, h.index_select(0, items)]) for h in self.item_views()]
        by_modality = torch.stack(views)
        fused = (self.attention(by_modality) * by_modality).sum(0)
        multimodal = fused
        for preference, view in zip(self.preferences, by_modality, strict=True):
            multimodal = multimodal + preference(collaborative) * (view - fused)
        return collaborative, multimodal / (len(by_modality) + 1)

    def item_views(self) -> list[Tensor]:
        """Return the purified and spread embeddings of the items, [I, D] per modality."""
        views = []
        for gate, (modality, x) in zip(self.gates, self.features.projected().items(), strict=True):
            items = self.items.weight * gate(x)
            for _ in range(self.config.n_layers):
                items = self.item_graphs[modality] @ items
            views.append(items)
        return views

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return BPR, the penalty, and the contrast of the two parts of users and of positives.

        The penalty is divided by ``batch_size``, also in a smaller last batch.
        """
        users, items, places = batch.distinct()
        collaborative, multimodal = self.views(users, items)
        sizes = [len(users), len(items)]
        triplet = places.of(*(collaborative + multimodal).split(sizes))
        of_users, of_items = zip(multimodal.split(sizes), collaborative.split(sizes), strict=True)
        user_contrast = info_nce_in_batch(*of_users, places.users, TEMPERATURE)
        item_contrast = info_nce_in_batch(*of_items, places.positives, TEMPERATURE)
        return {
            "ranking": bpr_loss(*triplet),
            "penalty": self.config.l_w * l2_penalty(*triplet, divisor=self.batch_size),
            "contrast": self.config.cl_loss * (user_contrast + item_contrast),
        }
