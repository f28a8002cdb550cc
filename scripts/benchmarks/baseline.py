"""The usual way to write these models, to measure mmrec against.

PyG's LGConv over a torch sparse matrix, dense item similarities, unfused Adam, one Python step for
each training sample, dictionaries in the evaluation, and one np.load for each feature file. It is
the same work as mmrec's: the same layers, losses, numbers of samples and evaluations.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, normalize, softplus
from torch_geometric.nn import LGConv

from mmrec.data import Dataset, Interactions

FACTORS, L_W, LR = 64, 1e-5, 0.005


def load_features(folder: Path, item_ids: list[str]) -> np.ndarray:
    rows = np.empty((len(item_ids), len(np.load(folder / f"{item_ids[0]}.npy"))), np.float32)
    for row, item_id in enumerate(item_ids):
        rows[row] = np.load(folder / f"{item_id}.npy")
    return rows


def as_dict(split: Interactions) -> dict[int, dict[int, float]]:
    users: dict[int, dict[int, float]] = {}
    for user, item, rating in zip(split.users, split.items, split.ratings, strict=True):
        users.setdefault(int(user), {})[int(item)] = float(rating)
    return users


def graph(dataset: Dataset, *, self_loops: bool) -> Tensor:
    users = torch.from_numpy(dataset.train.users)
    items = torch.from_numpy(dataset.train.items) + dataset.n_users
    n_nodes = dataset.n_users + dataset.n_items
    rows, cols = torch.cat([users, items]), torch.cat([items, users])
    if self_loops:
        nodes = torch.arange(n_nodes)
        rows, cols = torch.cat([rows, nodes]), torch.cat([cols, nodes])
    values = torch.ones(len(rows))
    if self_loops:
        degrees = torch.zeros(n_nodes).index_add(0, rows, values)
        values = values / degrees[rows]
    return torch.sparse_coo_tensor(
        torch.stack([rows, cols]), values, (n_nodes, n_nodes), check_invariants=False
    ).to_sparse_csr()


class LightGCNM(nn.Module):
    n_layers = 1

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self.n_users, self.n_items = dataset.n_users, dataset.n_items
        self.train_items = as_dict(dataset.train)
        self.n_train = len(dataset.train)
        self.Gu = nn.Embedding(self.n_users, FACTORS)
        nn.init.xavier_uniform_(self.Gu.weight)
        tables = [torch.tensor(x) for x in dataset.features.values()]
        self.F = nn.ModuleList(nn.Embedding.from_pretrained(x, freeze=False) for x in tables)
        self.proj = nn.ModuleList(nn.Linear(x.shape[1], FACTORS) for x in tables)
        self.conv = LGConv(normalize=True)
        self.adj = graph(dataset, self_loops=False)

    def embed(self) -> tuple[Tensor, Tensor]:
        items = [normalize(p(f.weight)) for f, p in zip(self.F, self.proj, strict=True)]
        x = torch.cat([self.Gu.weight, torch.stack(items).mean(0)])
        layers = [x]
        for _ in range(self.n_layers):
            layers.append(self.conv(layers[-1], self.adj))
        x = torch.stack(layers).mean(0)
        return x[: self.n_users], x[self.n_users :]

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        all_users, all_items = self.embed()
        u, p, n = all_users[users], all_items[positives], all_items[negatives]
        difference = (u * n).sum(-1) - (u * p).sum(-1)
        squares = sum(x.norm(2).pow(2) for x in (self.Gu.weight[users], p, n))
        loss: Tensor = softplus(difference).mean() + L_W * squares / 2 / len(users)
        return loss

    def batches(self, batch_size: int) -> list[tuple[Tensor, ...]]:
        triples = []
        for _ in range(self.n_train):
            user = np.random.randint(self.n_users)
            items = list(self.train_items[user])
            positive = items[np.random.randint(len(items))]
            negative = np.random.randint(self.n_items)
            while negative in items:
                negative = np.random.randint(self.n_items)
            triples.append((user, positive, negative))
        random.shuffle(triples)
        columns = torch.tensor(triples).T
        return list(zip(*(c.split(batch_size) for c in columns), strict=True))

    def on_epoch(self) -> None:
        pass


class LATTICE(nn.Module):
    top_k, l_m, n_ui_layers = 20, 0.7, 2

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self.n_users, self.n_items = dataset.n_users, dataset.n_items
        self.train_items = as_dict(dataset.train)
        self.n_train = len(dataset.train)
        self.Gu = nn.Embedding(self.n_users, FACTORS)
        self.Gi = nn.Embedding(self.n_items, FACTORS)
        nn.init.xavier_uniform_(self.Gu.weight)
        nn.init.xavier_uniform_(self.Gi.weight)
        tables = [torch.tensor(x) for x in dataset.features.values()]
        self.F = nn.ModuleList(nn.Embedding.from_pretrained(x, freeze=False) for x in tables)
        self.proj = nn.ModuleList(nn.Linear(x.shape[1], FACTORS) for x in tables)
        self.importance = nn.Parameter(torch.full((len(tables),), 1 / len(tables)))
        self.conv = LGConv(normalize=False)
        self.adj = graph(dataset, self_loops=True)
        self.raw = [self.normalised(self.knn(x)) for x in tables]
        self.graph: Tensor | None = None

    def knn(self, x: Tensor) -> Tensor:
        directions = x / x.norm(dim=-1, keepdim=True)
        similarity = directions @ directions.T
        values, columns = similarity.topk(self.top_k, dim=-1)
        return torch.zeros_like(similarity).scatter(-1, columns, values)

    @staticmethod
    def normalised(s: Tensor) -> Tensor:
        s = s.clone()
        s.fill_diagonal_(1.0)
        scale = s.sum(-1).pow(-0.5)
        return scale[:, None] * s * scale[None, :]

    def item_graph(self) -> Tensor:
        weights = self.importance.softmax(0)
        learned = sum(
            w * self.knn(p(f.weight)) for w, f, p in zip(weights, self.F, self.proj, strict=True)
        )
        raw = sum(w * x for w, x in zip(weights, self.raw, strict=True))
        graph: Tensor = (1 - self.l_m) * self.normalised(learned) + self.l_m * raw
        return graph

    def embed(self, item_graph: Tensor | None = None) -> tuple[Tensor, Tensor]:
        latent = (self.item_graph() if item_graph is None else item_graph) @ self.Gi.weight
        x = torch.cat([self.Gu.weight, self.Gi.weight])
        layers = [x]
        for _ in range(self.n_ui_layers):
            layers.append(normalize(self.conv(layers[-1], self.adj)))
        x = torch.stack(layers).mean(0)
        return x[: self.n_users], x[self.n_users :] + normalize(latent)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        if self.graph is None:
            item_graph = self.item_graph()
            self.graph = item_graph.detach()
        else:
            item_graph = self.graph
        all_users, all_items = self.embed(item_graph)
        u, p, n = all_users[users], all_items[positives], all_items[negatives]
        squares = sum(x.norm(2).pow(2) for x in (u, p, n))
        ranking = -logsigmoid((u * p).sum(-1) - (u * n).sum(-1)).mean()
        loss: Tensor = ranking + L_W * squares / 2 / len(users)
        return loss

    def batches(self, batch_size: int) -> list[tuple[Tensor, ...]]:
        batches = []
        for _ in range(math.ceil(self.n_train / batch_size)):
            users = random.sample(range(self.n_users), min(batch_size, self.n_users))
            positives, negatives = [], []
            for user in users:
                items = list(self.train_items[user])
                positives.append(items[np.random.randint(len(items))])
                negative = np.random.randint(self.n_items)
                while negative in items:
                    negative = np.random.randint(self.n_items)
                negatives.append(negative)
            batches.append(tuple(torch.tensor(c) for c in (users, positives, negatives)))
        return batches

    def on_epoch(self) -> None:
        self.graph = None


def train_epoch(
    model: LightGCNM | LATTICE, optimizer: torch.optim.Optimizer, batch_size: int
) -> float:
    model.on_epoch()
    total = 0.0
    for batch in model.batches(batch_size):
        optimizer.zero_grad()
        loss = model.loss(*batch)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total


@torch.no_grad()
def evaluate(model: LightGCNM | LATTICE, dataset: Dataset, top_k: int = 20) -> dict[str, float]:
    """Recall and nDCG on validation and on test, from dictionaries of lists."""
    users, items = model.embed()
    mask = torch.ones(dataset.n_users, dataset.n_items, dtype=torch.bool)
    mask[torch.from_numpy(dataset.train.users), torch.from_numpy(dataset.train.items)] = False
    figures = {}
    for name, split in (("validation", dataset.validation), ("test", dataset.test)):
        assert split is not None
        recommended: dict[int, list[tuple[int, float]]] = {}
        for start in range(0, dataset.n_users, 1024):
            stop = min(start + 1024, dataset.n_users)
            scores = users[start:stop] @ items.T
            scores = torch.where(mask[start:stop], scores, torch.tensor(-torch.inf))
            best, columns = scores.topk(top_k)
            for row in range(stop - start):
                pairs = zip(columns[row].tolist(), best[row].tolist(), strict=True)
                recommended[start + row] = list(pairs)
        relevant = as_dict(split)
        recalls, ndcgs = [], []
        for user, ranked in recommended.items():
            truth = relevant.get(user, {})
            if truth:
                hits = sum(item in truth for item, _ in ranked)
                recalls.append(hits / len(truth))
                gains = [2 ** (truth[item] + 1) - 1 if item in truth else 0 for item, _ in ranked]
                dcg = sum(g / math.log2(r + 2) for r, g in enumerate(gains))
                best_gains = sorted((2 ** (v + 1) - 1 for v in truth.values()), reverse=True)
                idcg = sum(g / math.log2(r + 2) for r, g in enumerate(best_gains[:top_k]))
                ndcgs.append(dcg / idcg)
        figures[f"{name} Recall@{top_k}"] = sum(recalls) / len(recalls)
        figures[f"{name} nDCG@{top_k}"] = sum(ndcgs) / len(ndcgs)
    return figures
