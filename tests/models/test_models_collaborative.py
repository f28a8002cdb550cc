"""BPRMF, LightGCN, NGCF and NGCFM where the recorded steps leave something open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import interactions
from pydantic import ValidationError
from tiny_experiment import Write, settings
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn.functional import dropout, leaky_relu, normalize

from mmrec import run_experiment
from mmrec.data import Dataset, DistinctUsers, UniformUsers, Vocabulary
from mmrec.graph import SparseMatrix
from mmrec.models import MODELS, Batch
from mmrec.models.bprmf import BPRMF
from mmrec.models.lightgcn import LightGCN
from mmrec.models.losses import total_loss
from mmrec.models.ngcf import NGCF
from mmrec.models.ngcf_layers import NGCFLayer, NGCFLayers, ngcf_graph
from mmrec.models.ngcfm import NGCFM
from mmrec.testing import tiny_dataset

DATA = tiny_dataset(("VisualAttribute", "TextualAttribute"))
PLAIN = (BPRMF, LightGCN, NGCF)
WITH_NGCF = {"NGCF": NGCF, "NGCFM": NGCFM}
Kind = type[BPRMF] | type[LightGCN] | type[NGCF] | type[NGCFM]


def build(kind: Kind, data: Dataset = DATA, **changes: Any) -> Any:
    torch.manual_seed(0)
    return kind(kind.Config.model_validate({"factors": 6} | changes), data)


def by_hand() -> Dataset:
    """User 0 has item 0, user 1 has both; user 2 and item 2 have nothing."""
    train = interactions([[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    return Dataset("by hand", Vocabulary("012"), Vocabulary("012"), train, None, train, {})


def put(parameter: Tensor, values: object) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values))


def batch(n: int = 7) -> Batch:
    rng = np.random.default_rng(4)
    return Batch(*(torch.from_numpy(rng.integers(0, 8, n)) for _ in range(3)))


@pytest.mark.parametrize("kind", [*PLAIN, NGCFM])
def test_a_batch_may_have_a_single_triplet(kind: Kind) -> None:
    loss = build(kind).loss(batch(1))
    loss.backward()
    assert loss.isfinite()


@pytest.mark.parametrize(
    ("kind", "sampler", "size"),
    [
        (BPRMF, UniformUsers, 1024),
        (LightGCN, UniformUsers, 1024),
        (NGCF, DistinctUsers, DATA.n_users),
        (NGCFM, DistinctUsers, DATA.n_users),
    ],
)
def test_samplers(kind: Kind, sampler: type, size: int) -> None:
    drawn = kind.make_sampler(kind.Config(), DATA.train)
    assert type(drawn) is sampler
    assert drawn.batch_size == size


@pytest.mark.parametrize(
    ("kind", "defaults"),
    [
        (BPRMF, {"lr": 0.001, "factors": 10, "l_w": 0.1}),
        (LightGCN, {"lr": 0.0005, "factors": 64, "l_w": 0.01, "n_layers": 1, "normalize": True}),
        (NGCF, {"lr": 0.0005, "weight_size": 64, "n_layers": 3, "message_dropout": 0.5}),
        (NGCFM, {"lr": 0.0005, "l_w": 0.01, "n_layers": 3, "node_dropout": 0}),
    ],
)
def test_defaults(kind: Kind, defaults: dict[str, object]) -> None:
    config = kind.Config().model_dump()
    assert {key: config[key] for key in defaults} == defaults
    assert config["batch_size"] == 1024


def test_bprmf_counts_a_user_twice_that_occurs_twice() -> None:
    model = build(BPRMF, by_hand(), factors=2, l_w=0.5)
    put(model.users.weight, [[1.0, 0], [0, 3], [9, 9]])
    put(model.items.weight, [[2.0, 0], [0, 1], [0, 0]])
    twice, once = (Batch(*torch.tensor(rows).T) for rows in ([(1, 0, 1), (1, 0, 1)], [(1, 0, 1)]))
    # Scores 0 and 3; squares 9 + 4 + 1, over 2 B.
    expected = np.log1p(np.exp(3)) + 0.5 * 14 / 2
    assert model.loss(twice).item() == pytest.approx(expected, rel=1e-6)
    assert model.loss(once).item() == pytest.approx(expected, rel=1e-6)


def test_initial_values_of_lightgcn_are_normal() -> None:
    model = build(LightGCN, factors=500)
    for table in (model.users.weight, model.items.weight):
        assert table.std().item() == pytest.approx(0.1, rel=0.02)
        assert table.abs().max() > 0.3  # Xavier's bound would be 0.11


@pytest.mark.parametrize("normalized", [True, False])
def test_lightgcn_with_two_layers(normalized: bool) -> None:
    model = build(LightGCN, by_hand(), factors=2, n_layers=2, normalize=normalized)
    a = torch.zeros(6, 6)
    for user, item in ((0, 3), (1, 3), (1, 4)):
        a[user, item] = a[item, user] = 1
    if normalized:
        scale = torch.tensor([1, 2, 1, 2, 1, 1]).rsqrt()
        a = scale[:, None] * a * scale
    x = torch.cat([model.users.weight, model.items.weight])
    expected = (x + a @ x + a @ a @ x) / 3
    torch.testing.assert_close(torch.cat(model.embed()), expected)
    torch.testing.assert_close(model.embed()[0][2], model.users.weight[2] / 3)  # has no items


def test_lightgcn_penalises_embeddings_before_propagation() -> None:
    values = []
    for l_w in (0.0, 2.0):
        model = build(LightGCN, l_w=l_w, n_layers=2)
        values.append(model.loss(batch()).item())
    rows = batch().of(model.users.weight, model.items.weight)
    squares = sum(row.square().sum().item() for row in rows)
    assert values[1] - values[0] == pytest.approx(squares / 7, rel=1e-5)


def test_the_graph_of_ngcf_is_normalised_by_row_with_self_loops() -> None:
    matrix = SparseMatrix.from_edges(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), (3, 3))
    third = 1 / 3
    expected = [
        [0.5, 0, 0, 0.5, 0, 0],
        [0, third, 0, third, third, 0],
        [0, 0, 1, 0, 0, 0],  # has no items
        [third, third, 0, third, 0, 0],
        [0, 0.5, 0, 0, 0.5, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    torch.testing.assert_close(ngcf_graph(matrix).to_dense(), torch.tensor(expected))
    unnormalised = ngcf_graph(matrix, normalize=False).to_dense()
    assert torch.equal(unnormalised, (torch.tensor(expected) > 0).float().fill_diagonal_(0))


def dense_layer(layer: NGCFLayer, a: Tensor, x: Tensor, mask: Tensor) -> Tensor:
    """The definition, with a dense matrix and torch's gradients."""
    side = a @ x
    messages = side @ layer.W1 + layer.b1 + (side * x) @ layer.W2 + layer.b2
    return normalize(leaky_relu(messages, 0.2) * mask)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("n_selected", [None, 1, 40])
def test_a_layer_agrees_with_a_dense_one(
    normalized: bool, masked: bool, n_selected: int | None
) -> None:
    torch.manual_seed(1)
    rng = np.random.default_rng(2)
    known = rng.random((9, 7)) < 0.3
    known[3] = False
    users, items = (torch.from_numpy(x) for x in known.nonzero())
    graph = ngcf_graph(SparseMatrix.from_edges(users, items, (9, 7)), normalize=normalized)
    graph = graph.to(torch.device("cpu"), torch.float64)
    layer = NGCFLayer(5, 4).double()
    x = torch.randn(16, 5, dtype=torch.float64, requires_grad=True)
    full = dropout(torch.ones(16, 4, dtype=torch.float64), 0.4) if masked else None
    nodes = None if n_selected is None else torch.from_numpy(rng.integers(0, 16, n_selected))
    every = torch.arange(16) if nodes is None else nodes
    mask = None if full is None else full[every]
    inputs = (x, *layer.parameters())

    found = layer(graph, x, nodes, mask)
    ones = torch.ones(16, 4, dtype=torch.float64)
    expected = dense_layer(layer, graph.to_dense(), x, ones if full is None else full)[every]
    torch.testing.assert_close(found, expected)
    direction = torch.randn_like(found)
    gradients = (torch.autograd.grad((y * direction).sum(), inputs) for y in (found, expected))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gradients_of_a_layer_by_finite_differences() -> None:
    torch.manual_seed(3)
    edges = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2, 1])
    graph = SparseMatrix.from_edges(*edges, (3, 3), torch.rand(4, dtype=torch.float64) + 0.5)
    layer = NGCFLayer(3, 2).double()
    x = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    nodes = torch.tensor([2, 0, 2])
    assert gradcheck(lambda x, *_: layer(graph, x, nodes, None), (x, *layer.parameters()))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_mask_keeps_its_share_and_the_sum(rate: float) -> None:
    nodes = torch.arange(3000)
    layers = NGCFLayers(SparseMatrix.from_edges(nodes, nodes, (3000, 3000)), 20, [0.3, rate])
    torch.manual_seed(5)
    mask = layers.mask(1, 3000)
    torch.testing.assert_close(mask.unique(), torch.tensor([0, 1 / (1 - rate)]))
    assert mask.mean().item() == pytest.approx(1, abs=0.03)
    again = layers.mask(1, 3000)
    assert not torch.equal(mask, again)
    torch.manual_seed(5)
    assert torch.equal(layers.mask(1, 3000), mask)


@pytest.mark.parametrize("kind", WITH_NGCF.values(), ids=WITH_NGCF)
def test_the_edges_of_an_epoch_depend_on_its_generator_alone(kind: Kind) -> None:
    model = build(kind, node_dropout=0.4, message_dropout=0)
    whole = model.layers.graph.to_dense()
    before = model.eval().embed()
    drawn = []
    for seed in (1, 2, 1):
        model.begin_epoch(1, np.random.default_rng(seed))
        drawn.append(model.layers.graph_of_epoch.to_dense())
        torch.rand(3)
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
    kept = drawn[0] != 0
    torch.testing.assert_close(drawn[0][kept], whole[kept] / 0.6)
    assert 0.5 < kept.sum() / (whole != 0).sum() < 0.7
    assert kept.diagonal().any()
    assert not kept.diagonal().all()  # self-loops too
    assert not torch.equal(kept, kept.T)  # and each direction by itself
    # Ranking uses all edges, training those of the epoch.
    assert all(torch.equal(x, y) for x, y in zip(before, model.eval().embed(), strict=True))
    assert not torch.equal(before[0], model.train().embed()[0])


@pytest.mark.parametrize("kind", WITH_NGCF.values(), ids=WITH_NGCF)
def test_messages_are_dropped_in_training_only(kind: Kind) -> None:
    model = build(kind, message_dropout=0.5).train()
    losses = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        losses.append(model.loss(batch()).item())
    assert losses[0] == losses[1] != losses[2]
    state = torch.get_rng_state()
    undropped = build(kind, message_dropout=0)
    torch.set_rng_state(state)
    assert torch.equal(model.eval().embed()[0], undropped.eval().embed()[0])
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn


def test_ngcf_puts_layers_side_by_side() -> None:
    model = build(NGCF, n_layers=2, weight_size=4).eval()
    users, items = model.embed()
    assert users.shape == (DATA.n_users, 6 + 2 * 4)
    assert torch.equal(users[:, :6], model.users.weight)
    assert torch.equal(items[:, :6], model.items.weight)
    for start in (6, 10):
        lengths = items[:, start : start + 4].norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones(len(lengths)))


def test_the_penalty_of_ngcf_has_the_value_of_all_layers() -> None:
    values = [build(NGCF, l_w=l_w, message_dropout=0).loss(batch()).item() for l_w in (0.0, 2.0)]
    model = build(NGCF, message_dropout=0)
    rows = batch().of(*model.embed())
    squares = sum(row.square().sum().item() for row in rows)
    assert values[1] - values[0] == pytest.approx(squares / 7, rel=1e-5)
    # The output of the three layers of 64 has unit length in each of the three roles.
    own = sum(row[:, :6].square().sum().item() for row in rows)
    assert squares == pytest.approx(own + 3 * 3 * 7, rel=1e-5)


def test_ngcfm_scores_content_by_a_second_user_embedding() -> None:
    model = build(NGCFM, n_layers=0)
    users, items = model.embed()
    features = [DATA.features_of(name) for name in ("VisualAttribute", "TextualAttribute")]
    content = normalize(model.projection(torch.from_numpy(np.concatenate(features, axis=1))))
    torch.testing.assert_close(
        users, torch.cat([model.users.weight, model.content_users.weight], 1)
    )
    torch.testing.assert_close(items, torch.cat([model.items.weight, content], 1))


def test_rows_of_ngcfm_are_those_of_all() -> None:
    model = build(NGCFM).eval()
    some = torch.tensor([3, 1, 3])
    for part, whole in zip(model.propagated(some, some), model.embed(), strict=True):
        torch.testing.assert_close(part, whole[some])


def test_a_triplet_far_on_the_wrong_side_has_no_gradient_in_ngcfm() -> None:
    model = build(NGCFM, n_layers=0, l_w=0)
    with torch.no_grad():
        model.users.weight[0].fill_(10)
        model.items.weight[0].fill_(-10)
        model.items.weight[1].fill_(10)
    loss = model.loss(Batch(*torch.tensor([[0], [0], [1]])))
    assert loss.item() == pytest.approx(80)
    loss.backward()
    assert not model.users.weight.grad.any()


@pytest.mark.parametrize(
    ("name", "changes", "facts"),
    [
        ("NGCFM", {"weight_size": 5}, ("weight_size", "6", "5")),
        ("NGCFM", {"aggregation": "mean"}, ("aggregation", "concat")),
        ("NGCFM", {"node_dropout": 1}, ("node_dropout", "1")),
        ("NGCF", {"weight_size": 0}, ("weight_size",)),
        ("NGCF", {"message_dropout": -0.1}, ("message_dropout", "0")),
        ("LightGCN", {"n_layers": -1}, ("n_layers", "0")),
        ("BPRMF", {"n_layers": 2}, ("n_layers",)),
    ],
)
def test_what_a_model_cannot_use_is_refused(
    name: str, changes: dict[str, object], facts: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as error:
        MODELS[name].Config.model_validate({"factors": 6} | changes)
    assert all(fact in str(error.value) for fact in facts)


def test_every_layer_of_ngcfm_is_as_wide_as_the_embeddings() -> None:
    for width in ({}, {"weight_size": 6}):
        model = build(NGCFM, **width)
        assert {tuple(layer.W1.shape) for layer in model.layers.layers} == {(6, 6)}


PUBLISHED: dict[str, dict[str, object]] = {
    "BPRMF": {"factors": 8},
    "LightGCN": {"factors": 8, "n_layers": 3, "normalize": True},
    "NGCF": {"n_layers": 3, "weight_size": 8, "node_dropout": 0.1, "message_dropout": 0.1},
    "NGCFM": {
        "factors": 8,
        "weight_size": 8,
        "node_dropout": 0.1,
        "modalities": "('visual','textual')",
        "loaders": "('VisualAttribute','TextualAttribute')",
    },
}
"""Keys and forms of values as in experiment files of the field."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_keys_run(experiment_file: Write, name: str) -> None:
    entry = settings(epochs=1) | {"meta": {"hyper_opt_alg": "grid"}} | PUBLISHED[name]
    entry["l_w"] = ["1e-5", "1e-2"]
    results = run_experiment(experiment_file({f"external.{name}": entry}), progress=False)
    assert list(results.trials["status"]) == ["finished"] * 2


@pytest.mark.parametrize("name", ["BPRMF", "LightGCN", "NGCF", "NGCFM"])
def test_losses_are_those_of_the_definition(name: str) -> None:
    """The loss of a batch from the embeddings of all users and items, by float64 and numpy."""
    kinds: dict[str, Kind] = {"BPRMF": BPRMF, "LightGCN": LightGCN} | WITH_NGCF
    model = build(kinds[name], l_w=0.3, **({"message_dropout": 0} if "NGCF" in name else {}))
    with torch.no_grad():
        users, items = (x.double().numpy() for x in model.embed())
        tables = [model.users.weight.double().numpy(), model.items.weight.double().numpy()]
    u, p, n = (x.numpy() for x in (batch().users, batch().positives, batch().negatives))
    margin = (users[u] * (items[p] - items[n])).sum(1)
    if name in ("NGCF", "NGCFM"):
        tables = [users, items]
    squares = (tables[0][u] ** 2).sum() + sum((tables[1][k] ** 2).sum() for k in (p, n))
    expected = np.log1p(np.exp(-margin)).mean() + 0.3 / 2 * squares / len(u)
    assert total_loss(model.loss(batch())).item() == pytest.approx(expected, rel=1e-5)
