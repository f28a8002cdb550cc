"""What models share: item features, embeddings, gates and attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import refusal
from torch import nn

from mmrec.data import Dataset
from mmrec.errors import ModelError
from mmrec.models import MultimodalConfig
from mmrec.models.parts import (
    Gate,
    ItemFeatures,
    ModalityAttention,
    Projections,
    Table,
    attribute_name,
    embeddings,
    interactions,
)
from mmrec.testing.data import tiny_dataset

DATA = tiny_dataset()
ODD = ("values", "items", "copy", "keys", "type", "raw", "projections", "forward", "values_", "_m")
"""Words that are attributes of modules or of mappings, and words that look alike."""


def config(**settings: object) -> MultimodalConfig:
    return MultimodalConfig.model_validate(settings)


def features_of(data: Dataset, loader: str = "VisualAttribute") -> torch.Tensor:
    return torch.from_numpy(data.features_of(loader))


@pytest.mark.parametrize("trainable", [True, False])
def test_raw_features_are_those_of_the_loaders_in_the_file_s_order(trainable: bool) -> None:
    features = ItemFeatures(
        config(modalities=("textual", "visual")), DATA, width=3, trainable=trainable
    )
    assert list(features) == list(features.raw) == ["textual", "visual"]
    assert torch.equal(features.raw["textual"], features_of(DATA, "TextualAttribute"))
    assert torch.equal(features.raw["visual"], features_of(DATA))
    assert features.widths == {"textual": 6, "visual": 5}
    assert all(x.requires_grad is trainable for x in features.raw.values())


def test_frozen_features_are_not_part_of_the_state() -> None:
    frozen, trained = (ItemFeatures(config(), DATA, trainable=t) for t in (False, True))
    assert list(frozen.state_dict()) == []
    assert list(trained.state_dict()) == ["visual", "textual"]
    assert frozen.to(torch.float64).raw["visual"].dtype == torch.float64


@pytest.mark.parametrize("trainable", [True, False])
def test_the_permutation_control_is_kept(trainable: bool) -> None:
    permuted = ItemFeatures(config(control="permute", seed=3), DATA, trainable=trainable).raw
    own = ItemFeatures(config(), DATA).raw
    joint = torch.cat(list(own.values()), dim=1)
    order = [
        int((joint == row).all(dim=1).nonzero())
        for row in torch.cat(list(permuted.values()), dim=1).detach()
    ]
    assert sorted(order) == list(range(DATA.n_items)) != order


def test_projections_of_all_or_some_items() -> None:
    features = ItemFeatures(config(), DATA, width=3)
    assert features.projections is not None
    whole = features.projected()
    linear = features.projections["visual"]
    torch.testing.assert_close(whole["visual"], linear(features_of(DATA)))
    some = torch.tensor([4, 4, 0])
    torch.testing.assert_close(features.projected(some)["textual"], whole["textual"][some])


def test_a_modality_may_have_any_word_as_its_name() -> None:
    data = tiny_dataset([f"L{n}" for n in range(len(ODD))])
    settings = config(modalities=ODD, loaders=[f"L{n}" for n in range(len(ODD))])
    features = ItemFeatures(settings, data, width=2, trainable=True)
    assert list(features.raw) == list(features.projected()) == list(ODD)
    for number, modality in enumerate(ODD):
        assert torch.equal(features.raw[modality], features_of(data, f"L{number}"))
    copy = ItemFeatures(settings, data, width=2, trainable=True)
    copy.load_state_dict(features.state_dict())
    torch.testing.assert_close(copy.projected(), features.projected())
    assert len(set(map(attribute_name, ODD))) == len(ODD)
    assert attribute_name("visual") == "visual"


def test_projections_alone() -> None:
    projections = Projections({"a": 2, "type": 3}, 4)
    found = projections({"type": torch.ones(5, 3)})
    assert {name: x.shape for name, x in found.items()} == {"type": (5, 4)}
    assert list(projections) == ["a", "type"]


def test_neighbour_graphs_are_normalised() -> None:
    graphs = ItemFeatures(config(), DATA).neighbour_graphs(4, values="ones")
    for graph in graphs.values():
        dense = graph.to_dense()
        assert dense.gt(0).sum(1).eq(4).all()
        torch.testing.assert_close(dense.sum(1), torch.ones(DATA.n_items))


def test_a_negative_row_sum_is_refused_with_modality_and_neighbours() -> None:
    # Item 0 is opposite to all other items: the cosines of its row add up to 1 - 17.
    vectors = np.ones((DATA.n_items, 2), np.float32)
    vectors[0] = -1
    data = replace(DATA, features={"VisualAttribute": vectors})
    features = ItemFeatures(config(modalities=("visual",)), data)
    message = refusal(ModelError, features.neighbour_graphs, 18)
    assert "visual" in message
    assert "18" in message
    assert "top_k" in message


def test_interactions_are_the_training_split() -> None:
    matrix = interactions(DATA)
    assert matrix.shape == (DATA.n_users, DATA.n_items)
    found = matrix.to_dense().nonzero().tolist()
    expected = zip(DATA.train.users.tolist(), DATA.train.items.tolist(), strict=True)
    assert found == [list(pair) for pair in expected]


def test_embeddings_are_those_of_torch_s_modules_in_order() -> None:
    torch.manual_seed(5)
    found = embeddings((7, 4), 3)
    torch.manual_seed(5)
    tables = [nn.Embedding(7, 3), nn.Embedding(4, 3)]
    for table, ours in zip(tables, found, strict=True):
        nn.init.xavier_uniform_(table.weight)
        assert torch.equal(ours.weight, table.weight)


def test_a_gate_is_a_factor_between_0_and_1() -> None:
    gate, x = Gate(3), torch.randn(5, 3)
    factors = gate(x)
    expected = 1 / (1 + (-(x @ gate.linear.weight.T + gate.linear.bias)).exp())
    torch.testing.assert_close(factors, expected)


def test_attention_over_modalities() -> None:
    attention, x = ModalityAttention(3), torch.randn(2, 5, 3)
    weights = attention(x)
    assert weights.shape == (2, 5, 1)
    torch.testing.assert_close(weights.sum(0), torch.ones(5, 1))
    hidden = torch.tanh(x @ attention.hidden.weight.T + attention.hidden.bias)
    scores = (hidden @ attention.query.weight.T)[:, :, 0].exp()
    torch.testing.assert_close(weights[:, :, 0], scores / scores.sum(0))


@pytest.mark.parametrize("shape", [(40,), (6, 4), (0,)])
def test_a_table_has_the_bits_of_an_embedding(shape: tuple[int, ...]) -> None:
    torch.manual_seed(2)
    places = torch.randint(9, shape)
    plain, ours = nn.Embedding(9, 5), Table(9, 5)
    ours.load_state_dict(plain.state_dict())
    rows = [table(places) for table in (plain, ours)]
    direction = torch.randn_like(rows[0])
    for found in rows:
        (found * direction).sum().backward()
    assert torch.equal(*rows)
    assert plain.weight.grad is not None
    assert ours.weight.grad is not None
    assert torch.equal(plain.weight.grad, ours.weight.grad)
