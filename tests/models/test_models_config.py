"""Hyper-parameters: defaults, what is read, and what is refused."""

from __future__ import annotations

import pytest
from helpers import refusal
from pydantic import ValidationError

from mmrec.models import ModelConfig, MultimodalConfig, RecommenderConfig
from mmrec.models.lattice import LATTICEConfig
from mmrec.models.lightgcnm import LightGCNMConfig


def test_defaults_of_lightgcnm() -> None:
    assert LightGCNMConfig().model_dump() == {
        "seed": 42,
        "epochs": 2,
        "batch_size": -1,
        "lr": 0.0005,
        "lr_sched": (1.0, 50.0),
        "weight_decay": 0.0,
        "sampler": None,
        "modalities": ("visual", "textual"),
        "loaders": (),
        "control": "none",
        "factors": 64,
        "n_layers": 1,
        "l_w": 0.01,
        "normalize": True,
        "aggregation": "mean",
    }


def test_defaults_of_lattice() -> None:
    assert LATTICEConfig().model_dump() == {
        "seed": 42,
        "epochs": 2,
        "batch_size": -1,
        "lr": 0.0005,
        "lr_sched": (0.96, 50.0),
        "weight_decay": 0.0,
        "sampler": None,
        "modalities": ("visual", "textual"),
        "loaders": (),
        "control": "none",
        "factors": 64,
        "factors_multimod": 64,
        "n_layers": 1,
        "n_ui_layers": 3,
        "top_k": 100,
        "neighbours": "exact",
        "cf": "lightgcn",
        "l_m": 0.1,
        "l_w": 0.01,
        "ws": (64, 64, 64),
        "dl": (0.1, 0.1, 0.1),
    }


@pytest.mark.parametrize("config", [LightGCNMConfig, LATTICEConfig, ModelConfig])
def test_every_field_says_what_it_is(config: type[ModelConfig]) -> None:
    assert [name for name, field in config.model_fields.items() if not field.description] == []


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        LightGCNMConfig().lr = 1.0  # type: ignore[misc]


def test_quoted_numbers_and_lists_arrive_typed() -> None:
    config = LATTICEConfig.model_validate(
        {"lr": "1e-3", "factors": "8", "epochs": 3.0, "modalities": ["audio"], "dl": [0, "0.5"]}
    )
    assert (config.lr, config.factors, config.epochs) == (0.001, 8, 3)
    assert (config.modalities, config.dl) == (("audio",), (0.0, 0.5))
    assert LightGCNMConfig.model_validate({"normalize": "False"}).normalize is False


def test_sources_pair_modalities_and_loaders() -> None:
    assert list(MultimodalConfig(modalities=("audio", "visual")).sources.items()) == [
        ("audio", "AudioAttribute"),
        ("visual", "VisualAttribute"),
    ]
    own = MultimodalConfig(modalities=("smell", "visual"), loaders=("Nose", "Nose"))
    assert list(own.sources.items()) == [("smell", "Nose"), ("visual", "Nose")]


NGCF = {"cf": "ngcf", "factors": 8, "n_ui_layers": 2, "ws": (8, 8), "dl": (0.1, 0.1)}


def test_ngcf_needs_widths_that_fit_and_others_do_not() -> None:
    LATTICEConfig.model_validate(NGCF)
    LATTICEConfig.model_validate(NGCF | {"ws": (8, 8, 99), "dl": (0.1, 0.1, 0.5)})
    LATTICEConfig.model_validate(NGCF | {"n_ui_layers": 0, "ws": (), "dl": ()})
    LATTICEConfig.model_validate(NGCF | {"cf": "mf", "ws": (1,), "dl": ()})


@pytest.mark.parametrize(
    ("config", "settings", "facts"),
    [
        (LATTICEConfig, NGCF | {"ws": (8,)}, ["ws", "2 layers", "(8,)"]),
        (LATTICEConfig, NGCF | {"dl": (0.2,)}, ["dl", "2 layers", "(0.2,)"]),
        (LATTICEConfig, NGCF | {"ws": (8, 16)}, ["ws", "factors = 8", "(8, 16)"]),
        (MultimodalConfig, {"loaders": ("VisualAttribute",)}, ["loaders", "2", "found 1"]),
        (
            MultimodalConfig,
            {"modalities": ("visual",), "loaders": ("A", "B")},
            ["loaders", "1", "found 2", "('A', 'B')"],
        ),
        (
            MultimodalConfig,
            {"modalities": ("visual", "smell", "taste")},
            ["loaders", "visual, textual, audio", "smell, taste"],
        ),
        (MultimodalConfig, {"modalities": ()}, ["modalities", "at least one"]),
        (MultimodalConfig, {"modalities": ("visual", "visual")}, ["modalities", "duplicate"]),
        (MultimodalConfig, {"modalities": ("v.1",), "loaders": ("A",)}, ["modalities", "'v.1'"]),
        (ModelConfig, {"batch_size": 0}, ["found 0", "from 1 up, or -1"]),
        (ModelConfig, {"batch_size": -2}, ["found -2", "from 1 up, or -1"]),
        (ModelConfig, {"sampler": "UniformUser"}, ["'UniformUser'", "UniformUsers", "Pairs"]),
    ],
)
def test_a_refusal_contains_key_value_and_what_is_accepted(
    config: type[RecommenderConfig], settings: dict[str, object], facts: list[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        config.model_validate(settings)
    (problem,) = caught.value.errors()
    assert [fact for fact in facts if fact not in problem["msg"]] == []


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        (ModelConfig, {"lr": 0}),
        (ModelConfig, {"lr": -0.1}),
        (ModelConfig, {"lr": float("nan")}),
        (ModelConfig, {"lr": float("inf")}),
        (ModelConfig, {"lr": True}),
        (ModelConfig, {"epochs": 0}),
        (ModelConfig, {"epochs": 2.5}),
        (ModelConfig, {"batch_size": 3.5}),
        (ModelConfig, {"seed": -1}),
        (ModelConfig, {"seed": "abc"}),
        (LightGCNMConfig, {"factors": 0}),
        (LightGCNMConfig, {"n_layers": -1}),
        (LightGCNMConfig, {"l_w": -1e-9}),
        (LightGCNMConfig, {"normalize": 1}),
        (LightGCNMConfig, {"aggregation": "max"}),
        (LATTICEConfig, {"factors_multimod": 0}),
        (LATTICEConfig, {"n_ui_layers": -1}),
        (LATTICEConfig, {"top_k": 0}),
        (LATTICEConfig, {"cf": "gat"}),
        (LATTICEConfig, {"l_m": -0.1}),
        (LATTICEConfig, {"l_m": 1.1}),
        (LATTICEConfig, {"dl": (0.1, 1.0, 0.1)}),
        (LATTICEConfig, {"dl": (0.1, -0.1, 0.1)}),
        (LATTICEConfig, {"ws": (0,)}),
        (LATTICEConfig, {"n_layer": 2}),
        (RecommenderConfig, {"epochs": 2}),
    ],
    ids=str,
)
def test_impossible_values_and_unknown_keys(
    config: type[RecommenderConfig], settings: dict[str, object]
) -> None:
    (name,) = settings
    with pytest.raises(ValidationError) as caught:
        config.model_validate(settings)
    (problem,) = caught.value.errors()
    assert problem["loc"][0] == name


def test_an_unknown_key_is_named() -> None:
    assert "n_layer\n" in refusal(ValidationError, LightGCNMConfig.model_validate, {"n_layer": 2})
