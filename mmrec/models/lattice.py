"""LATTICE: item-item graphs learned from multimodal features, with collaborative filtering."""

from __future__ import annotations

import logging

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, DistinctUsers
from mmrec.graph import Pattern, SparseMatrix
from mmrec.models import Batch, Model, MultimodalConfig, register
from mmrec.models.collaborative import Collaborative, check_ngcf_layers, collaborative_layers
from mmrec.models.configs import BatchSize, Dropout, InstalledSearch, Share
from mmrec.models.learned_graph import learned_item_graph, raw_item_graph
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.parts import ItemFeatures, Projections, embeddings, interactions

logger = logging.getLogger(__name__)


class LATTICEConfig(MultimodalConfig):
    """Hyper-parameters of :class:`LATTICE`."""

    batch_size: BatchSize = -1
    """Samples in an optimisation step; -1 for as many as there are users."""
    factors: Count = 64
    """Width of the user and item embeddings."""
    factors_multimod: Count = 64
    """Width of the projected features that the learned graph compares."""
    n_layers: Natural = 1
    """Graph convolutions over the item graph."""
    n_ui_layers: Natural = 3
    """Graph convolutions over users and items."""
    top_k: Count = 100
    """Neighbours of each item, including itself; at most all items are taken."""
    neighbours: InstalledSearch = "exact"
    """How they are found; ``approximate`` (extra ``ann``) is for hundreds of thousands of items."""
    cf: Collaborative = "lightgcn"
    """The collaborative part; ``mf`` propagates over the item graph alone."""
    l_m: Share = 0.1
    """Share of the raw features' graphs in the item graph; the rest is learned."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty on the embeddings of a batch."""
    lr_sched: tuple[PositiveReal, PositiveReal] = (0.96, 50.0)
    """The learning rate is ``lr * a^(t / b)`` after t epochs, for ``(a, b)``."""
    ws: tuple[Count, ...] = (64, 64, 64)
    """Widths of the NGCF layers; layers are averaged, so each must equal ``factors``."""
    dl: tuple[Dropout, ...] = (0.1, 0.1, 0.1)
    """Dropout of each NGCF layer, in training."""

    @model_validator(mode="after")
    def _check_ngcf_layers(self) -> LATTICEConfig:
        if self.cf == "ngcf":
            check_ngcf_layers(self.n_ui_layers, self.factors, self.ws, self.dl)
        return self


@register("LATTICE")
class LATTICE(Model):
    """Mining Latent Structures for Multimedia Recommendation (Zhang et al., ACM MM 2021).

    In each modality the features f are projected (equation 1 of the paper), compared by cosine (2),
    and each item keeps its ``top_k`` nearest (3). A trained weight w of each modality mixes them
    (4):

        t_m = W_m f_m + b_m
        S_m = the top_k largest cosines of each row of t_m
        T = sum_m softmax(w)_m S_m

    The diagonal of T is set to 1, and T is normalised (5). The same is done once with the raw
    features of each modality, which gives ``R_m``. Both are mixed (6), and items gather over the
    result (7):

        G = (1 - l_m) D^-1/2 T D^-1/2 + l_m sum_m softmax(w)_m R_m
        h = G^n_layers e

    An item is ranked by its collaborative embedding plus ``h / |h|``. The first batch of an epoch
    builds G with a gradient, the others use it without one; ranking builds it from the current
    parameters.

    The collaborative embedding of users and items is the mean of the table x and of ``n_ui_layers``
    layers, each divided by its norm, over the graph ``A' = D^-1 (A + I)``:

    - ``cf: lightgcn``: ``x <- A' x``
    - ``cf: ngcf``: ``x <- dropout(LeakyReLU_0.2((A' x) W1 + b1 + (A' x * x) W2 + b2))``, with the
      dropouts ``dl``
    - ``cf: mf``: no layers

    The loss is BPR plus ``l_w / (2 B)`` times the squares of the ranked embeddings of a batch,
    whose users are distinct. The raw features are trained, too.

    Public code: Multimodal-RSs-Reproducibility is followed, also in the gradient of G. The code of
    the authors and MMRec do not normalise the layers of LightGCN. Formal-MultiMod-Rec divides A + I
    by the degrees on both sides. All of them compute I x I similarities; here they are computed in
    blocks.

    Cost: in an epoch, one construction of G, ``2 I^2 K`` operations for each modality and its
    gradient on the kept similarities alone; in a step, products with the two graphs and, in the
    first one, an update of the I F features. Memory: ``I top_k`` similarities for each modality.

    Shapes: U users, I items, D ``factors``, K ``factors_multimod``, F features of all modalities.

    Kind: multimodal. Graphs: users and items; items.
    """

    Config = LATTICEConfig
    sampler = DistinctUsers
    config: LATTICEConfig

    def __init__(self, config: LATTICEConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.user_embedding, self.item_embedding = embeddings(self.sizes, config.factors)
        self.collaborative = collaborative_layers(
            config.cf, interactions(dataset), config.n_ui_layers, config.factors, config.dl
        )
        self.features = ItemFeatures(config, dataset, trainable=True)
        self.projections = Projections(self.features.widths, config.factors_multimod)
        self.importance = nn.Parameter(torch.full((len(self.features),), 1 / len(self.features)))
        self.raw_graphs = self.shared(self.build_raw_graphs, config.top_k, config.neighbours)
        self.graph_of_epoch: SparseMatrix | None = None
        self._warn_of_isolated_items()

    def build_raw_graphs(self) -> list[SparseMatrix]:
        """Return the normalised graph [I, I] of each modality's raw features."""
        top_k, search = self.config.top_k, self.config.neighbours
        graphs = [raw_item_graph(x, top_k, search) for x in self.features.raw.values()]
        return SparseMatrix.aligned(graphs)

    def _warn_of_isolated_items(self) -> None:
        for modality, graph in zip(self.features, self.raw_graphs, strict=True):
            n_isolated = int((graph.row_sums == 0).sum())
            if n_isolated:
                logger.warning(
                    "LATTICE: %d of %d items have no neighbours in the graph of the %s features, "
                    "because the cosines of their %d nearest (top_k) have no positive sum; a "
                    "smaller top_k keeps positive cosines only",
                    *(n_isolated, self.n_items, modality, self.config.top_k),
                )

    def item_graph(self, raw_share: float | None = None) -> SparseMatrix:
        """Build the item graph [I, I] from the current parameters (equations 1 to 6).

        Args:
            raw_share: share of the raw features' graphs; by default ``l_m``.
        """
        share = self.config.l_m if raw_share is None else raw_share
        weights = self.importance.softmax(0)
        projected = list(self.projections(self.features.raw).values())  # eq. 1
        learned = learned_item_graph(projected, weights, self.config.top_k, self.config.neighbours)
        raw = SparseMatrix.weighted_sum(self.raw_graphs, weights)
        return (1 - share) * learned + share * raw  # eq. 6

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D] over the item graph of the current parameters."""
        return self.propagated(self.item_graph(), *self.everyone())

    def propagated(
        self, graph: SparseMatrix, users: Tensor, items: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        latent = self.item_embedding.weight
        for _ in range(self.config.n_layers):
            latent = graph @ latent  # eq. 7
        x = torch.cat([self.user_embedding.weight, self.item_embedding.weight])
        rows = self.collaborative(x, self.nodes(users, items))
        embedded_users, embedded_items = self.split_nodes(rows, len(users))
        return embedded_users, embedded_items + normalize(latent.index_select(0, items))

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        """Forget the item graph of the last epoch."""
        self.graph_of_epoch = None

    def epoch_state(self) -> dict[str, Tensor]:
        """Return the item graph of the current epoch."""
        graph = self.graph_of_epoch
        if graph is None:
            return {}
        return {"rows": graph.pattern.rows, "cols": graph.pattern.cols, "values": graph.values}

    def load_epoch_state(self, state: dict[str, Tensor]) -> None:
        """Restore the item graph of an epoch."""
        if state:
            pattern = Pattern(state["rows"], state["cols"], (self.n_items, self.n_items))
            self.graph_of_epoch = SparseMatrix(pattern, state["values"])

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty on its embeddings."""
        graph = self.graph_of_epoch
        if graph is None:
            graph = self.item_graph()
            self.graph_of_epoch = graph.detach()
        user, items = self.propagated(graph, batch.users, batch.items)
        positive, negative = batch.split(items)
        ranking = bpr_loss(user, positive, negative)
        return ranking + self.config.l_w * l2_penalty(user, positive, negative)

    def diagnostics(self) -> dict[str, float]:
        """Return the weight of each modality in the item graph (equation 4)."""
        weights = self.importance.softmax(0).tolist()
        return {f"modality_weights/{m}": w for m, w in zip(self.features, weights, strict=True)}
