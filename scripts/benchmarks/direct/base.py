"""What the direct implementations share: weights, graphs of users and items, losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, softplus

from mmrec.data import Dataset


class Direct(ABC):
    """A training step with torch's and PyG's own operations.

    Args:
        weights: the initial parameters, by their names in mmrec's model.
        config: the hyper-parameters, as attributes.
        dataset: the training split and the features.

    Attributes:
        weights: the parameters.
    """

    def __init__(self, weights: Mapping[str, Tensor], config: Any, dataset: Dataset) -> None:
        self.weights = {name: nn.Parameter(x.detach().clone()) for name, x in weights.items()}
        self.config = config
        self.dataset = dataset
        self.n_users, self.n_items = dataset.n_users, dataset.n_items
        self.train_users = torch.from_numpy(dataset.train.users)
        self.train_items = torch.from_numpy(dataset.train.items)
        self.rng = np.random.default_rng(0)
        self.build()

    @abstractmethod
    def build(self) -> None:
        """Build the constant graphs."""

    @abstractmethod
    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of a batch; each argument is [B] int64."""

    def begin_epoch(self) -> None:  # noqa: B027 - optional
        """Draw what an epoch needs."""

    def parameters(self) -> list[nn.Parameter]:
        return list(self.weights.values())

    def rows(self, name: str, places: Tensor) -> Tensor:
        return embedding(places, self.weights[f"{name}.weight"])

    def linear(self, name: str, x: Tensor) -> Tensor:
        return linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    @property
    def nodes(self) -> Tensor:
        """The table of users and items, [U+I, D]."""
        return torch.cat([self.weights["users.weight"], self.weights["items.weight"]])

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        users, items = x.split([self.n_users, self.n_items])
        return users, items

    def constant_features(self) -> dict[str, Tensor]:
        sources: Mapping[str, str] = self.config.sources
        return {m: torch.tensor(self.dataset.features_of(x)) for m, x in sources.items()}

    def trained_features(self) -> Iterator[tuple[str, Tensor]]:
        """Return the projections of all items for each modality, [I, D]."""
        for modality in self.config.sources:
            raw = self.weights[f"features.{modality}"]
            yield modality, self.linear(f"features.projections.{modality}", raw)

    def edges(self, kept: Tensor | None = None) -> Tensor:
        """Return the edges from users to items and back, [2, 2E]."""
        users, items = self.train_users, self.train_items + self.n_users
        if kept is not None:
            users, items = users[kept], items[kept]
        return torch.stack([torch.cat([users, items]), torch.cat([items, users])])

    def adjacency(self, kept: Tensor | None = None, *, self_loops: bool = False) -> Tensor:
        """Return the matrix of ones of :meth:`edges`, CSR [U+I, U+I]."""
        edges = self.edges(kept)
        if self_loops:
            edges = torch.cat([edges, torch.arange(self.n_users + self.n_items).expand(2, -1)], 1)
        return sparse(
            edges, torch.ones(edges.shape[1]), self.n_users + self.n_items
        ).to_sparse_csr()

    def symmetric(self, kept: Tensor | None = None) -> Tensor:
        """Return ``D^-1/2 A D^-1/2``, COO [U+I, U+I]."""
        edges, n_nodes = self.edges(kept), self.n_users + self.n_items
        scale = (torch.bincount(edges[0], minlength=n_nodes) + 1e-7).pow(-0.5)
        return sparse(edges, scale[edges[0]] * scale[edges[1]], n_nodes)

    def neighbours(self, modality: str, top_k: int) -> tuple[Tensor, Tensor]:
        """Return the nearest items by raw features and their cosines, from all [I, I] cosines."""
        raw = self.weights[f"features.{modality}"].detach()
        directions = raw / raw.norm(dim=-1, keepdim=True)
        cosines, columns = torch.topk(directions @ directions.T, top_k, dim=-1)
        rows = torch.arange(self.n_items)[:, None].expand_as(columns)
        return torch.stack([rows.flatten(), columns.flatten()]), cosines.flatten()


def sparse(edges: Tensor, values: Tensor, n: int) -> Tensor:
    return torch.sparse_coo_tensor(edges, values, (n, n), check_invariants=False).coalesce()


def bpr(user: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    return softplus(-((user * positive).sum(-1) - (user * negative).sum(-1))).mean()


def squares(*rows: Tensor) -> Tensor:
    """Return half the sum of squares, as public code computes it: of the norms."""
    return torch.stack([x.norm(2).pow(2) for x in rows]).sum() / 2
