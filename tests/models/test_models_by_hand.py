"""Every formula of the models on examples small enough to work out by hand."""

from __future__ import annotations

from math import exp, log1p, sqrt

import numpy as np
import pytest
import torch
from helpers import interactions
from torch import Tensor

from mmrec.data import Dataset, Vocabulary
from mmrec.graph import SparseMatrix
from mmrec.models import Batch
from mmrec.models.collaborative import LightGCNLayers
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.models.ngcf_layers import NGCFLayers

H = 1 / sqrt(2)


def dataset(**features: list[list[float]]) -> Dataset:
    """User 0 has item 0, user 1 has both items."""
    train = interactions([[1, 0], [1, 1]])
    return Dataset(
        "by hand",
        Vocabulary("01"),
        Vocabulary("01"),
        train,
        None,
        train,
        {loader: np.array(rows, np.float32) for loader, rows in features.items()},
    )


def triplets(*rows: tuple[int, int, int]) -> Batch:
    return Batch(*torch.tensor(rows).T)


def put(parameter: Tensor, values: object) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values))


def assert_rows(found: Tensor, expected: object) -> None:
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-6, atol=1e-6)


def lightgcnm(**changes: object) -> LightGCNM:
    """W = identity, so item 0 enters as (3, 4) / 5 and item 1 as (0, 2) / 2."""
    config = LightGCNMConfig.model_validate(
        {"factors": 2, "modalities": ("visual",), "l_w": 0.5} | changes
    )
    model = LightGCNM(config, dataset(VisualAttribute=[[3, 4], [0, 2]]))
    put(model.user_embedding.weight, [[1.0, 0], [0, 1]])
    projection = model.projections[next(iter(model.projections))]
    put(projection.weight, [[1.0, 0], [0, 1]])
    put(projection.bias, [0.0, 0])
    return model


def test_lightgcnm_without_layers() -> None:
    users, items = lightgcnm(n_layers=0).embed()
    assert_rows(users, [[1.0, 0], [0, 1]])
    assert_rows(items, [[0.6, 0.8], [0, 1]])


def test_lightgcnm_with_one_layer() -> None:
    # Degrees: users 1 and 2, items 2 and 1. The edges weigh 1/sqrt(1*2), 1/sqrt(2*2), 1/sqrt(2*1).
    # Layer 1: user 0 = h i0, user 1 = i0/2 + h i1, item 0 = h u0 + u1/2, item 1 = h u1.
    users, items = lightgcnm().embed()
    assert_rows(users, [[(1 + 0.6 * H) / 2, 0.8 * H / 2], [0.3 / 2, (1 + 0.4 + H) / 2]])
    assert_rows(items, [[(0.6 + H) / 2, (0.8 + 0.5) / 2], [0, (1 + H) / 2]])


def test_lightgcnm_with_one_layer_without_normalisation() -> None:
    # Layer 1: user 0 = i0, user 1 = i0 + i1, item 0 = u0 + u1, item 1 = u1.
    users, items = lightgcnm(normalize=False).embed()
    assert_rows(users, [[1.6 / 2, 0.8 / 2], [0.6 / 2, 2.8 / 2]])
    assert_rows(items, [[1.6 / 2, 1.8 / 2], [0, 2 / 2]])


def test_lightgcnm_with_two_layers_without_normalisation() -> None:
    # Layer 2: user 0 = u0 + u1, user 1 = u0 + 2 u1, item 0 = 2 i0 + i1, item 1 = i0 + i1.
    users, items = lightgcnm(normalize=False, n_layers=2).embed()
    assert_rows(users, [[2.6 / 3, 1.8 / 3], [1.6 / 3, 4.8 / 3]])
    assert_rows(items, [[2.8 / 3, 4.4 / 3], [0.6 / 3, 3.8 / 3]])


def test_lightgcnm_loss() -> None:
    # Triplets (0, 0, 1) and (1, 1, 0), no layers: scores 0.6 against 0 and 1 against 0.8.
    # Every vector has length 1: the penalty is l_w / 2 * (2 + 2 + 2) / 2 = 0.75.
    loss = lightgcnm(n_layers=0).loss(triplets((0, 0, 1), (1, 1, 0)))
    ranking = (log1p(exp(-0.6)) + log1p(exp(-0.2))) / 2
    assert loss.item() == pytest.approx(ranking + 0.75, rel=1e-6)


def test_lightgcnm_penalises_users_before_and_items_after_propagation() -> None:
    # Unnormalised, one layer, triplet (1, 1, 0): user 1 = (0.3, 1.4), items (0, 1), (0.8, 0.9).
    # The user's own embedding is (0, 1): 1 + 1 + (0.64 + 0.81), times l_w / 2 over one triplet.
    loss = lightgcnm(normalize=False).loss(triplets((1, 1, 0)))
    ranking = log1p(exp((0.3 * 0.8 + 1.4 * 0.9) - 1.4))
    assert loss.item() == pytest.approx(ranking + 0.25 * 3.45, rel=1e-6)


@pytest.mark.parametrize(
    ("aggregation", "factor"), [("mean", 1 / 2), ("sum", 1)], ids=["mean", "sum"]
)
def test_lightgcnm_joins_projections(aggregation: str, factor: float) -> None:
    config = LightGCNMConfig(factors=2, n_layers=0, aggregation=aggregation)  # type: ignore[arg-type]
    data = dataset(VisualAttribute=[[3, 4], [0, 2]], TextualAttribute=[[5, 0, 0], [0, 0, -2]])
    model = LightGCNM(config, data)
    put(model.projections["visual"].weight, [[1.0, 0], [0, 1]])
    put(model.projections["textual"].weight, [[1.0, 0, 3], [0, 1, -4]])
    put(model.projections["visual"].bias, [0.0, 0])
    put(model.projections["textual"].bias, [0.0, 0])
    # Textual: (5, 0) to (1, 0), and (-6, 8) to (-0.6, 0.8).
    expected = torch.tensor([[0.6 + 1, 0.8], [-0.6, 1 + 0.8]]) * factor
    torch.testing.assert_close(model.embed_items(), expected)


def test_lightgcnm_projects_the_concatenation() -> None:
    config = LightGCNMConfig(factors=2, n_layers=0, aggregation="concat")
    data = dataset(VisualAttribute=[[3, 4], [0, 2]], TextualAttribute=[[5], [-1]])
    model = LightGCNM(config, data)
    put(model.projections["concat"].weight, [[1.0, 0, 1], [0, 1, -1]])
    put(model.projections["concat"].bias, [-2.0, 0])
    # (3 + 5 - 2, 4 - 5) = (6, -1) and (0 - 1 - 2, 2 + 1) = (-3, 3).
    expected = [[6 / sqrt(37), -1 / sqrt(37)], [-H, H]]
    assert_rows(model.embed_items(), expected)


def all_halves() -> SparseMatrix:
    nodes = torch.arange(2)
    edges = nodes.repeat_interleave(2), nodes.repeat(2)
    return SparseMatrix.from_edges(*edges, (2, 2)).by_row()


def test_lightgcn_layers_of_lattice() -> None:
    # Of one user and one item, with loops: D^-1 (A + I) is 1/2 everywhere.
    graph = all_halves()
    mean = LightGCNLayers(graph, 2)(torch.tensor([[6.0, 0], [0, 8]]), torch.arange(2))
    # Layer 0 is (6, 0) and (0, 8). Layer 1 is (3, 4), normalised (0.6, 0.8), for both nodes, and
    # so is layer 2, which reads the normalised one. The means are sums over 3.
    assert_rows(mean, [[7.2 / 3, 1.6 / 3], [1.2 / 3, 9.6 / 3]])


def test_ngcf_layer() -> None:
    graph = all_halves()
    layers = NGCFLayers(graph, 2, [0.0])
    (weights,) = layers.layers
    put(weights.W1, [[1.0, 0], [0, 1]])
    put(weights.b1, [[0.0, -2]])
    put(weights.W2, [[0.5, 0], [0, 0.5]])
    put(weights.b2, [[0.0, 0]])
    # side = (1, 1) for both nodes; side W1 + b1 = (1, -1); (side * x) W2 = (1, 0) and (0, 1).
    # Their sums (2, -1) and (1, 0), after LeakyReLU (2, -0.2) and (1, 0), normalised; then the
    # mean with the input (2, 0) and (0, 2).
    mean = layers(torch.tensor([[2.0, 0], [0, 2]]), torch.arange(2))
    assert_rows(mean, [[1 + 1 / sqrt(4.04), -0.1 / sqrt(4.04)], [0.5, 1]])


def lattice(**changes: object) -> LATTICE:
    """Both items have the same direction, so the raw graph is 1/2 everywhere."""
    settings = {"factors": 2, "factors_multimod": 2, "modalities": ("visual",), "l_w": 0.5}
    config = LATTICEConfig.model_validate(settings | {"l_m": 1.0, "cf": "mf"} | changes)
    model = LATTICE(config, dataset(VisualAttribute=[[1, 2], [2, 4]]))
    put(model.user_embedding.weight, [[1.0, 0], [0, 1]])
    put(model.item_embedding.weight, [[2.0, 0], [0, 4]])
    return model


def test_lattice_item_graph_mixes_raw_and_learned() -> None:
    model = lattice(l_m=0.25)
    put(model.projections["visual"].weight, [[3.0, 0], [0, 0]])
    put(model.projections["visual"].bias, [0.0, 4])
    # Projected: (3, 4) and (6, 4): cosine (18 + 16) / (5 sqrt(52)) = c, row sums 1 + c.
    c = 34 / (5 * sqrt(52))
    expected = [[0.75 / (1 + c) + 0.125, 0.75 * c / (1 + c) + 0.125]]
    expected.append(expected[0][::-1])
    assert_rows(model.item_graph().to_dense(), expected)


def test_lattice_items_gather_over_the_item_graph() -> None:
    # h = (1, 2) for both items, normalised (1, 2) / sqrt(5), added to the item's embedding.
    users, items = lattice().embed()
    a, b = 1 / sqrt(5), 2 / sqrt(5)
    assert_rows(users, [[1.0, 0], [0, 1]])
    assert_rows(items, [[2 + a, b], [a, 4 + b]])


def test_lattice_without_item_layers_adds_the_direction_of_the_embedding() -> None:
    _, items = lattice(n_layers=0).embed()
    assert_rows(items, [[2.0 + 1, 0], [0, 4 + 1]])


def test_lattice_with_lightgcn() -> None:
    # With loops, user 0 and item 1 have degree 2, user 1 and item 0 degree 3.
    # A x: u0 (1 + 2, 0) / 2, u1 (2, 1 + 4) / 3, i0 (2 + 1, 1) / 3, i1 (0, 1 + 4) / 2.
    users, items = lattice(cf="lightgcn", n_ui_layers=1).embed()
    a, b = 1 / sqrt(5), 2 / sqrt(5)
    assert_rows(users, [[1.0, 0], [2 / sqrt(29) / 2, (1 + 5 / sqrt(29)) / 2]])
    assert_rows(
        items,
        [[(2 + 3 / sqrt(10)) / 2 + a, 1 / sqrt(10) / 2 + b], [a, (4 + 1) / 2 + b]],
    )


def test_lattice_loss() -> None:
    # Triplet (1, 1, 0): scores b + 4 and b, lengths 1, a^2 + (4 + b)^2 and (2 + a)^2 + b^2.
    a, b = 1 / sqrt(5), 2 / sqrt(5)
    loss = lattice().loss(triplets((1, 1, 0)))
    squares = 1 + a**2 + (4 + b) ** 2 + (2 + a) ** 2 + b**2
    assert loss.item() == pytest.approx(log1p(exp(-4)) + 0.25 * squares, rel=1e-6)


@pytest.mark.parametrize(
    ("epoch", "factor"),
    [(1, 1.0), (2, 0.96 ** (1 / 50)), (26, sqrt(0.96)), (51, 0.96), (101, 0.9216)],
)
def test_lattice_learning_rate(epoch: int, factor: float) -> None:
    # After t = epoch - 1 epochs, 0.96^(t / 50): 0.96 after 50, 0.96^2 = 0.9216 after 100.
    assert lattice().lr_factor(epoch) == pytest.approx(factor, rel=1e-12)
    assert lightgcnm().lr_factor(epoch) == 1
