"""MMGCN and GRCN against the same equations on dense matrices and lists of edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import leaky_relu, logsigmoid, normalize

from mmrec.data import Dataset, Interactions, Vocabulary
from mmrec.models import Batch
from mmrec.models.grcn import GRCN, GRCNConfig
from mmrec.models.losses import total_loss
from mmrec.models.mmgcn import MMGCN, MMGCNConfig

N_USERS, N_ITEMS = 9, 7
ISOLATED_USER, ISOLATED_ITEM = 4, 2
WIDTHS = {"visual": 5, "textual": 3, "audio": 4}
LOADERS = {m: f"{m.capitalize()}Attribute" for m in WIDTHS}
BATCH = Batch(*torch.tensor([[0, 8, 0, 3], [1, 0, 1, 6], [3, 5, ISOLATED_ITEM, 4]]))
ONE_ROW = Batch(*torch.tensor([[8], [0], [5]]))


def dataset(seed: int = 3) -> Dataset:
    """One user and one item have no training interaction."""
    rng = np.random.default_rng(seed)
    known = rng.random((N_USERS, N_ITEMS)) < 0.4
    known[[0, 8, 0, 3], [1, 0, 1, 6]] = True
    known[ISOLATED_USER], known[:, ISOLATED_ITEM] = False, False
    train = Interactions.from_arrays(*known.nonzero(), N_USERS, N_ITEMS)
    users, items = (Vocabulary(map(str, range(n))) for n in (N_USERS, N_ITEMS))
    features = {
        LOADERS[m]: rng.normal(size=(N_ITEMS, width)).astype(np.float32)
        for m, width in WIDTHS.items()
    }
    return Dataset("small", users, items, train, None, train, features)


DATA = dataset()
KNOWN = torch.zeros(N_USERS, N_ITEMS, dtype=torch.float64)
KNOWN[torch.from_numpy(DATA.train.users), torch.from_numpy(DATA.train.items)] = 1


def features_of(model: MMGCN | GRCN) -> Iterator[Tensor]:
    for modality in model.config.modalities:
        yield torch.from_numpy(DATA.features_of(LOADERS[modality])).double()


def bpr(users: Tensor, items: Tensor, batch: Batch) -> Tensor:
    user, positive, negative = batch.of(users, items)
    return -logsigmoid((user * (positive - negative)).sum(1)).mean()


def penalty_of_ids(users: Tensor, items: Tensor, batch: Batch) -> Tensor:
    user, positive, negative = (x.square().sum() for x in batch.of(users, items))
    return (2 * user + positive + negative) / (2 * len(batch) * users.shape[1])


def assert_agrees(
    model: MMGCN | GRCN, batch: Batch, expected: tuple[Tensor, Tensor], loss: Tensor
) -> None:
    """Compare embeddings, loss and gradients; parameters are shared with the expected ones."""
    for found, other in zip(model.embed(), expected, strict=True):
        torch.testing.assert_close(found, other)
    trained = [p for p in model.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, trained, allow_unused=True, materialize_grads=True)
    found_loss = total_loss(model.loss(batch))
    torch.testing.assert_close(found_loss, loss)
    found_gradients = torch.autograd.grad(
        found_loss, trained, allow_unused=True, materialize_grads=True
    )
    for found, other in zip(found_gradients, gradients, strict=True):
        torch.testing.assert_close(found, other, rtol=1e-6, atol=1e-7)


def mmgcn(**changes: Any) -> MMGCN:
    torch.manual_seed(0)
    config = {"factors": 4, "factors_multimod": 3, "l_w": 0.3, "num_layers": 2} | changes
    return MMGCN(MMGCNConfig.model_validate(config), DATA).double()


def dense_mmgcn(model: MMGCN) -> tuple[Tensor, Tensor]:
    config = model.config
    adjacency = torch.zeros(N_USERS + N_ITEMS, N_USERS + N_ITEMS, dtype=torch.float64)
    adjacency[:N_USERS, N_USERS:], adjacency[N_USERS:, :N_USERS] = KNOWN, KNOWN.T
    if config.aggregation == "mean":
        adjacency = adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)
    ids = torch.cat([model.users.weight, model.items.weight])
    outputs = []
    for modality, raw, convolution in zip(
        config.modalities, features_of(model), model.convolutions, strict=True
    ):
        items = model.projections[modality](raw) if modality in model.projections else raw
        x = normalize(torch.cat([convolution.get_parameter("preferences"), items]))
        for layer in convolution.layers:  # type: ignore[union-attr]
            h = leaky_relu(adjacency @ x @ layer.weight)
            z = leaky_relu(layer.own(x)) + (ids if config.has_id else 0)
            if config.concatenation:
                x = leaky_relu(layer.join(torch.cat([h, z], dim=1)))
            else:
                x = leaky_relu(layer.join(h) + z)
        outputs.append(x)
    users, items = torch.stack(outputs).mean(0).split([N_USERS, N_ITEMS])
    return users, items


MMGCN_CASES: dict[str, dict[str, Any]] = {
    "as published": {"concatenation": False, "factors_multimod": (6, None), "num_layers": 3},
    "defaults": {},
    "one modality": {"modalities": ("textual",), "factors_multimod": (None,)},
    "three modalities": {
        "modalities": ("textual", "audio", "visual"),
        "factors_multimod": (None, 2, 6),
    },
    "one layer": {"num_layers": 1},
    "sums": {"aggregation": "add", "concatenation": False},
    "without ids": {"has_id": False},
    "as in MMRec": {"variant": "mmrec", "modalities": ("textual", "visual")},
    "as in MMRec, without visual features": {"variant": "mmrec", "modalities": ("textual",)},
}


@pytest.mark.parametrize("batch", [BATCH, ONE_ROW], ids=["batch", "one row"])
@pytest.mark.parametrize("changes", MMGCN_CASES.values(), ids=MMGCN_CASES.keys())
def test_mmgcn_agrees_with_dense_matrices(changes: dict[str, Any], batch: Batch) -> None:
    model = mmgcn(**changes)
    users, items = dense_mmgcn(model)
    penalty = penalty_of_ids(model.users.weight, model.items.weight, batch)
    modalities = model.config.modalities
    first = modalities[0]
    if model.config.variant == "mmrec":
        first = "visual"
    if first in modalities:
        convolution = model.convolutions[modalities.index(first)]
        penalty = penalty + convolution.get_parameter("preferences").square().mean()
    assert_agrees(model, batch, (users, items), bpr(users, items, batch) + 0.3 * penalty)


def test_what_mmrec_never_trains_is_part_of_the_state() -> None:
    model = mmgcn(variant="mmrec")
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {
        *("users.weight", "items.weight"),
        *("convolutions.0.preferences", "convolutions.1.preferences"),
    }
    assert frozen <= set(model.state_dict())


def test_the_width_of_each_modality() -> None:
    config = MMGCNConfig.model_validate({"factors_multimod": (32, "None")})
    assert config.factors_multimod == (32, None)
    assert config.projected_widths == {"visual": 32}
    assert MMGCNConfig.model_validate({"factors_multimod": 64}).projected_widths == {
        "visual": 64,
        "textual": 64,
    }


@pytest.mark.parametrize(
    ("kind", "changes", "facts"),
    [
        (MMGCNConfig, {"factors_multimod": (2, 3, 4)}, ["factors_multimod", "(2, 3, 4)"]),
        (MMGCNConfig, {"factors_multimod": ()}, ["factors_multimod"]),
        (MMGCNConfig, {"factors_multimod": (0, None)}, ["factors_multimod"]),
        (MMGCNConfig, {"modalities": ("visual",)}, ["factors_multimod", "(256, None)"]),
        (MMGCNConfig, {"aggregation": "max"}, ["aggregation", "'mean'", "'add'"]),
        (MMGCNConfig, {"num_layers": 0}, ["num_layers"]),
        (
            GRCNConfig,
            {"fusion_mode": "mean", "factors_multimod": 8},
            ["factors_multimod", "64", "8", "fusion_mode", "concat", "id"],
        ),
        (GRCNConfig, {"weight_mode": "sum"}, ["weight_mode", "'confid'"]),
        (GRCNConfig, {"aggregation": "mean"}, ["aggregation", "'add'"]),
        (GRCNConfig, {"item_attention": "literal"}, ["item_attention", "'published'"]),
    ],
)
def test_what_the_definition_does_not_cover_is_refused(
    kind: type[MMGCNConfig] | type[GRCNConfig], changes: dict[str, Any], facts: list[str]
) -> None:
    with pytest.raises(ValidationError) as error:
        kind.model_validate(changes)
    missing = [fact for fact in facts if fact not in str(error.value)]
    assert not missing, error.value


def grcn(**changes: Any) -> GRCN:
    torch.manual_seed(0)
    config = {
        **{"factors": 4, "factors_multimod": 3, "l_w": 0.3, "num_layers": 2, "num_routings": 2},
        **{"weight_mode": "confid"},
    }
    return GRCN(GRCNConfig.model_validate(config | changes), DATA).double()


def softmax_of_edges(values: Tensor) -> Tensor:
    """Softmax over the known entries of each row, [N, M]; zeros elsewhere."""
    exponentials = values.exp() * (values != 0)
    return exponentials / exponentials.sum(1, keepdim=True).clamp(min=1e-30)


def in_published_order(by_user: Tensor) -> Tensor:
    """Put the n-th edge by user and item in the place of the n-th edge by item and user."""
    users, items = KNOWN.nonzero().T
    items_first = sorted(zip(items.tolist(), users.tolist(), strict=True))
    placed = torch.zeros(N_ITEMS, N_USERS, dtype=by_user.dtype)
    for n, (item, user) in enumerate(items_first):
        placed = placed.index_put(
            (torch.tensor([item]), torch.tensor([user])), by_user[users[n], items[n]][None]
        )
    return placed


class DenseGRCN:
    """The equations of GRCN with the parameters of a model."""

    def __init__(self, model: GRCN) -> None:
        self.model, self.config = model, model.config

    def act(self, x: Tensor) -> Tensor:
        return leaky_relu(x) if self.config.has_act else x

    def transposed(self, x: Tensor) -> Tensor:
        return x.T if self.config.item_attention == "aligned" else in_published_order(x)

    def embed(self) -> tuple[Tensor, Tensor]:
        modalities = [self.modality(n, raw) for n, raw in enumerate(features_of(self.model))]
        views, to_users, to_items = zip(*modalities, strict=True)
        ids = self.convolved(self.weights(to_users), self.weights(to_items))
        if self.config.fusion_mode == "id":
            return ids
        users, items = zip(ids, *views, strict=True)
        if self.config.fusion_mode == "mean":
            return torch.stack(users).mean(0), torch.stack(items).mean(0)
        return torch.cat(users, dim=1), torch.cat(items, dim=1)

    def modality(self, n: int, raw: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor]:
        projections, refining = self.model.features.projections, self.model.refining
        assert projections is not None
        v = normalize(leaky_relu(projections[self.config.modalities[n]](raw)))
        g = normalize(refining.preferences[n])
        for _ in range(self.config.num_routings if self.config.variant == "formal" else 0):
            g = normalize(g + self.act(softmax_of_edges(KNOWN * (g @ v.T)) @ v))
        affinity = KNOWN * (g @ v.T)
        of_users = softmax_of_edges(affinity)
        of_items = softmax_of_edges(self.transposed(affinity))
        view = g + self.act(of_users @ v), v + self.act(of_items @ g)
        if refining.confidence is not None:
            c_users, c_items = refining.confidence[:, n].split([N_USERS, N_ITEMS])
            at_user, at_item = KNOWN * c_users[:, None], KNOWN * c_items
            if self.config.variant == "mmrec":
                at_user, at_item = at_item, at_user
            of_users, of_items = of_users * at_user, of_items * self.transposed(at_item)
        return view, of_users, of_items

    def weights(self, by_modality: tuple[Tensor, ...]) -> Tensor:
        x = torch.stack(by_modality)
        joined = x.mean(0) if self.config.weight_mode == "mean" else x.amax(0)
        return joined.relu() if self.config.pruning else joined

    def convolved(self, to_users: Tensor, to_items: Tensor) -> tuple[Tensor, Tensor]:
        users, items = (normalize(x.weight) for x in (self.model.users, self.model.items))
        total_users, total_items = users, items
        for _ in range(self.config.num_layers):
            users, items = self.act(to_users @ items), self.act(to_items @ users)
            if self.config.variant == "formal":
                users, items = normalize(users), normalize(items)
            total_users, total_items = total_users + users, total_items + items
        return total_users, total_items


GRCN_CASES: dict[str, dict[str, Any]] = {
    "as published": {"item_attention": "published"},
    "aligned": {},
    "one modality": {"modalities": ("textual",)},
    "three modalities": {"modalities": ("textual", "audio", "visual"), "weight_mode": "max"},
    "published, three modalities": {
        "modalities": ("textual", "audio", "visual"),
        "item_attention": "published",
    },
    "no routing": {"num_routings": 0},
    "one layer, without the modalities": {"num_layers": 1, "fusion_mode": "id"},
    "means, activated, not pruned": {
        **{"weight_mode": "mean", "fusion_mode": "mean", "factors_multimod": 4},
        **{"pruning": False, "has_act": True, "num_layers": 3},
    },
    "published, not pruned": {"item_attention": "published", "pruning": False},
    "as in MMRec": {"variant": "mmrec", "modalities": ("textual", "visual")},
}


@pytest.mark.parametrize("batch", [BATCH, ONE_ROW], ids=["batch", "one row"])
@pytest.mark.parametrize("changes", GRCN_CASES.values(), ids=GRCN_CASES.keys())
def test_grcn_agrees_with_dense_matrices(changes: dict[str, Any], batch: Batch) -> None:
    model = grcn(**changes)
    users, items = DenseGRCN(model).embed()
    loss = bpr(users, items, batch)
    loss = loss + 0.3 * penalty_of_ids(model.users.weight, model.items.weight, batch)
    tables = model.refining.preferences
    squares = sum(table[batch.users].square().mean() for table in tables)
    if model.config.variant == "mmrec":
        loss = loss + 0.3 * (squares + tables[1].square().mean())
    else:
        loss = loss + squares
    assert_agrees(model, batch, (users, items), loss)


def test_nodes_whose_messages_are_all_pruned() -> None:
    # Their normalised zeros stay zeros, and no gradient becomes NaN.
    model = grcn()
    assert model.refining.confidence is not None
    with torch.no_grad():
        model.refining.confidence.fill_(-1.0)
    users, items = model.embed()
    torch.testing.assert_close(users[:, :4], normalize(model.users.weight))
    torch.testing.assert_close(items[:, :4], normalize(model.items.weight))
    total_loss(model.loss(BATCH)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_published_attention_of_items_differs() -> None:
    aligned, published = (grcn(item_attention=x).embed() for x in ("aligned", "published"))
    torch.testing.assert_close(aligned[0][:, 4:], published[0][:, 4:])  # users attend alike
    assert not torch.allclose(aligned[1], published[1])


def test_a_permutation_of_the_features_reaches_both_models() -> None:
    for build in (mmgcn, grcn):
        plain, permuted = build(), build(control="permute")
        order = [
            (plain.features.raw["visual"] == row).all(1).nonzero().item()
            for row in permuted.features.raw["visual"]
        ]
        assert sorted(order) == list(range(N_ITEMS))
        assert order != sorted(order)
        assert not torch.allclose(plain.embed()[1], permuted.embed()[1])
