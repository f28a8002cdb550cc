"""The counted steps and evaluations against those of the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_experiment import Write, settings

from mmrec.config import read_experiment
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.models import ModelConfig
from mmrec.models.ials import IALSConfig
from mmrec.planning.counts import ModelCounts, count_trials, workload
from mmrec.planning.datasets import feature_widths, load_datasets, load_splits
from mmrec.planning.plan import Plan, make_plan
from mmrec.training.trainer import Trainer

CPU = torch.device("cpu")

EXTERNAL = """
import torch
from mmrec.data import UniformUsers
from mmrec.data import Samples
from mmrec.models import Model, MultimodalConfig, ModelConfig
from torch import nn

class Thrice(UniformUsers):
    n_samples = property(lambda self: 3 * len(self.train))
    def draw_epoch(self, rng):
        return Samples(*(column.repeat(3) for column in super().draw_epoch(rng)))

class Own(Model):
    sampler = Thrice
    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.users = nn.Embedding(self.n_users, 2)
        self.items = nn.Embedding(self.n_items, 2)
    def embed(self):
        return self.users.weight, self.items.weight
    def loss(self, batch):
        return self.users(batch.users).sum() + self.items(batch.items).sum()
"""


def planned(path: Path) -> Plan:
    return make_plan(read_experiment(path))


def counted(plan: Plan) -> list[ModelCounts]:
    return count_trials(plan, load_splits(plan))


def trained(plan: Plan) -> tuple[int, int]:
    """Run the one trial of a plan and return its steps and evaluations."""
    (data,) = load_datasets(plan)
    spec = SpecMaker(plan, (data,)).make(TrialRequest(0, 0, plan.models[0].points[0]))
    steps = []

    def stop() -> bool:
        steps.append(1)
        return False

    model = spec.recommender(spec.config, data)
    outcome = Trainer(model, spec.config, data, spec.protocol, CPU).run(stop=stop)
    return len(steps), len(outcome.history)


@pytest.mark.parametrize("name", ["LightGCNM", "LATTICE"])
@pytest.mark.parametrize("batch_size", [32, 7, -1])
@pytest.mark.parametrize("rate", [2, 9])
def test_counts_are_those_of_the_training(
    experiment_file: Write, name: str, batch_size: int, rate: int
) -> None:
    plan = planned(experiment_file({name: settings(epochs=5, batch_size=batch_size)}))
    (model,) = plan.models
    meta = model.meta.model_copy(update={"validation_rate": rate})
    plan = replace(plan, models=(replace(model, meta=meta),))
    (counts,) = counted(plan)
    assert (counts.steps, counts.evaluations) == trained(plan)


def test_an_external_sampler_counts_its_own_steps(experiment_file: Write, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(EXTERNAL)
    models = {"external.Own": {"epochs": 2, "batch_size": 32, "lr": 0.1}}
    plan = planned(experiment_file(models, external_models_path="../own.py"))
    (counts,) = counted(plan)
    assert counts.steps == trained(plan)[0] == 2 * -(-3 * 120 // 32)


def test_a_grid_is_summed_over_points_and_seeds(experiment_file: Write) -> None:
    values = settings(factors=[4, 64, 8], epochs=[2, 6], seed={"repeat": 3})
    (counts,) = counted(planned(experiment_file({"LightGCNM": values})))
    assert counts.n_trials == 18
    assert counts.steps == 3 * 3 * 4 * (2 + 6)
    assert counts.evaluations == 3 * 3 * (2 + 6)


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
    (counts,) = counted(planned(path))
    assert counts.n_trials == 6
    assert counts.evaluations == 3 * (2 + 6)


def test_points_yet_to_be_proposed_count_as_the_largest(experiment_file: Write) -> None:
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 7}
    values = settings(factors=[4, 16], epochs=["randint", 2, 9]) | {"meta": meta}
    (counts,) = counted(planned(experiment_file({"LightGCNM": values})))
    assert counts.evaluations == 7 * 8


@pytest.mark.parametrize(
    "model", [{"MostPop": {}}, {"LightGCNM": settings(meta={"restore": True})}]
)
def test_what_is_not_trained_is_evaluated_once(experiment_file: Write, model: dict) -> None:
    (counts,) = counted(planned(experiment_file(model)))
    assert (counts.steps, counts.evaluations) == (0, 1)


def test_widths_of_features_are_read_from_one_vector(experiment_file: Write) -> None:
    plan = make_plan(read_experiment(experiment_file()))
    (data,) = load_splits(plan)
    for file in sorted(plan.loaders[0].path.glob("*.npy"))[1:]:
        file.write_bytes(b"no vector")
    assert feature_widths(plan, data) == {"VisualAttribute": 6, "TextualAttribute": 4}


def test_epochs_are_part_of_the_workload_of_what_is_not_trained_step_by_step() -> None:
    assert workload(ModelConfig(epochs=5)) == workload(ModelConfig(epochs=50))
    assert workload(IALSConfig(epochs=5)) != workload(IALSConfig(epochs=50))
    assert workload(IALSConfig(epochs=5, reg=3)) == workload(IALSConfig(epochs=5, reg=4))
