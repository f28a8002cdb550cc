"""A plain, dense LightGCNM and LATTICE, to record steps from; it shares nothing with mmrec.

Written down from the definitions of the models, with loops and [N, N] matrices, in float64. What
it records has the form of the files that were recorded from the reference implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, logsigmoid, softplus

N_USERS, N_ITEMS, N_STEPS, BATCH = 24, 17, 5, 13


@dataclass(frozen=True)
class Case:
    """What is recorded: ``settings`` are keys of the file."""

    model: str
    settings: Mapping[str, Any]
    widths: Mapping[str, int]
    factors: int = 6
    factors_multimod: int = 5
    duplicates: bool = False
    """Give two items the same features, and features of zero to a third."""
    lr: float = 0.004
    l_w: float = 0.003
    seed: int = 0


def record(case: Case, path: Path) -> None:
    """Train for a few steps and write the file."""
    rng = np.random.default_rng(case.seed)
    known = rng.random((N_USERS, N_ITEMS)) < 0.35
    known[:, 0], known[0, 0], known[0, 1] = False, False, True  # item 0 is nobody's
    known[np.arange(1, N_USERS), 1 + np.arange(1, N_USERS) % (N_ITEMS - 1)] = True
    features = {
        name: rng.normal(size=(N_ITEMS, width)).astype(np.float32) + np.float32(0.4)
        for name, width in case.widths.items()
    }
    if case.duplicates:
        for values in features.values():
            values[12] = values[3]
            values[9] = 0
    batches = np.stack([_triplets(known, rng) for _ in range(N_STEPS)])
    users, items = known.nonzero()
    recorded: dict[str, Any] = {
        "num_users": N_USERS,
        "num_items": N_ITEMS,
        "train_user": users,
        "train_item": items,
        **features,
        "batches": batches,
        "lr": case.lr,
        "l_w": case.l_w,
        **case.settings,
    }
    start = _initial(case, features, rng)
    recorded |= {f"init/{name}": value for name, value in start.items()}
    parameters = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in start.items()
    }
    kind = DenseLightGCNM if case.model == "LightGCNM" else DenseLATTICE
    model = kind(parameters, features, known, {**case.settings, "l_w": case.l_w})
    recorded |= _train(model, parameters, batches, case)
    np.savez(path, **recorded)


def _train(
    model: DenseLightGCNM | DenseLATTICE,
    parameters: Mapping[str, Tensor],
    batches: np.ndarray,
    case: Case,
) -> dict[str, Any]:
    recorded: dict[str, Any] = {}
    losses = []
    adam = Adam(parameters, case.lr)
    for step, batch in enumerate(torch.from_numpy(batches)):
        if step in case.settings.get("rebuild_item_graph_at_steps", []):
            model.item_graph = None
        loss = model.loss(*batch)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        losses.append(loss.item())
        if step == 0:
            recorded |= {
                f"grad_step0/{name}": gradient.where(gradient.abs() > 1e-12, 0).numpy()
                for name, gradient in zip(parameters, gradients, strict=True)
                if gradient is not None
            }
            if case.model == "LATTICE":
                recorded["item_graph_after_step0_dense"] = model.item_graph
        adam.step(gradients)
    with torch.no_grad():
        model.item_graph = None
        user, item = model.embed()
    scores = user @ item.T
    return recorded | {
        "loss": np.array(losses, np.float32),
        "final_user": user.numpy(),
        "final_item": item.numpy(),
        "final_scores": (scores.sigmoid() if case.model == "LightGCNM" else scores).numpy(),
        **{f"final/{name}": p.detach().numpy() for name, p in parameters.items()},
    }


class Adam:
    """Kingma and Ba's update; a parameter without a gradient keeps its value and its count."""

    def __init__(self, parameters: Mapping[str, Tensor], lr: float) -> None:
        self.parameters, self.lr = list(parameters.values()), lr
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.counts = [0 for _ in self.parameters]

    @torch.no_grad()
    def step(self, gradients: tuple[Tensor | None, ...]) -> None:
        for n, (p, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            if gradient is None:
                continue
            self.counts[n] += 1
            self.first[n] = 0.9 * self.first[n] + 0.1 * gradient
            self.second[n] = 0.999 * self.second[n] + 0.001 * gradient**2
            first = self.first[n] / (1 - 0.9 ** self.counts[n])
            second = self.second[n] / (1 - 0.999 ** self.counts[n])
            p -= self.lr * first / (second.sqrt() + 1e-8)


class DenseLightGCNM:
    """The parameters ``Gu.weight``, ``F.m.weight``, ``proj`` or ``proj.m``."""

    item_graph = None

    def __init__(
        self,
        p: Mapping[str, Tensor],
        features: Mapping[str, np.ndarray],
        known: np.ndarray,
        settings: Mapping[str, Any],
    ) -> None:
        self.p, self.settings, self.n_modalities = p, settings, len(features)
        a = _bipartite(known)
        if settings["normalize"]:
            degrees = a.sum(1)
            for i in range(len(a)):
                for j in range(len(a)):
                    if a[i, j]:
                        a[i, j] = 1 / (degrees[i] * degrees[j]).sqrt()
        self.adjacency = a

    def embed(self) -> tuple[Tensor, Tensor]:
        p, features = self.p, [self.p[f"F.{m}.weight"] for m in range(self.n_modalities)]
        if self.settings["aggregation"] == "concat":
            items = _unit(torch.cat(features, 1) @ p["proj.weight"].T + p["proj.bias"])
        else:
            items = torch.zeros(N_ITEMS, len(p["proj.0.bias"]), dtype=torch.float64)
            for m, x in enumerate(features):
                items = items + _unit(x @ p[f"proj.{m}.weight"].T + p[f"proj.{m}.bias"])
            if self.settings["aggregation"] == "mean":
                items = items / self.n_modalities
        layer = torch.cat([p["Gu.weight"], items])
        total = layer
        for _ in range(self.settings["n_layers"]):
            layer = self.adjacency @ layer
            total = total + layer
        total = total / (self.settings["n_layers"] + 1)
        return total[:N_USERS], total[N_USERS:]

    def loss(self, u: Tensor, i: Tensor, j: Tensor) -> Tensor:
        users, items = self.embed()
        ranking = softplus((users[u] * items[j]).sum(1) - (users[u] * items[i]).sum(1)).mean()
        squares = (
            self.p["Gu.weight"][u].pow(2).sum() + items[i].pow(2).sum() + items[j].pow(2).sum()
        )
        return ranking + self.settings["l_w"] / 2 * squares / len(u)


class DenseLATTICE:
    """The parameters ``Gu``, ``Gi``, ``Gim.m``, ``projection_m.m``, the logits and NGCF's."""

    def __init__(
        self,
        p: Mapping[str, Tensor],
        features: Mapping[str, np.ndarray],
        known: np.ndarray,
        settings: Mapping[str, Any],
    ) -> None:
        self.p, self.settings, self.modalities = p, settings, list(features)
        a = _bipartite(known) + torch.eye(N_USERS + N_ITEMS, dtype=torch.float64)
        self.adjacency = a / a.sum(1, keepdim=True)
        self.raw = [
            _normalised(_largest(_cosine(torch.from_numpy(x).double()), settings["top_k"]))
            for x in features.values()
        ]
        self.item_graph: Tensor | None = None

    def _learn_graph(self) -> Tensor:
        weights = self.p["importance_weights_m"].softmax(0)
        learned, raw = torch.zeros_like(self.raw[0]), torch.zeros_like(self.raw[0])
        for weight, own, m in zip(weights, self.raw, self.modalities, strict=True):
            projection, bias = self.p[f"projection_m.{m}.weight"], self.p[f"projection_m.{m}.bias"]
            projected = self.p[f"Gim.{m}"] @ projection.T + bias
            learned = learned + weight * _largest(_cosine(projected), self.settings["top_k"])
            raw = raw + weight * own
        share = self.settings["l_m"]
        return (1 - share) * _normalised(learned) + share * raw

    def embed(self) -> tuple[Tensor, Tensor]:
        graph = self.item_graph
        if graph is None:
            graph = self._learn_graph()
            self.item_graph = graph.detach()
        latent = self.p["Gi.weight"]
        for _ in range(self.settings["n_layers"]):
            latent = graph @ latent
        x = torch.cat([self.p["Gu.weight"], self.p["Gi.weight"]])
        layers = [x]
        if self.settings["cf"] != "mf":
            for layer in range(self.settings["n_ui_layers"]):
                x = self.adjacency @ x
                if self.settings["cf"] == "ngcf":
                    x = self._ngcf(layer, x, layers[-1])
                x = _unit(x)
                layers.append(x)
        mean = sum(layers) / len(layers)  # type: ignore[operator]
        return mean[:N_USERS], mean[N_USERS:] + _unit(latent)

    def _ngcf(self, layer: int, side: Tensor, x: Tensor) -> Tensor:
        w1, b1, w2, b2 = (
            self.p[f"propagation_network_recommend.module_{layer}.{part}"]
            for part in ("W1", "b1", "W2", "b2")
        )
        return leaky_relu(side @ w1 + b1 + (side * x) @ w2 + b2, 0.2)

    def loss(self, u: Tensor, i: Tensor, j: Tensor) -> Tensor:
        users, items = self.embed()
        ranking = -logsigmoid((users[u] * items[i]).sum(1) - (users[u] * items[j]).sum(1)).mean()
        squares = users[u].pow(2).sum() + items[i].pow(2).sum() + items[j].pow(2).sum()
        return ranking + self.settings["l_w"] / 2 * squares / len(u)


def _bipartite(known: np.ndarray) -> Tensor:
    a = torch.zeros(N_USERS + N_ITEMS, N_USERS + N_ITEMS, dtype=torch.float64)
    a[:N_USERS, N_USERS:] = torch.from_numpy(known).double()
    return a + a.T


def _unit(x: Tensor) -> Tensor:
    lengths = x.norm(dim=1, keepdim=True)
    return torch.where(lengths > 0, x / lengths.where(lengths > 0, 1), 0)


def _cosine(x: Tensor) -> Tensor:
    return _unit(x) @ _unit(x).T


def _largest(similarity: Tensor, top_k: int) -> Tensor:
    """Keep the top_k largest of every row.

    Which of several equal ones stay would be rounding: no row of a case may end among them.
    """
    kept = torch.zeros_like(similarity)
    for row, values in enumerate(similarity.detach().numpy()):
        order = np.argsort(-values)
        if top_k < len(values) and values[order[top_k - 1]] != 0:
            assert values[order[top_k - 1]] - values[order[top_k]] > 1e-5, "choose another seed"
        kept[row, order[:top_k].copy()] = 1
    return similarity * kept


def _normalised(similarity: Tensor) -> Tensor:
    """Set the diagonal to 1 and scale by the inverse roots of the row sums."""
    similarity = torch.where(torch.eye(len(similarity), dtype=torch.bool), 1, similarity)
    sums = similarity.sum(1)
    scale = torch.where(sums > 0, sums.where(sums > 0, 1).rsqrt(), 0)
    return scale[:, None] * similarity * scale


def _triplets(known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    users = rng.choice(len(known), BATCH, replace=False)
    positives = [rng.choice(known[u].nonzero()[0]) for u in users]
    negatives = [rng.choice((~known[u]).nonzero()[0]) for u in users]
    return np.stack([users, positives, negatives])


def _initial(
    case: Case, features: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    def normal(*shape: int) -> np.ndarray:
        return rng.normal(scale=0.4, size=shape).astype(np.float32)

    start = {"Gu.weight": normal(N_USERS, case.factors)}
    if case.model == "LightGCNM":
        start |= {f"F.{m}.weight": x for m, x in enumerate(features.values())}
        widths = {f"proj.{m}": x.shape[1] for m, x in enumerate(features.values())}
        if case.settings["aggregation"] == "concat":
            widths = {"proj": sum(case.widths.values())}
        out = case.factors
    else:
        start["Gi.weight"] = normal(N_ITEMS, case.factors)
        start["importance_weights_m"] = normal(len(features))
        start |= {f"Gim.{name}": x for name, x in features.items()}
        widths = {f"projection_m.{name}": x.shape[1] for name, x in features.items()}
        out = case.factors_multimod
        if case.settings["cf"] == "ngcf":
            for layer in range(case.settings["n_ui_layers"]):
                prefix = f"propagation_network_recommend.module_{layer}"
                for part in ("W1", "W2"):
                    start[f"{prefix}.{part}"] = normal(case.factors, case.factors)
                for part in ("b1", "b2"):
                    start[f"{prefix}.{part}"] = normal(1, case.factors)
    for name, width in widths.items():
        start |= {f"{name}.weight": normal(out, width), f"{name}.bias": normal(out)}
    return start
