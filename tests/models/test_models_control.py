"""The control that takes the meaning from features: permuted among the items."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmrec.data import Dataset
from mmrec.models import Model, MultimodalConfig, Recommender
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.testing.data import tiny_dataset
from mmrec.training.build import build

DATA = tiny_dataset()


def built(kind: type[Model], control: str, seed: int = 7) -> Model:
    kind_of_config = LATTICEConfig if kind is LATTICE else LightGCNMConfig
    config = kind_of_config.model_validate({"control": control, "seed": seed})
    torch.manual_seed(7)
    return kind(config, DATA)


def features(model: Model) -> list[torch.Tensor]:
    return [p.detach() for name, p in model.named_parameters() if name.startswith("features.")]


@pytest.mark.parametrize("kind", [LightGCNM, LATTICE])
def test_every_item_gets_all_vectors_of_one_other_item(kind: type[Model]) -> None:
    own, permuted = features(built(kind, "none")), features(built(kind, "permute"))
    assert len(own) == len(permuted) > 1
    joint, joint_permuted = torch.cat(own, dim=1), torch.cat(permuted, dim=1)
    order = [int((joint == row).all(dim=1).nonzero()) for row in joint_permuted]
    assert sorted(order) == list(range(len(joint)))
    assert order != sorted(order)


@pytest.mark.parametrize("kind", [LightGCNM, LATTICE])
def test_all_other_parameters_start_as_without_it(kind: type[Model]) -> None:
    own, permuted = built(kind, "none"), built(kind, "permute")
    for (name, one), other in zip(own.named_parameters(), permuted.parameters(), strict=True):
        assert name.startswith("features.") or torch.equal(one, other)


@pytest.mark.parametrize("seed", [0, 7, 2**64])
def test_the_seed_decides_and_nothing_else(seed: int) -> None:
    first, other = (features(built(LightGCNM, "permute", s)) for s in (seed, seed + 1))
    torch.rand(3)
    again = features(built(LightGCNM, "permute", seed))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


class Reader(Recommender):
    """Reads the data set by itself instead of through ItemFeatures."""

    Config = MultimodalConfig

    def __init__(self, config: MultimodalConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.matrices = {name: dataset.features[name] for name in dataset.features}
        self.named = {name: dataset.features_of(name) for name in config.sources.values()}

    def scorer(self):
        raise NotImplementedError


def read(**settings: object) -> Reader:
    made = build(Reader, MultimodalConfig.model_validate({"seed": 7, **settings}), DATA)
    assert isinstance(made, Reader)
    return made


def test_a_model_that_reads_the_data_set_by_itself_gets_the_same_permutation() -> None:
    reader = read(control="permute")
    through = features(built(LightGCNM, "permute"))
    for of_model, direct, named in zip(
        through, reader.matrices.values(), reader.named.values(), strict=True
    ):
        assert torch.equal(of_model, torch.from_numpy(direct))
        assert np.array_equal(direct, named)
    assert not np.array_equal(reader.matrices["VisualAttribute"], DATA.features["VisualAttribute"])


def test_it_sees_the_loaders_of_its_modalities_in_their_order() -> None:
    assert list(read().matrices) == ["VisualAttribute", "TextualAttribute"]
    assert list(read(modalities=("textual", "visual")).matrices) == [
        "TextualAttribute",
        "VisualAttribute",
    ]
    assert list(read(modalities=("visual",), control="permute").matrices) == ["VisualAttribute"]


def test_a_view_is_permuted_once_and_has_the_same_shared_objects() -> None:
    once = DATA.view(DATA.features, permuted_by=3)
    twice = once.view(DATA.features, permuted_by=3)
    for name in DATA.features:
        assert np.array_equal(once.features[name], twice.features[name])
    assert once.shared is DATA.shared
    assert once.fingerprint != DATA.fingerprint
    assert DATA.permuted_by is None
