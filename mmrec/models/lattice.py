"""LATTICE: item-item graphs mined from multimodal features, beside collaborative filtering."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrec.config import Count, Natural, NonNegativeReal
from mmrec.data import Dataset, DistinctUsers
from mmrec.graph import (
    ItemGraph,
    Pattern,
    Search,
    bipartite_adjacency,
    fuse,
    has_approximate_neighbours,
)
from mmrec.models.base import (
    Batch,
    Model,
    MultimodalConfig,
    register,
    train_edges,
    trainable_features,
)
from mmrec.models.collaborative import LightGCNLayers, NGCFLayers
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.raw_graphs import shared_raw_graphs
from mmrec.text import install_hint

Share = Annotated[NonNegativeReal, Field(le=1)]
Dropout = Annotated[NonNegativeReal, Field(lt=1)]


class LATTICEConfig(MultimodalConfig):
    """Hyper-parameters of :class:`LATTICE`."""

    factors: Count = 64
    """Width of the user and item embeddings."""
    factors_multimod: Count = 64
    """Width of the projected features that the learned graph compares."""
    n_layers: Natural = 1
    """Graph convolutions over the item graph."""
    n_ui_layers: Natural = 3
    """Graph convolutions over users and items."""
    top_k: Count = 100
    """Neighbours kept for each item, itself among them; at most all items."""
    neighbours: Search = "exact"
    """How they are found; ``approximate`` (extra ``ann``) is for hundreds of thousands of items."""
    cf: Literal["lightgcn", "ngcf", "mf"] = "lightgcn"
    """The collaborative part; ``mf`` propagates over the item graph alone."""
    l_m: Share = 0.1
    """Share of the raw features' graphs in the item graph; the rest is learned."""
    l_w: NonNegativeReal = 0.01
    """Weight of the L2 penalty on the embeddings of a batch."""
    ws: tuple[Count, ...] = (64, 64, 64)
    """Widths of the NGCF layers; layers are averaged, so each must equal ``factors``."""
    dl: tuple[Dropout, ...] = (0.1, 0.1, 0.1)
    """Dropout of each NGCF layer, in training."""

    @field_validator("neighbours")
    @classmethod
    def _check_faiss(cls, search: Search) -> Search:
        if search == "approximate" and not has_approximate_neighbours():
            raise ValueError(f"approximate needs faiss: {install_hint('ann')}")
        return search

    @model_validator(mode="after")
    def _check_ngcf_layers(self) -> LATTICEConfig:
        if self.cf != "ngcf":
            return self
        for name, values in (("ws", self.ws), ("dl", self.dl)):
            if len(values) < self.n_ui_layers:
                raise ValueError(
                    f"{name}: expected a value for each of the {self.n_ui_layers} layers "
                    f"(n_ui_layers), found {values}"
                )
        if any(width != self.factors for width in self.ws[: self.n_ui_layers]):
            raise ValueError(
                f"ws: layers are averaged, so every width must equal factors = {self.factors}, "
                f"found {self.ws}"
            )
        return self


@register("LATTICE")
class LATTICE(Model):
    """Mining Latent Structures for Multimedia Recommendation (Zhang et al., ACM MM 2021).

    The item graph mixes the similarity of the raw features with one learned from their
    projections; items gather over it, ``h = A^n_layers e`` (equation 7), and are ranked as
    ``collaborative embedding + normalised(h)``.

    The graph is learned once per epoch: the first batch builds it with a gradient, the others
    use it as it is. Ranking always builds it anew from the current parameters.

    Shapes: U users, I items, D ``factors``, M modalities, F_m features of modality m.
    """

    Config = LATTICEConfig
    sampler = DistinctUsers
    config: LATTICEConfig

    def __init__(self, config: LATTICEConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.user_embedding = nn.Embedding(self.n_users, config.factors)
        self.item_embedding = nn.Embedding(self.n_items, config.factors)
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)
        self.collaborative = self._collaborative_layers(dataset)

        self.features = trainable_features(config, dataset)
        self.projections = nn.ModuleDict(
            {m: nn.Linear(x.shape[1], config.factors_multimod) for m, x in self.features.items()}
        )
        self.importance = nn.Parameter(torch.full((len(self.features),), 1 / len(self.features)))
        self.raw_graphs = shared_raw_graphs(
            dataset,
            list(self.features.values()),
            (*config.sources.values(), config.seed if config.control == "permute" else None),
            config.top_k,
            config.neighbours,
        )
        self._graph_of_epoch: ItemGraph | None = None

    def _collaborative_layers(self, dataset: Dataset) -> nn.Module | None:
        if self.config.cf == "mf":
            return None
        adjacency = bipartite_adjacency(
            *train_edges(dataset),
            self.n_users,
            self.n_items,
            normalisation="row",
            self_loops=True,
        )
        if self.config.cf == "lightgcn":
            return LightGCNLayers(adjacency, self.config.n_ui_layers)
        dropouts = self.config.dl[: self.config.n_ui_layers]
        return NGCFLayers(adjacency, self.config.factors, dropouts)

    def item_graph(self, raw_share: float | None = None) -> ItemGraph:
        """Build the item graph [I, I] from the current parameters (equations 1 to 6).

        Args:
            raw_share: of the raw features' graphs; by default ``l_m``. With 0 the graph is the
                learned one alone, with 1 the raw one.
        """
        projected = [self.projections[m](x) for m, x in self.features.items()]  # eq. 1
        return fuse(
            self.raw_graphs,
            projected,
            self.importance.softmax(0),
            top_k=self.config.top_k,
            raw_share=self.config.l_m if raw_share is None else raw_share,
            search=self.config.neighbours,
        )

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D] over the item graph of the current parameters."""
        return self._embed(self.item_graph(), *self.everyone())

    def _embed(self, graph: ItemGraph, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some users and items."""
        latent = self.item_embedding.weight
        for _ in range(self.config.n_layers):
            latent = graph.propagate(latent)  # eq. 7
        latent = normalize(latent.index_select(0, items))
        nodes = torch.cat([users, self.n_users + items])
        embeddings = torch.cat([self.user_embedding.weight, self.item_embedding.weight])
        if self.collaborative is None:
            embeddings = embeddings.index_select(0, nodes)
        else:
            embeddings = self.collaborative(embeddings, nodes)
        embedded_users, embedded_items = embeddings.split([len(users), len(items)])
        return embedded_users, embedded_items + latent

    def on_epoch_start(self, epoch: int) -> None:
        """Forget the last epoch's item graph."""
        self._graph_of_epoch = None

    def epoch_state(self) -> dict[str, Tensor]:
        """Return the item graph of the epoch that runs."""
        graph = self._graph_of_epoch
        if graph is None:
            return {}
        return {"rows": graph.pattern.rows, "cols": graph.pattern.cols, "values": graph.values}

    def load_epoch_state(self, state: dict[str, Tensor]) -> None:
        """Take up the item graph of an epoch again."""
        if state:
            shape = (self.n_items, self.n_items)
            pattern = Pattern(state["rows"], state["cols"], shape)
            self._graph_of_epoch = ItemGraph(pattern, state["values"])

    def loss(self, batch: Batch) -> Tensor:
        """Return the BPR loss of the batch plus the weighted penalty on its embeddings."""
        graph = self._graph_of_epoch
        if graph is None:
            graph = self.item_graph()
            self._graph_of_epoch = graph.detach()
        user, items = self._embed(graph, batch.users, batch.items)
        positive, negative = items.chunk(2)
        ranking = bpr_loss((user * positive).sum(1), (user * negative).sum(1))
        return ranking + self.config.l_w * l2_penalty(user, positive, negative)

    def diagnostics(self) -> dict[str, float]:
        """Return the weight of each modality in the item graph (equation 4)."""
        weights = self.importance.softmax(0).tolist()
        return {f"modality_weights/{m}": w for m, w in zip(self.features, weights, strict=True)}

    def lr_factor(self, epoch: int) -> float:
        """Decay the learning rate to ``0.96^(t / 50)`` after t epochs."""
        return float(0.96 ** ((epoch - 1) / 50))
