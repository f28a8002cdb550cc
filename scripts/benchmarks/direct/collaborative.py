"""Models without item features, over the whole graph in every step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, dropout, leaky_relu, normalize
from torch_geometric.nn import LGConv

from direct.base import Direct, bpr, squares


class BPRMF(Direct):
    def build(self) -> None:
        pass

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        rows = (
            self.rows("users", users),
            self.rows("items", positives),
            self.rows("items", negatives),
        )
        return bpr(*rows) + self.config.l_w * squares(*rows) / len(users)


class LightGCN(Direct):
    """LGConv normalises the graph in every layer of every step."""

    def build(self) -> None:
        self.conv = LGConv(normalize=True)
        self.adj = self.adjacency()

    def propagated(self, adj: Tensor) -> tuple[Tensor, Tensor]:
        layers = [self.nodes]
        for _ in range(self.config.n_layers):
            layers.append(self.conv(layers[-1], adj))
        return self.split(torch.stack(layers).mean(0))

    def layer_0(self, users: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, ...]:
        items = (self.rows("items", x) for x in (positives, negatives))
        return self.rows("users", users), *items

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        all_users, all_items = self.propagated(self.adj)
        ranking = bpr(all_users[users], all_items[positives], all_items[negatives])
        penalty = squares(*self.layer_0(users, positives, negatives)) / len(users)
        return ranking + self.config.l_w * penalty


class SGL(LightGCN):
    """Without an edge, so that each epoch has two views (``sampling: ed``)."""

    def build(self) -> None:
        super().build()
        self.begin_epoch()

    def begin_epoch(self) -> None:
        n_edges = len(self.train_users)
        n_kept = n_edges - round(n_edges * self.config.ssl_ratio)
        kept = [torch.from_numpy(self.rng.permutation(n_edges)[:n_kept]) for _ in range(2)]
        self.views = [self.adjacency(edges) for edges in kept]

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        all_users, all_items = self.propagated(self.adj)
        first, second = (self.propagated(view) for view in self.views)
        contrast = self.contrast(first[0], second[0], users)
        contrast = contrast + self.contrast(first[1], second[1], positives)
        ranking = bpr(all_users[users], all_items[positives], all_items[negatives])
        penalty = squares(*self.layer_0(users, positives, negatives))
        return len(users) * ranking + self.config.ssl_reg * contrast + self.config.l_w * penalty

    def contrast(self, first: Tensor, second: Tensor, nodes: Tensor) -> Tensor:
        first, second = normalize(first), normalize(second)
        logits = first[nodes] @ second.T / self.config.ssl_temp
        positive = (first[nodes] * second[nodes]).sum(1) / self.config.ssl_temp
        return (torch.logsumexp(logits, dim=1) - positive).sum()


class SimGCL(LightGCN):
    def view(self, *, noisy: bool) -> tuple[Tensor, Tensor]:
        x, layers = self.nodes, []
        for _ in range(self.config.n_layers):
            x = self.conv(x, self.adj)
            if noisy:
                x = x + torch.sign(x) * normalize(torch.rand_like(x)) * self.config.eps
            layers.append(x)
        return self.split(torch.stack(layers).mean(0))

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        all_users, all_items = self.view(noisy=False)
        user, positive, negative = all_users[users], all_items[positives], all_items[negatives]
        difference = (user * positive).sum(1) - (user * negative).sum(1)
        ranking = -torch.log(1e-5 + torch.sigmoid(difference)).mean()
        penalty = (torch.norm(user) + torch.norm(positive)) / len(users)
        (users_1, items_1), (users_2, items_2) = self.view(noisy=True), self.view(noisy=True)
        contrast = self.contrast(users_1, users_2, users.unique())
        contrast = contrast + self.contrast(items_1, items_2, positives.unique())
        return ranking + self.config.l_w * penalty + self.config.reg_cl * contrast

    def contrast(self, first: Tensor, second: Tensor, nodes: Tensor) -> Tensor:
        logits = normalize(first[nodes]) @ normalize(second[nodes]).T / 0.2
        return cross_entropy(logits, torch.arange(len(nodes)))


class NGCF(Direct):
    """The whole ``D^-1 (A + I)`` in every layer of every step."""

    def build(self) -> None:
        whole = self.adjacency(self_loops=self.config.normalize).to_sparse_coo()
        self.edges_of_graph, values = whole.indices(), whole.values()
        if self.config.normalize:
            values = values / torch.bincount(self.edges_of_graph[0])[self.edges_of_graph[0]]
        self.values = values
        self.begin_epoch()

    def begin_epoch(self) -> None:
        rate = self.config.node_dropout
        kept = torch.rand(len(self.values)) >= rate
        n_nodes = self.n_users + self.n_items
        self.adj = torch.sparse_coo_tensor(
            self.edges_of_graph[:, kept],
            self.values[kept] / (1 - rate),
            (n_nodes, n_nodes),
            check_invariants=False,
        ).to_sparse_csr()

    def layers(self) -> list[Tensor]:
        x = self.nodes
        layers = [x]
        for number in range(self.config.n_layers):
            w1, b1, w2, b2 = (
                self.weights[f"layers.layers.{number}.{x}"] for x in ("W1", "b1", "W2", "b2")
            )
            side = self.adj @ x
            x = leaky_relu(side @ w1 + b1 + torch.mul(x, side) @ w2 + b2, negative_slope=0.2)
            x = normalize(dropout(x, self.config.message_dropout))
            layers.append(x)
        return layers

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        all_users, all_items = self.split(torch.cat(self.layers(), dim=1))
        rows = all_users[users], all_items[positives], all_items[negatives]
        return bpr(*rows) + self.config.l_w * squares(*rows) / len(users)
