"""What trials are going to need, against what they need."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import ROOT, interactions
from hypothesis import given
from hypothesis import strategies as st
from tiny_experiment import Write, settings

from mmrec.config import read_experiment
from mmrec.data import Dataset, Vocabulary
from mmrec.execution.specs import Order, SpecMaker
from mmrec.graph import bipartite_adjacency, sizes
from mmrec.models import LATTICE, MODELS, DataShape, LightGCNM, Model
from mmrec.planning.datasets import load_datasets, measure_data
from mmrec.planning.plan import make_plan
from mmrec.reporting.forecast import forecast_lines
from mmrec.search import forecast
from mmrec.search.estimate import estimate_plan, trial_memory
from mmrec.search.forecast import make_forecast
from mmrec.training.trainer import Trainer

CPU = torch.device("cpu")

EXTERNAL = """
import os
import torch
from mmrec.models import Recommender, RecommenderConfig

class Silent(Recommender):
    def __init__(self, config, dataset):
        self.n_items = dataset.n_items
    def scorer(self):
        return lambda users: torch.zeros(len(users), self.n_items)

class Broken(Silent):
    def __init__(self, config, dataset):
        raise RuntimeError("no such luck")

class Killed(Silent):
    def __init__(self, config, dataset):
        os._exit(9)
"""


def dataset(n_users: int = 12, n_items: int = 9) -> Dataset:
    rng = np.random.default_rng(1)
    train = interactions(rng.random((n_users, n_items)) < 0.4)
    features = {
        "VisualAttribute": rng.random((n_items, 7), np.float32),
        "TextualAttribute": rng.random((n_items, 5), np.float32),
    }
    ids = (Vocabulary([f"{n:02}" for n in range(size)]) for size in (n_users, n_items))
    return Dataset("d", *ids, train, train, train, features)


VARIANTS = [
    ("LightGCNM", {}),
    ("LightGCNM", {"aggregation": "concat", "factors": 8}),
    ("LightGCNM", {"modalities": ("textual",)}),
    ("LATTICE", {"factors": 8, "factors_multimod": 4}),
    ("LATTICE", {"cf": "mf", "modalities": ("visual",)}),
    ("LATTICE", {"cf": "ngcf", "n_ui_layers": 2}),
]


@pytest.mark.parametrize(("name", "values"), VARIANTS, ids=str)
def test_parameters_are_counted_to_the_last_one(name: str, values: dict) -> None:
    data = dataset()
    config = MODELS[name].Config(**values)
    model = MODELS[name](config, data)
    assert isinstance(model, Model)
    footprint = MODELS[name].footprint(config, DataShape.of(data))
    assert footprint is not None
    assert footprint.parameters == sum(p.numel() for p in model.parameters())


def test_a_constant_graph_has_the_counted_bytes() -> None:
    train = dataset().train
    users, items = torch.from_numpy(train.users), torch.from_numpy(train.items)
    graph = bipartite_adjacency(users, items, 12, 9, normalisation="row", self_loops=True)
    pattern = graph.pattern
    x = torch.rand(21, 3, requires_grad=True)
    graph(x).sum().backward()
    held = [
        *(pattern.rows, pattern.cols, pattern.csr()[1], *pattern.transposed()[1:]),
        *(graph.values, pattern.permuted(graph.values)),
    ]
    assert sum(tensor.nbytes for tensor in held) == sizes.constant_graph(len(pattern))
    assert len(pattern) == 2 * len(train) + 21


SHAPE = DataShape(2000, 1000, 20_000, 2000, {"VisualAttribute": 128, "TextualAttribute": 64})
NAMES = st.sampled_from(["n_users", "n_items", "n_train", "n_held_out"])


@given(model=st.sampled_from([LightGCNM, LATTICE]), grown=NAMES, times=st.integers(2, 50))
def test_more_data_never_need_less(model: type[Model], grown: str, times: int) -> None:
    larger = replace(SHAPE, **{grown: times * getattr(SHAPE, grown)})
    config = model.Config()
    small, large = (
        trial_memory(model.footprint(config, shape), shape, 20).host for shape in (SHAPE, larger)
    )
    assert large > small


@pytest.mark.parametrize("larger", [{"factors": 128}, {"top_k": 200}, {"factors_multimod": 512}])
def test_larger_models_need_more(larger: dict) -> None:
    small, large = (
        trial_memory(LATTICE.footprint(LATTICE.Config(**values), SHAPE), SHAPE, 20).host
        for values in ({}, larger)
    )
    assert large > small


def test_on_cuda_both_memories_are_told() -> None:
    footprint = LATTICE.footprint(LATTICE.Config(), SHAPE)
    memory = trial_memory(footprint, SHAPE, 20, device_type="cuda")
    on_cpu = trial_memory(footprint, SHAPE, 20)
    assert on_cpu.device is None
    assert memory.device is not None
    assert memory.device > 4 * 4 * footprint.parameters
    assert memory.host < on_cpu.host


def planned(path: Path):
    plan = make_plan(read_experiment(path))
    return plan, estimate_plan(plan, measure_data(plan))


def test_the_sizes_of_the_data_are_read_without_the_vectors(experiment_file: Write) -> None:
    plan = make_plan(read_experiment(experiment_file()))
    (data,) = load_datasets(plan)
    for file in sorted(plan.loaders[0].path.glob("*.npy"))[1:]:
        file.write_bytes(b"no vector")
    shape = measure_data(plan)
    assert shape == DataShape.of(data)
    assert shape.widths == {"VisualAttribute": 6, "TextualAttribute": 4}


@pytest.mark.parametrize("name", ["LightGCNM", "LATTICE"])
@pytest.mark.parametrize("batch_size", [32, 7, -1])
def test_steps_and_evaluations_are_those_of_the_training(
    experiment_file: Write, name: str, batch_size: int
) -> None:
    meta = {"validation_rate": 2}
    values = settings(epochs=5, batch_size=batch_size)
    plan, (told,) = planned(experiment_file({name: values | {"meta": meta}}))
    (data,) = load_datasets(plan)
    spec = SpecMaker(plan, (data,)).make(Order(0, 0, plan.models[0].points[0]))
    taken = []

    def count() -> bool:
        taken.append(1)
        return False

    model = spec.recommender(spec.config, data)
    outcome = Trainer(model, spec.config, data, spec.protocol, CPU).run(stop=count)
    assert (told.steps, told.evaluations) == (len(taken), len(outcome.history))
    assert (told.largest.epochs, told.n_trials) == (5, 1)


def test_a_grid_is_summed_up_and_its_ends_are_named(experiment_file: Write) -> None:
    values = settings(factors=[4, 64, 8], epochs=[2, 6], seed={"repeat": 3})
    _, (told,) = planned(experiment_file({"LightGCNM": values}))
    assert told.n_trials == 18
    assert (told.smallest.values["factors"], told.largest.values["factors"]) == (4, 64)
    assert told.steps == 3 * sum(point.steps for point in told.points)
    assert told.evaluations == 3 * 3 * (2 + 6)


def test_every_fold_counts(experiment_file: Write, tmp_path: Path) -> None:
    lines = (tmp_path / "data/tiny/train.txt").read_text()
    (tmp_path / "data/tiny/all.txt").write_text(lines)
    data = {"strategy": "dataset", "dataset_path": "../data/{0}/all.txt"}
    split = {"test_splitting": {"strategy": "random_cross_validation", "folds": 3}}
    values = settings(epochs=[2, 6]) | {"modalities": ["visual"]}
    side = [{"dataloader": "VisualAttribute", "visual_features": "../data/{0}/image_feat"}]
    path = experiment_file(
        {"LightGCNM": values}, data_config=data | {"side_information": side}, splitting=split
    )
    _, (told,) = planned(path)
    assert told.n_trials == 6
    assert told.evaluations == 3 * (2 + 6)


def test_points_yet_to_be_proposed_count_as_the_largest(experiment_file: Write) -> None:
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 7}
    values = settings(factors=[4, 16], epochs=["randint", 2, 9]) | {"meta": meta}
    _, (told,) = planned(experiment_file({"LightGCNM": values}))
    assert told.largest.values["factors"] == 16
    assert told.evaluations == 7 * max(point.evaluations for point in told.points)


def test_what_is_restored_takes_no_step(experiment_file: Write) -> None:
    values = settings() | {"meta": {"restore": True}}
    _, (told,) = planned(experiment_file({"LightGCNM": values}))
    assert (told.steps, told.evaluations) == (0, 1)


def test_too_little_memory_is_told(experiment_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = experiment_file({"LightGCNM": settings(lr=[0.1, 0.2, 0.3])}, execution={"workers": 2})
    need = make_forecast(read_experiment(path)).models[0].peak.host
    for free, n_warnings in ((2 * need, 0), (2 * need - 1, 1)):
        monkeypatch.setattr(forecast, "available_memory", lambda device, free=free: free)
        told = make_forecast(read_experiment(path))
        assert len(told.warnings) == n_warnings
    assert told.warnings[0].startswith("LightGCNM: needs 0.4")
    assert "for each of 2 trials side by side" in told.warnings[0]
    assert forecast_lines(told)[-1] == f"warning: {told.warnings[0]}"


def external(experiment_file: Write, tmp_path: Path, *names: str) -> Path:
    (tmp_path / "own.py").write_text(EXTERNAL)
    models = {f"external.{name}": {} for name in names}
    return experiment_file(models, external_models_path="../own.py")


def test_a_model_that_does_not_tell(experiment_file: Write, tmp_path: Path) -> None:
    told = make_forecast(read_experiment(external(experiment_file, tmp_path, "Silent")))
    assert told.models[0].peak is None
    assert told.warnings == (
        "Silent: its memory is not known, for its class has no footprint(); --probe measures it",
    )
    assert forecast_lines(told)[4].split() == ["Silent", "1", "?", "0", "1"]


@pytest.mark.slow
def test_a_short_run_measures_every_part(experiment_file: Write) -> None:
    values = settings(epochs=3, batch_size=16, lr=[0.1, 0.2])
    told = make_forecast(read_experiment(experiment_file({"LATTICE": values})), probing=True)
    (model,) = told.models
    (found,) = model.probes  # points of another learning rate cost the same
    parts = (found.data_s, found.build_s, found.first_step_s, found.step_s, found.evaluation_s)
    assert min(parts) > 0
    n_steps = model.estimate.largest.steps
    expected = found.build_s + 3 * (found.first_step_s + found.evaluation_s)
    assert model.seconds == pytest.approx(2 * (expected + (n_steps - 3) * found.step_s))
    assert model.peak.host == pytest.approx(model.estimate.largest.memory.host, rel=0.25)
    assert told.warnings == ()


@pytest.mark.slow
def test_a_short_run_that_fails_is_told_and_the_others_go_on(
    experiment_file: Write, tmp_path: Path
) -> None:
    path = external(experiment_file, tmp_path, "Broken", "Killed", "Silent")
    told = make_forecast(read_experiment(path), probing=True)
    assert [len(model.probes) for model in told.models] == [0, 0, 1]
    assert told.warnings[0] == "Broken: the short run failed: RuntimeError: no such luck"
    assert "Killed: the process of the short run was killed; out of memory?" in told.warnings
    assert told.models[2].peak is not None
    assert not any("Silent" in warning for warning in told.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("widths", [(512, 384), (4096, 1024)], ids=str)
@pytest.mark.parametrize("name", ["LightGCNM", "LATTICE"])
def test_the_estimate_is_near_the_measured_peak(name: str, widths: tuple[int, int]) -> None:
    script = ROOT / "scripts/benchmarks/scale.py"
    command = [sys.executable, script, "--one", name, "5000", "--widths", *map(str, widths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["planned GiB"] == pytest.approx(row["peak GiB"], rel=0.25)
