"""Models with item features: the features of all items are projected in every step."""

from __future__ import annotations

import baseline
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, dropout, normalize, softplus

from direct.base import Direct, bpr, sparse, squares
from direct.collaborative import NGCF


class LightGCNM(Direct):
    """The model of ``baseline.py``, whose ``l_w`` is 1e-5, with the published number of layers."""

    def build(self) -> None:
        self.model = self.make()
        parameters = dict(self.model.named_parameters())
        for name, x in self.weights.items():
            parameter = parameters[self.name_of(name)]
            parameter.data = x.data
            self.weights[name] = parameter

    def make(self) -> baseline.LightGCNM | baseline.LATTICE:
        model = baseline.LightGCNM(self.dataset)
        model.n_layers = self.config.n_layers
        return model

    def name_of(self, name: str) -> str:
        """Return the name in ``baseline.py`` of a parameter of mmrec's model."""
        tables = {"user_embedding.weight": "Gu.weight", "item_embedding.weight": "Gi.weight"}
        for number, modality in enumerate(self.config.sources):
            tables[f"features.{modality}"] = f"F.{number}.weight"
            for kind in ("weight", "bias"):
                tables[f"projections.{modality}.{kind}"] = f"proj.{number}.{kind}"
        return tables.get(name, name)

    def begin_epoch(self) -> None:
        self.model.on_epoch()

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        return self.model.loss(users, positives, negatives)


class LATTICE(LightGCNM):
    """The model of ``baseline.py``: dense graphs [I, I] of the 20 nearest items."""

    def make(self) -> baseline.LightGCNM | baseline.LATTICE:
        return baseline.LATTICE(self.dataset)


class VBPR(Direct):
    def build(self) -> None:
        self.features = torch.cat(list(self.constant_features().values()), dim=1)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        content = normalize(self.linear("projection", self.features))
        all_items = torch.cat([self.weights["items.weight"], content], dim=1)
        rows = self.rows("users", users), all_items[positives], all_items[negatives]
        return bpr(*rows) + self.config.l_w * squares(*rows) / len(users)


class NGCFM(NGCF):
    def build(self) -> None:
        super().build()
        self.features = torch.cat(list(self.constant_features().values()), dim=1)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        all_users, all_items = self.split(torch.stack(self.layers()).mean(0))
        content = normalize(self.linear("projection", self.features))
        user = torch.cat([all_users[users], self.rows("content_users", users)], 1)
        positive, negative = (
            torch.cat([all_items[items], content[items]], 1) for items in (positives, negatives)
        )
        difference = (user * positive).sum(1) - (user * negative).sum(1)
        ranking = softplus(-torch.clamp(difference, min=-80)).mean()
        return ranking + self.config.l_w * squares(user, positive, negative) / len(users)


class BM3(Direct):
    def build(self) -> None:
        self.adj = self.symmetric()

    def target(self, x: Tensor) -> Tensor:
        return dropout(x.detach().clone(), self.config.dropout)

    def predicted(self, x: Tensor) -> Tensor:
        return self.linear("predictor", x)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        layers = [self.nodes]
        for _ in range(self.config.n_layers):
            layers.append(torch.sparse.mm(self.adj, layers[-1]))
        all_users, all_items = self.split(torch.stack(layers).mean(0))
        all_items = all_items + self.weights["items.weight"]
        user_target, item_target = self.target(all_users)[users], self.target(all_items)[positives]
        loss = disagreement(self.predicted(all_users)[users], item_target)
        loss = loss + disagreement(self.predicted(all_items)[positives], user_target)
        norms = torch.norm(all_users) + torch.norm(all_items)
        loss = loss + self.config.reg_weight * norms / self.n_items
        for _, projected in self.trained_features():
            prediction, target = self.predicted(projected)[positives], self.target(projected)
            alignment = disagreement(prediction, item_target)
            alignment = alignment + disagreement(prediction, target[positives])
            loss = loss + self.config.cl_weight * alignment
        return loss


def disagreement(prediction: Tensor, target: Tensor) -> Tensor:
    return 1 - cosine_similarity(prediction, target.detach(), dim=-1).mean()


class FREEDOM(Direct):
    def build(self) -> None:
        shares, top_k = self.config.shares, self.config.top_k
        graphs = []
        for modality, share in zip(self.config.sources, shares, strict=True):
            edges, cosines = self.neighbours(modality, top_k)
            graphs.append(sparse(edges, torch.full_like(cosines, share / top_k), self.n_items))
        self.item_graph = sum(graphs[1:], graphs[0]).coalesce()
        edges = self.edges()
        degrees = torch.bincount(edges[0])
        n_edges = len(self.train_users)
        self.edge_weights = (degrees[edges[0]] * degrees[edges[1]])[:n_edges].float().pow(-0.5)
        self.begin_epoch()

    def begin_epoch(self) -> None:
        kept = None
        if self.config.drop:
            n_kept = int(len(self.edge_weights) * (1 - self.config.drop))
            kept = torch.multinomial(self.edge_weights, n_kept)
        self.adj = self.symmetric(kept)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        latent = self.weights["items.weight"]
        for _ in range(self.config.n_layers):
            latent = torch.sparse.mm(self.item_graph, latent)
        layers = [self.nodes]
        for _ in range(self.config.n_ui_layers):
            layers.append(torch.sparse.mm(self.adj, layers[-1]))
        all_users, all_items = self.split(torch.stack(layers).mean(0))
        all_items = all_items + latent
        user = all_users[users]
        loss = bpr(user, all_items[positives], all_items[negatives])
        for _, projected in self.trained_features():
            by_modality = bpr(user, projected[positives], projected[negatives])
            loss = loss + self.config.l_w * by_modality
        return loss


class MGCN(Direct):
    def build(self) -> None:
        self.adj = self.symmetric()
        users, items = self.adj.indices()
        to_users = users < self.n_users
        self.to_users = torch.sparse_coo_tensor(
            torch.stack([users[to_users], items[to_users] - self.n_users]),
            self.adj.values()[to_users],
            (self.n_users, self.n_items),
            check_invariants=False,
        ).coalesce()
        self.item_graphs = {}
        for modality in self.config.sources:
            edges, cosines = self.neighbours(modality, self.config.top_k)
            sums = torch.zeros(self.n_items).index_add(0, edges[0], cosines)
            values = sums[edges[0]].pow(-0.5) * cosines * sums[edges[1]].pow(-0.5)
            self.item_graphs[modality] = sparse(edges, values, self.n_items)

    def gate(self, name: str, x: Tensor) -> Tensor:
        return torch.sigmoid(self.linear(f"{name}.linear", x))

    def views(self) -> tuple[Tensor, Tensor]:
        layers = [self.nodes]
        for _ in range(self.config.n_ui_layers):
            layers.append(torch.sparse.mm(self.adj, layers[-1]))
        collaborative = torch.stack(layers).mean(0)
        by_modality = []
        for number, (modality, projected) in enumerate(self.trained_features()):
            items = self.weights["items.weight"] * self.gate(f"gates.{number}", projected)
            for _ in range(self.config.n_layers):
                items = torch.sparse.mm(self.item_graphs[modality], items)
            by_modality.append(torch.cat([torch.sparse.mm(self.to_users, items), items]))
        queries = [
            self.linear("attention.query", torch.tanh(self.linear("attention.hidden", view)))
            for view in by_modality
        ]
        attention = torch.softmax(torch.cat(queries, dim=-1), dim=-1)
        weighted = [attention[:, [n]] * view for n, view in enumerate(by_modality)]
        fused = torch.stack(weighted).sum(0)
        multimodal = fused
        for number, view in enumerate(by_modality):
            gate = self.gate(f"preferences.{number}", collaborative)
            multimodal = multimodal + gate * (view - fused)
        return collaborative, multimodal / (len(by_modality) + 1)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        collaborative, multimodal = self.views()
        all_users, all_items = self.split(collaborative + multimodal)
        rows = all_users[users], all_items[positives], all_items[negatives]
        user_views, item_views = zip(self.split(collaborative), self.split(multimodal), strict=True)
        agreement = info_nce(user_views[1][users], user_views[0][users])
        agreement = agreement + info_nce(item_views[1][positives], item_views[0][positives])
        penalty = squares(*rows) / self.config.batch_size
        return bpr(*rows) + self.config.l_w * penalty + self.config.cl_loss * agreement


def info_nce(x: Tensor, y: Tensor) -> Tensor:
    logits = normalize(x) @ normalize(y).T / 0.2
    return cross_entropy(logits, torch.arange(len(x)))
