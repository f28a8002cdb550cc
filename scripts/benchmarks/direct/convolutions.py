"""MMGCN and GRCN as PyG's message passing over lists of edges, one modality after the other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, normalize
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from direct.base import Direct, bpr, squares


class Mean(MessagePassing):  # type: ignore[misc] # PyG's classes have no types
    def __init__(self, aggregation: str) -> None:
        super().__init__(aggr=aggregation)

    def forward(self, x: Tensor, edges: Tensor) -> Any:
        return self.propagate(edges, x=x)

    def message(self, x_j: Tensor) -> Tensor:
        return x_j


class MMGCN(Direct):
    def build(self) -> None:
        self.features = self.constant_features()
        self.all_edges = self.edges()
        self.mean = Mean(self.config.aggregation)

    def convolved(self, number: int, features: Tensor) -> Tensor:
        name = f"convolutions.{number}"
        x = normalize(torch.cat([self.weights[f"{name}.preferences"], features]))
        for layer in (f"{name}.layers.{n}" for n in range(self.config.num_layers)):
            received = self.mean(x @ self.weights[f"{layer}.weight"], self.all_edges)
            kept = leaky_relu(self.linear(f"{layer}.own", x))
            kept = kept + self.nodes if self.config.has_id else kept
            received = leaky_relu(received)
            if self.config.concatenation:
                x = leaky_relu(self.linear(f"{layer}.join", torch.cat([received, kept], dim=1)))
            else:
                x = leaky_relu(self.linear(f"{layer}.join", received) + kept)
        return x

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        outputs = []
        for number, (modality, features) in enumerate(self.features.items()):
            name = f"projections.{modality}"
            is_projected = f"{name}.weight" in self.weights
            projected = self.linear(name, features) if is_projected else features
            outputs.append(self.convolved(number, projected))
        all_users, all_items = self.split(torch.stack(outputs).mean(0))
        user = self.rows("users", users)
        ids = user, user, self.rows("items", positives), self.rows("items", negatives)
        penalty = squares(*ids) / (len(users) * self.config.factors)
        penalty = penalty + self.weights["convolutions.0.preferences"].pow(2).mean()
        ranking = bpr(all_users[users], all_items[positives], all_items[negatives])
        return ranking + self.config.l_w * penalty


class Attention(MessagePassing):  # type: ignore[misc]
    """Each node receives its neighbours, weighted by the softmax of the inner products."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, x: Tensor, edges: Tensor) -> Any:
        return self.propagate(edges, x=x)

    def message(self, x_i: Tensor, x_j: Tensor, edge_index_i: Tensor, size_i: int | None) -> Tensor:
        products = (x_i * x_j).sum(dim=-1)
        self.weights = softmax(products, edge_index_i, num_nodes=size_i)
        return x_j * self.weights.view(-1, 1)


class Weighted(MessagePassing):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Any:
        return self.propagate(edges, x=x, weights=weights)

    def message(self, x_j: Tensor, weights: Tensor) -> Tensor:
        return x_j * weights.view(-1, 1)


class GRCN(Direct):
    """With the confidence of the target, pruning, and all parts side by side."""

    def build(self) -> None:
        self.features = self.constant_features()
        self.all_edges = self.edges()
        self.to_users = self.all_edges[:, len(self.train_users) :]
        self.attention, self.weighted = Attention(), Weighted()

    def refined(self, number: int, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nodes of a modality, [U+I, K], and the attention of the edges, [2E]."""
        preferences = normalize(self.weights[f"refining.preferences.{number}"])
        for _ in range(self.config.num_routings):
            received = self.attention(torch.cat([preferences, features]), self.to_users)
            preferences = normalize(preferences + received[: self.n_users])
        x = torch.cat([preferences, features])
        received = self.attention(x, self.all_edges)
        return x + received, self.attention.weights

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        parts, attention = [], []
        for number, (modality, raw) in enumerate(self.features.items()):
            projected = self.linear(f"features.projections.{modality}", raw)
            x, weights = self.refined(number, normalize(leaky_relu(projected)))
            parts.append(x)
            attention.append(weights)
        confidence = self.weights["refining.confidence"][self.all_edges[1]]
        weights = torch.relu(torch.max(torch.stack(attention, dim=1) * confidence, dim=1)[0])
        ids = total = normalize(self.nodes)
        for _ in range(self.config.num_layers):
            ids = normalize(self.weighted(ids, self.all_edges, weights))
            total = total + ids
        all_users, all_items = self.split(torch.cat([total, *parts], dim=1))
        user = self.rows("users", users)
        tables = user, user, self.rows("items", positives), self.rows("items", negatives)
        penalty = squares(*tables) / (len(users) * self.config.factors)
        loss = bpr(all_users[users], all_items[positives], all_items[negatives])
        loss = loss + self.config.l_w * penalty
        for number in range(len(parts)):
            preferences = self.weights[f"refining.preferences.{number}"][users]
            loss = loss + preferences.pow(2).mean()
        return loss
