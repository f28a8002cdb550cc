"""The state of a new model: what it has, and the distributions that values are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from mmrec.models import MODELS, Model
from mmrec.testing.data import tiny_dataset
from mmrec.training.build import build

MMREC = {"variant": "mmrec"}


def parameters(name: str, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    config = MODELS[name].Config.model_validate({"factors": 60, **settings})
    model = build(MODELS[name], config, tiny_dataset(n_users=40, n_items=50, n_features=30))
    assert isinstance(model, torch.nn.Module)
    return {key: x.detach() for key, x in model.named_parameters()}


@pytest.mark.parametrize(
    "name",
    [n for n, k in MODELS.items() if issubclass(k, Model) and k.__module__.startswith("mmrec.")],
)
def test_the_state_has_parameters_and_no_constant_features(name: str) -> None:
    model = build(MODELS[name], MODELS[name].Config(), tiny_dataset())
    assert isinstance(model, Model)
    assert list(model.state_dict()) == [key for key, _ in model.named_parameters()]


def assert_uniform(x: Tensor, bound: float) -> None:
    assert 0.97 * bound < x.abs().max() <= bound
    assert x.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def assert_normal(x: Tensor, std: float) -> None:
    assert x.abs().max() > 2.5 * std
    assert x.std().item() == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize(
    ("name", "settings", "keys"),
    [
        ("BPRMF", {}, ["users.weight", "items.weight"]),
        ("VBPR", {}, ["items.weight"]),
        ("VBPR", MMREC, ["users.weight", "items.weight"]),
        ("NGCF", {}, ["layers.layers.0.W1", "layers.layers.0.W2"]),
        ("MMGCN", {}, ["users.weight", "convolutions.0.preferences"]),
        ("MMGCN", {}, [f"convolutions.1.layers.1.{x}.weight" for x in ("own", "join")]),
        ("MMGCN", {}, ["convolutions.1.layers.0.weight"]),
        ("GRCN", {}, ["items.weight", "refining.preferences.1"]),
        ("GRCN", {"weight_mode": "confid"}, ["refining.confidence"]),
    ],
)
def test_xavier_uniform(name: str, settings: Mapping[str, Any], keys: list[str]) -> None:
    found = parameters(name, settings)
    for key in keys:
        assert_uniform(found[key], (6 / sum(found[key].shape)) ** 0.5)


@pytest.mark.parametrize(
    ("name", "settings", "keys"),
    [
        ("BM3", {}, ["predictor.weight", "features.projections.textual.weight"]),
        ("VBPR", MMREC, ["projection.weight"]),
        ("MMGCN", MMREC, ["convolutions.0.preferences", "convolutions.0.layers.0.join.weight"]),
        ("MMGCN", MMREC, ["convolutions.1.layers.1.weight", "convolutions.1.layers.1.own.weight"]),
        ("GRCN", MMREC, ["refining.preferences.1", "features.projections.visual.weight"]),
    ],
)
def test_xavier_normal(name: str, settings: Mapping[str, Any], keys: list[str]) -> None:
    found = parameters(name, settings)
    for key in keys:
        assert_normal(found[key], (2 / sum(found[key].shape)) ** 0.5)


@pytest.mark.parametrize("name", ["MMGCN", "GRCN"])
def test_users_and_items_of_mmrec_are_drawn_as_one_table(name: str) -> None:
    found = parameters(name, MMREC)
    for key in ("users.weight", "items.weight"):
        assert_normal(found[key], (2 / (40 + 50 + 60)) ** 0.5)


def test_what_is_torch_s_or_normal() -> None:
    """A linear map of torch is uniform within ``1 / sqrt(width of its input)``."""
    content_users = parameters("VBPR", {})["users.weight"][:, 60:]
    assert_normal(content_users, 1.0)
    assert_uniform(parameters("VBPR", {})["users.weight"][:, :60], (6 / (40 + 60)) ** 0.5)
    assert_uniform(parameters("VBPR", {})["projection.weight"], (30 + 31) ** -0.5)
    assert not parameters("VBPR", MMREC)["projection.bias"].any()
    join = parameters("MMGCN", MMREC)["convolutions.0.layers.1.join.weight"]
    assert_uniform(join, join.shape[1] ** -0.5)
    assert_uniform(parameters("GRCN", {})["features.projections.visual.weight"], 30**-0.5)
