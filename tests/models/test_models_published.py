"""What is particular to VBPR, BM3, FREEDOM and MGCN, and published keys of multimodal models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_experiment import Write, settings

from mmrec import run_experiment
from mmrec.data import EachInteraction, Pairs, UniformUsers
from mmrec.models import MODELS, Batch, Model
from mmrec.testing import tiny_dataset

LOADERS = ("VisualAttribute", "TextualAttribute")
PUBLISHED: dict[str, dict[str, Any]] = {
    "VBPR": {"l_w": ["1e-5", "1e-2"], "comb_mod": "concat", "modalities": "('visual',)"},
    "MBPR": {"lr_sched": "(1.0,50)", "l_w": 2.0, "comb_mod": "concat"},
    "BM3": {"multimod_factors": 8, "reg_weight": [0.1, 0.01], "cl_weight": 2.0, "dropout": 0.3},
    "FREEDOM": {"mw": "(0.1,0.9)", "drop": 0.8, "lr_sched": "(1.0,50)", "factors_multimod": 8},
    "MGCN": {"cl_loss": "1e-2", "n_ui_layers": 2, "top_k": 3},
    "MMGCN": {
        **{"num_layers": 3, "factors": 4, "factors_multimod": "(6, None)", "aggregation": "mean"},
        **{"concatenation": False, "has_id": True, "l_w": ["1e-5", "1e-2"]},
    },
    "GRCN": {
        **{"num_layers": 2, "num_routings": 3, "factors_multimod": 8, "aggregation": "add"},
        **{"weight_mode": "confid", "pruning": True, "has_act": False, "fusion_mode": "concat"},
        **{"l_w": ["1e-5", "1e-2"], "modalities": "('visual', 'textual')"},
    },
}
"""Keys and forms of values as in experiment files of the field."""


def build(name: str, **changes: Any) -> Model:
    recommender = MODELS[name]
    config = (
        recommender.Config.model_validate({"factors": 6, "top_k": 3} | changes)
        if (name in ("FREEDOM", "MGCN"))
        else recommender.Config.model_validate({"factors": 6} | changes)
    )
    torch.manual_seed(0)
    model = recommender(config, tiny_dataset(LOADERS))
    assert isinstance(model, Model)
    return model


def batch(n: int = 7, *, negatives: bool = True) -> Batch:
    rng = np.random.default_rng(4)
    columns = [torch.from_numpy(rng.integers(0, 8, n)) for _ in range(2 + negatives)]
    return Batch(*columns)


@pytest.mark.parametrize("prefix", ["", "external."])
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_keys_run(experiment_file: Write, name: str, prefix: str) -> None:
    entry = settings(epochs=1) | {"meta": {"hyper_opt_alg": "grid"}} | PUBLISHED[name]
    if name == "VBPR":
        entry["loaders"] = "('VisualAttribute',)"
    results = run_experiment(experiment_file({prefix + name: entry}), progress=False)
    trials = results.tables()["trials"] if callable(results.tables) else results.trials
    lists = [value for value in PUBLISHED[name].values() if isinstance(value, list)]
    assert len(trials) == max([len(values) for values in lists], default=1)
    assert set(trials["status"]) == {"finished"}


@pytest.mark.parametrize(
    ("name", "changes", "key"),
    [
        ("BM3", {"multimod_factors": 5}, "multimod_factors"),
        ("FREEDOM", {"factors_multimod": 5}, "factors_multimod"),
        ("FREEDOM", {"mw": (0.2, 0.3, 0.5)}, "mw"),
        ("FREEDOM", {"drop": 1.0}, "drop"),
        ("MGCN", {"modalities": ("visual",)}, "modalities"),
        ("VBPR", {"comb_mod": "sum"}, "comb_mod"),
        ("VBPR", {"lr_sched": (1.0, 0.0)}, "lr_sched"),
    ],
)
def test_what_a_model_cannot_use_is_refused(name: str, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        build(name, **changes)
    assert key in str(error.value)


def test_the_content_of_vbpr_has_unit_length_but_for_other_variants() -> None:
    for variant, is_unit in (("formal", True), ("mmrec", False), ("mbpr", False)):
        _, items = build("VBPR", variant=variant).embed()
        lengths = items[:, 6:].norm(dim=1)
        assert torch.allclose(lengths, torch.ones(len(items))) == is_unit


def test_the_samplers_of_the_variants_of_vbpr() -> None:
    train = tiny_dataset(LOADERS).train
    kinds = {"formal": UniformUsers, "mmrec": EachInteraction, "mbpr": EachInteraction}
    for variant, kind in kinds.items():
        model = build("VBPR", variant=variant)
        assert type(model.make_sampler(model.config, train)) is kind
    chosen = build("VBPR", sampler="Pairs")
    assert type(chosen.make_sampler(chosen.config, train)) is Pairs


@pytest.mark.parametrize("variant", ["mmrec", "mbpr"])
def test_the_variants_of_vbpr_bound_the_loss_of_a_triplet(variant: str) -> None:
    model = build("VBPR", variant=variant, l_w=0.0).double()
    triplets = batch()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 9
        user, positive, negative = (x.numpy() for x in triplets.of(*model.embed()))
    differences = (user * positive).sum(1) - (user * negative).sum(1)
    assert -700 < differences.min() < -30
    expected = -np.log(1e-10 + 1 / (1 + np.exp(-differences))).mean()
    assert model.loss(triplets).item() == pytest.approx(expected, rel=1e-9)  # type: ignore[union-attr]


def test_mmrec_concatenates_text_first() -> None:
    dataset = tiny_dataset(LOADERS)
    visual, textual = (torch.from_numpy(dataset.features_of(name)) for name in LOADERS)
    for variant, order in (("mmrec", [textual, visual]), ("mbpr", [visual, textual])):
        model = build("VBPR", variant=variant)
        assert torch.equal(model.get_buffer("features"), torch.cat(order, dim=1))


def test_items_of_vbpr_are_the_same_in_small_and_large_batches() -> None:
    model = build("VBPR")
    everything = model.embed_items(torch.arange(model.n_items))  # type: ignore[operator]
    some = model.embed_items(torch.tensor([3, 1, 3]))  # type: ignore[operator]
    torch.testing.assert_close(some, everything[[3, 1, 3]])


def test_no_gradient_passes_the_targets_of_bm3() -> None:
    model = build("BM3", reg_weight=0.0, cl_weight=0.0, n_layers=0, dropout=0.0)
    with torch.no_grad():  # constant predictions: gradients could come from the targets alone
        model.predictor.weight.zero_()  # type: ignore[union-attr, operator]
    losses = model.loss(batch(negatives=False))
    assert isinstance(losses, dict)
    losses["reconstruction"].backward()
    for table in (model.users, model.items):
        gradient = table.weight.grad  # type: ignore[union-attr]
        assert isinstance(gradient, torch.Tensor)
        assert not gradient.any()


def test_ranking_with_bm3_has_no_dropout() -> None:
    model = build("BM3", dropout=0.9).eval()
    assert all(torch.equal(x, y) for x, y in zip(model.embed(), model.embed(), strict=True))


def test_an_item_has_one_mask_of_bm3_in_a_step() -> None:
    model = build("BM3", dropout=0.5, reg_weight=0.0, cl_weight=0.0)
    once, twice = (Batch(torch.tensor([2] * n), torch.tensor([5] * n)) for n in (1, 2))
    values = []
    for samples in (once, twice):
        torch.manual_seed(9)
        losses = model.loss(samples)
        assert isinstance(losses, dict)
        values.append(losses["reconstruction"].item())
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_freedom_trains_on_a_part_of_the_interactions_and_ranks_by_all() -> None:
    model = build("FREEDOM", drop=0.5)
    n_interactions = len(model.interactions)  # type: ignore[arg-type]
    before = model.embed()
    model.begin_epoch(1, np.random.default_rng(1))
    assert len(model.graph_of_epoch) == 2 * (n_interactions // 2)  # type: ignore[arg-type]
    assert all(torch.equal(x, y) for x, y in zip(before, model.embed(), strict=True))


def test_the_edges_of_an_epoch_of_freedom_depend_on_the_generator_alone() -> None:
    model = build("FREEDOM")
    drawn = []
    for seed in (1, 2, 1):
        model.begin_epoch(1, np.random.default_rng(seed))
        drawn.append(model.graph_of_epoch.to_dense())  # type: ignore[operator, union-attr]
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


def test_without_dropping_freedom_trains_on_the_whole_graph() -> None:
    model = build("FREEDOM", drop=0)
    model.begin_epoch(1, np.random.default_rng(1))
    assert model.graph_of_epoch is model.graph


@pytest.mark.parametrize("modalities", [("visual",), ("visual", "textual")])
def test_rows_of_the_item_graph_of_freedom_sum_to_one(modalities: tuple[str, ...]) -> None:
    graph = build("FREEDOM", modalities=modalities).item_graph
    sums = graph.to_dense().sum(1)  # type: ignore[operator, union-attr]
    torch.testing.assert_close(sums, torch.ones(len(sums)))


def test_the_penalty_of_mgcn_is_divided_by_the_configured_batch_size() -> None:
    small, large = (build("MGCN", batch_size=size, l_w=1.0) for size in (10, 20))
    penalties = []
    for model in (small, large):
        losses = model.loss(batch())
        assert isinstance(losses, dict)
        penalties.append(losses["penalty"].item())
    assert penalties[0] == pytest.approx(2 * penalties[1], rel=1e-5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_permuted_features_change_the_scores(name: str) -> None:
    models = [build(name, control=control).eval() for control in ("none", "permute")]
    users = torch.arange(3)
    if name in ("BM3",):  # its features act through the loss alone
        values = [model.loss(batch(negatives=False)) for model in models]
        assert all(isinstance(losses, dict) for losses in values)
        assert values[0]["visual"] != values[1]["visual"]  # type: ignore[index]
    else:
        with torch.no_grad():
            scores = [model.scorer()(users) for model in models]
        assert not torch.equal(*scores)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modalities": ("textual", "audio")}, "0.1 of textual and 0.9 of audio"),
        ({"modalities": ("textual", "audio"), "mw": (0.5, 0.5)}, ""),
        ({"modalities": ("visual", "audio")}, ""),
        ({"modalities": ("textual",)}, ""),
    ],
)
def test_freedom_warns_of_default_shares_of_other_modalities(
    changes: dict[str, Any], expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    loaders = {
        "visual": "VisualAttribute",
        "textual": "TextualAttribute",
        "audio": "AudioAttribute",
    }
    config = MODELS["FREEDOM"].Config.model_validate({"factors": 4, "top_k": 3} | changes)
    MODELS["FREEDOM"](config, tiny_dataset([loaders[name] for name in config.modalities]))
    assert expected in caplog.text
    assert bool(caplog.text) == bool(expected)
