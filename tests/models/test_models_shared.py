"""Matrices of a model: shared between trials, and moved with the model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmrec.data import Dataset
from mmrec.graph import SparseMatrix
from mmrec.models import MODELS, Batch, Model, MultimodalConfig
from mmrec.models.losses import bpr_loss
from mmrec.models.parts import ItemFeatures, embeddings, interactions
from mmrec.testing.data import tiny_dataset
from mmrec.training.build import build as build_trial

META = torch.device("meta")


class Config(MultimodalConfig):
    """Of the model below."""

    top_k: int = 3
    lists: bool = False


class Graphs(Model):
    """Keeps matrices in attributes, containers and a module, one of them shared."""

    Config = Config
    n_built = 0

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, 2)
        self.features = ItemFeatures(config, dataset)
        self.plain = interactions(dataset)
        self.inner = nn.Module()
        self.inner.matrices = [self.plain]
        self.graphs = self.shared(self.build_graphs, config.top_k)
        self.other = self.shared(self.build_other)

    def build_graphs(self) -> dict[str, SparseMatrix]:
        type(self).n_built += 1
        return self.features.neighbour_graphs(self.config.top_k)

    def build_other(self) -> tuple[SparseMatrix, ...]:
        values = torch.ones(2, requires_grad=True)
        edges = torch.arange(2)
        return (SparseMatrix.from_edges(edges, edges, (2, 2), values),)

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight

    def loss(self, batch: Batch) -> Tensor:
        return bpr_loss(*batch.of(*self.embed()))


@pytest.fixture(autouse=True)
def _count() -> None:
    Graphs.n_built = 0


def build(data: Dataset, kind: type[Graphs] = Graphs, **settings: object) -> Graphs:
    return kind(Config.model_validate(settings), data)


def test_a_graph_is_built_once_for_the_same_key() -> None:
    data = tiny_dataset()
    first, again = build(data), build(data, seed=7, lr=0.5)
    assert Graphs.n_built == 1
    assert first.graphs["visual"] is again.graphs["visual"]


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 4},
        {"control": "permute"},
        {"modalities": ("visual",)},
        {"modalities": ("textual", "visual")},
        {"loaders": ("TextualAttribute", "VisualAttribute")},
    ],
    ids=str,
)
def test_another_key_is_built_anew(settings: dict[str, object]) -> None:
    data = tiny_dataset()
    build(data)
    build(data, **settings)
    assert Graphs.n_built == 2


def test_the_seed_counts_where_it_permutes() -> None:
    data = tiny_dataset()
    one, other = (build(data, control="permute", seed=seed) for seed in (1, 2))
    assert Graphs.n_built == 2
    assert not torch.equal(one.graphs["visual"].to_dense(), other.graphs["visual"].to_dense())


def test_other_data_and_other_classes_share_nothing() -> None:
    data = tiny_dataset()
    build(data)
    build(tiny_dataset())
    build(data, kind=type("Derived", (Graphs,), {}))
    assert Graphs.n_built == 2  # and one by the derived class
    build(data)
    assert Graphs.n_built == 3  # the derived class has displaced it: two results are kept


def test_shared_matrices_have_no_gradient() -> None:
    (matrix,) = build(tiny_dataset()).other
    assert not matrix.values.requires_grad


def test_moving_a_model_moves_its_matrices() -> None:
    data = tiny_dataset()
    model = build(data)
    assert set(model.state_dict()) == {"users.weight", "items.weight"}
    host = model.graphs["visual"]
    model.to(META)
    matrices = [model.plain, *model.inner.matrices, *model.graphs.values(), *model.other]
    assert {matrix.device for matrix in matrices} == {META}
    assert {matrix.pattern.cols.device for matrix in matrices} == {META}
    assert host.device.type == "cpu"
    assert build(data).graphs["visual"] is host


def test_trials_share_the_copy_on_a_device() -> None:
    data = tiny_dataset()
    one, other = build(data).to(META), build(data).to(META)
    assert one.graphs["visual"] is other.graphs["visual"]
    assert one.plain is not other.plain


def test_matrices_of_one_pattern_still_share_it_on_a_device() -> None:
    graphs = SparseMatrix.aligned(list(build(tiny_dataset()).graphs.values()))
    one, other = (graph.to(META) for graph in graphs)
    assert one.pattern is other.pattern


def test_a_model_in_float64_has_matrices_in_float64() -> None:
    model = build(tiny_dataset()).double()
    assert model.plain.values.dtype == model.graphs["visual"].values.dtype == torch.float64
    assert (model.plain @ model.items.weight).dtype == torch.float64
    assert model.plain.pattern.cols.dtype == torch.int64


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("FREEDOM", {"mw": (0.7, 0.3)}),
        ("FREEDOM", {"top_k": 3}),
        ("LATTICE", {"top_k": 3}),
        pytest.param(*("LATTICE", {"neighbours": "approximate"}), marks=pytest.mark.needs("faiss")),
        ("MGCN", {"top_k": 3}),
    ],
)
def test_what_the_graphs_of_a_model_depend_on_is_part_of_their_key(
    name: str, settings: dict[str, object]
) -> None:
    data, kind = tiny_dataset(), MODELS[name]
    kind(kind.Config.model_validate({"top_k": 5, "factors": 4}), data)  # shares its graphs
    config = kind.Config.model_validate({"top_k": 5, "factors": 4, **settings})
    after, alone = (build_trial(kind, config, x) for x in (data, tiny_dataset()))
    assert isinstance(after, Model)
    assert isinstance(alone, Model)
    for one, other in zip(after.eval().embed(), alone.eval().embed(), strict=True):
        assert torch.equal(one, other)
