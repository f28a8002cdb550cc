"""The control that takes the meaning from features: permuted among the items."""

from __future__ import annotations

import pytest
import torch

from mmrec.models import Model
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.testing.data import tiny_dataset

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
