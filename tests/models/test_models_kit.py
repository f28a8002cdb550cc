"""The shipped test kit: on mmrec's models, and on models that break its rules one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers import ROOT, refusal
from pydantic import ConfigDict
from torch import Tensor, nn

from mmrec.data import ColdItems, Dataset, DistinctUsers
from mmrec.errors import DataError
from mmrec.models import (
    MODELS,
    Batch,
    Model,
    ModelConfig,
    MultimodalConfig,
    find_recommender,
    load_external_module,
)
from mmrec.models.losses import bpr_loss
from mmrec.models.parts import ItemFeatures
from mmrec.testing.data import tiny_dataset
from mmrec.testing.models import ModelTests

Settings = Mapping[str, Any]


TESTS = [name for name in dir(ModelTests) if name.startswith("test_")]
SETTINGS: dict[str, list[Settings]] = {
    "LightGCNM": [
        {"factors": 8},
        {
            "factors": 8,
            "aggregation": "concat",
            "normalize": False,
            "n_layers": 2,
            "modalities": ("audio", "visual", "textual"),
        },
        {"factors": 8, "aggregation": "sum", "n_layers": 0, "modalities": ("textual",)},
    ],
    "MMGCN": [{"factors": 8, "factors_multimod": (6, None)}, {"variant": "mmrec"}],
    "GRCN": [{"weight_mode": "confid", "num_routings": 2}, {"item_attention": "published"}],
    "LATTICE": [
        {"factors": 8, "factors_multimod": 6, "top_k": 4},
        {"factors": 8, "top_k": 4, "cf": "ngcf", "n_ui_layers": 2, "ws": (8, 8), "dl": (0.2, 0.2)},
        {"factors": 8, "top_k": 4, "cf": "mf", "modalities": ("visual", "textual", "audio")},
    ],
    "LightGCN": [{"factors": 8}, {"factors": 8, "n_layers": 3, "normalize": False}],
    "NGCF": [
        {"factors": 8, "weight_size": 5},
        {"factors": 4, "n_layers": 2, "normalize": False, "node_dropout": 0.3},
    ],
    "NGCFM": [
        {"factors": 8},
        {"factors": 4, "n_layers": 1, "node_dropout": 0.3, "modalities": ("textual",)},
    ],
    "SGL": [
        {"factors": 8, "n_layers": 2, "ssl_ratio": 0.2},
        {"factors": 8, "sampling": "ed", "ssl_ratio": 1},
        {"factors": 8, "sampling": "rw", "n_layers": 3},
        {"factors": 8, "sampling": "rw", "n_layers": 0},
    ],
    "SimGCL": [
        {"factors": 8},
        {"factors": 8, "n_layers": 3, "reg_cl": 0.5},
        {"factors": 8, "n_layers": 2, "normalize": False, "eps": 0, "lr": 0.001},
    ],
}
"""Hyper-parameters to test a model with; a model that is not here is tested with its defaults."""

CASES = [
    pytest.param(name, settings, id=f"{name}-{number}")
    for name, kind in MODELS.items()
    if issubclass(kind, Model) and kind.__module__.startswith("mmrec.")
    for number, settings in enumerate(SETTINGS.get(name, [{}]))
]


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_every_model_passes_the_kit(name: str, settings: Settings, test: str) -> None:
    class Kit(ModelTests):
        model = MODELS[name]  # type: ignore[assignment]
        config = settings

    getattr(Kit(), test)()


class PlainConfig(ModelConfig):
    """Of the model below."""

    factors: int = 4


class Plain(Model):
    """Matrix factorisation: the least that keeps every rule."""

    Config = PlainConfig
    sampler = DistinctUsers
    config: PlainConfig

    def __init__(self, config: PlainConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users = nn.Embedding(self.n_users, config.factors)
        self.items = nn.Embedding(self.n_items, config.factors)

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight

    def loss(self, batch: Batch) -> Tensor:
        return bpr_loss(*batch.of(self.users.weight, self.items.weight))


class TestPlain(ModelTests):
    model = Plain


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_external_module(ROOT / "external" / "models" / "__init__.py")


@pytest.mark.parametrize("name", TESTS)
def test_the_worked_example_of_an_external_model(name: str, example: ModuleType) -> None:
    class Kit(ModelTests):
        model = find_recommender("external.FeatureMF", example)  # type: ignore[assignment]
        config: ClassVar[Settings] = {"factors": 8}

    getattr(Kit(), name)()


# From here on: models that break one rule each, and the test that has to notice.


class UnseededNumpy(Plain):
    def __init__(self, config: PlainConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        start = np.random.normal(size=self.items.weight.shape)  # noqa: NPY002
        self.items.weight.data = torch.from_numpy(start).float()


class OwnGenerator(Plain):
    def __init__(self, config: PlainConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        for embedding in (self.users, self.items):
            start = np.random.default_rng().normal(size=embedding.weight.shape)
            embedding.weight.data = torch.from_numpy(start).float()


class Unseeded(Plain):
    """Draws nothing from the seed: constant weights, and the same triplets every time."""

    class AlwaysTheSame(DistinctUsers):
        def draw_epoch(self, rng: np.random.Generator) -> object:
            return super().draw_epoch(np.random.default_rng(0))

    sampler = AlwaysTheSame  # type: ignore[assignment]

    def __init__(self, config: PlainConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        for number, embedding in enumerate((self.users, self.items)):
            values = torch.arange(float(embedding.weight.numel())).sin() + number
            embedding.weight.data = values.view_as(embedding.weight)


class UnusedParameter(Plain):
    def __init__(self, config: PlainConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.idle = nn.Linear(3, 3)


class DetachedItems(Plain):
    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch) + 0 * self.items.weight.detach().sum()

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight[1:]


class Ascending(Plain):
    def loss(self, batch: Batch) -> Tensor:
        return -super().loss(batch)

    def lr_factor(self, epoch: int) -> float:
        return -1.0


class LossPerTriplet(Plain):
    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch).expand(2)


class AlwaysDropout(Plain):
    def embed(self) -> tuple[Tensor, Tensor]:
        return nn.functional.dropout(self.users.weight, 0.5), self.items.weight


class WrongScorer(Plain):
    def scorer(self) -> Callable[[Tensor], Tensor]:
        return lambda users: torch.zeros(len(users), 3)


class HiddenState(Plain):
    """Ranks by a tensor that is neither parameter nor buffer."""

    def __init__(self, config: PlainConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.bias = torch.randn(self.n_items, config.factors)

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight + self.bias


class ForgetfulEpoch(Plain):
    """Counts the steps of an epoch, which no checkpoint contains."""

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        self.step = 0

    def loss(self, batch: Batch) -> Tensor:
        self.step = getattr(self, "step", 0) + 1
        return super().loss(batch) / self.step


class BlindConfig(PlainConfig, MultimodalConfig):
    """Offers modalities and the control."""


class Blind(Plain):
    """Has modalities but uses no features."""

    Config = BlindConfig


class Tower(Plain):
    """Ranks cold items: its items come from features alone."""

    Config = BlindConfig
    config: BlindConfig

    def __init__(self, config: BlindConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.features = ItemFeatures(config, dataset, config.factors)
        del self.items

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, torch.stack([*self.features.projected().values()]).sum(0)

    def loss(self, batch: Batch) -> Tensor:
        return bpr_loss(*batch.of(*self.embed()))

    def embed_cold_items(self, cold: ColdItems) -> Tensor:
        sources = self.config.sources.items()
        vectors = {m: torch.from_numpy(cold.features[loader]) for m, loader in sources}
        assert self.features.projections is not None
        return torch.stack([*self.features.projections(vectors).values()]).sum(0)

    def cold_scorer(self, cold: ColdItems) -> Callable[[Tensor], Tensor]:
        items = self.embed_cold_items(cold)
        return lambda users: self.users(users) @ items.T


class TestTower(ModelTests):
    model = Tower


class ColdTogether(Tower):
    """Cold items are centred, so that each depends on the others."""

    def embed_cold_items(self, cold: ColdItems) -> Tensor:
        items = super().embed_cold_items(cold)
        return items - items.mean(0)


class ColdHalf(Tower):
    """Items have embeddings that cold items lack."""

    def __init__(self, config: BlindConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.items = nn.Embedding(self.n_items, config.factors)

    def embed(self) -> tuple[Tensor, Tensor]:
        users, items = super().embed()
        return users, items + self.items.weight


class LenientConfig(PlainConfig):
    model_config = ConfigDict(extra="ignore")


class Lenient(Plain):
    Config = LenientConfig


BROKEN = {
    UnseededNumpy: "test_draws_from_torch_s_default_generator_alone",
    OwnGenerator: "test_the_same_seed_gives_the_same_bits",
    Unseeded: "test_another_seed_gives_another_training",
    UnusedParameter: "test_every_parameter_gets_a_gradient",
    DetachedItems: "test_embed_has_a_row_for_every_user_and_item",
    Ascending: "test_the_loss_falls",
    LossPerTriplet: "test_the_loss_is_a_finite_scalar",
    AlwaysDropout: "test_embed_is_repeatable_in_evaluation",
    WrongScorer: "test_scores_have_a_column_for_every_item",
    ForgetfulEpoch: "test_resuming_within_an_epoch_gives_the_same_bits",
    HiddenState: "test_the_state_is_the_whole_model",
    Blind: "test_permuted_features_change_the_model",
    ColdTogether: "test_cold_items_have_finite_scores_of_their_own",
    ColdHalf: "test_a_cold_item_with_the_vectors_of_a_trained_item_has_its_score",
    Lenient: "test_an_unknown_hyper_parameter_is_refused",
}


@pytest.mark.parametrize(("broken", "name"), BROKEN.items(), ids=[b.__name__ for b in BROKEN])
def test_a_broken_rule_is_noticed(broken: type[Model], name: str) -> None:
    class Kit(ModelTests):
        model = broken

    with pytest.raises(AssertionError):
        getattr(Kit(), name)()


def test_tiny_dataset_is_what_it_says() -> None:
    data = tiny_dataset(["A", "B"], n_users=13, n_items=20, n_features=4)
    assert data.features_of("A").shape == (20, 4)
    assert data.features_of("B").shape == (20, 5)
    assert data.items.ids[:3] == ["7", "17", "27"]
    validation = data.validation
    assert validation is not None
    assert len(validation) == len(data.test) == 13
    taken = {
        (user, item)
        for split in (data.train, validation, data.test)
        for user, item in zip(split.users.tolist(), split.items.tolist(), strict=True)
    }
    # Everyone has the items of the own group, once.
    assert taken == {(u, i) for u in range(13) for i in range(20) if u % 3 == i % 3}
    assert len(data.train) + 26 == len(taken)
    assert data.train.item_degrees.min() > 0


@pytest.mark.parametrize(("n_users", "n_items"), [(9, 9), (9, 40), (40, 9), (31, 10)])
def test_every_item_of_a_tiny_dataset_is_trained(n_users: int, n_items: int) -> None:
    data = tiny_dataset(n_users=n_users, n_items=n_items)
    assert data.train.item_degrees.min() > 0
    assert data.train.user_degrees.min() > 0


def test_tiny_dataset_depends_on_its_arguments_alone() -> None:
    assert tiny_dataset().fingerprint == tiny_dataset().fingerprint
    others = [tiny_dataset(seed=1), tiny_dataset(["A"]), tiny_dataset(n_users=13)]
    assert len({data.fingerprint for data in (tiny_dataset(), *others)}) == 4
    # A loader's features do not depend on its companions.
    alone = tiny_dataset(["VisualAttribute"]).features_of("VisualAttribute")
    np.testing.assert_array_equal(alone, tiny_dataset().features_of("VisualAttribute"))


def test_tiny_dataset_refuses_to_be_tinier() -> None:
    def build() -> Dataset:
        return tiny_dataset(n_users=8, n_items=12)

    assert refusal(DataError, build) == "expected at least 9 users and items, found 8 and 12"


def test_kit_paths_are_not_needed(tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
    TestPlain().test_the_loss_falls()
    assert list(tmp_path.iterdir()) == []
