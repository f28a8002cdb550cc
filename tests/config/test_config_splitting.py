"""The keys of ``data_config``, ``prefiltering`` and ``splitting``: forms, and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmrec.config import Experiment, read_experiment
from mmrec.errors import ConfigError

DATA = {"strategy": "dataset", "dataset_path": "all.tsv"}
HOLD_OUT = {"strategy": "temporal_hold_out", "test_ratio": 0.2}


def written(**changes: Any) -> dict[str, Any]:
    experiment = {
        "dataset": "toy",
        "top_k": 20,
        "data_config": DATA,
        "splitting": {"test_splitting": HOLD_OUT},
        "evaluation": {"simple_metrics": ["Recall"]},
        "models": {"MostPop": {}},
    }
    return {"experiment": experiment | changes}


def read(**changes: Any) -> Experiment:
    loaded = read_experiment(written(**changes))
    loaded.problems.raise_if_any()
    assert loaded.experiment is not None
    return loaded.experiment


def told(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(**changes)
    return str(caught.value).replace("<dict>: experiment.", "")


def test_what_elliot_writes(tmp_path: Path) -> None:
    path = tmp_path / "config_files" / "a.yml"
    path.parent.mkdir()
    path.write_text(
        """\
experiment:
  dataset: toy
  data_config: {strategy: dataset, dataset_path: "../data/{0}/all.tsv"}
  prefiltering:
    - {strategy: global_threshold, threshold: average}
    - {strategy: n_rounds_k_core, core: "5", rounds: 2}
  splitting:
    save_on_disk: True
    save_folder: ../data/{0}/folds/
    test_splitting: {strategy: fixed_timestamp, timestamp: best, min_below: 2}
    validation_splitting: {strategy: random_subsampling, leave_n_out: 1, folds: 5}
  top_k: 20
  evaluation: {simple_metrics: [Recall]}
  models: {MostPop: {}}
"""
    )
    loaded = read_experiment(path)
    loaded.problems.raise_if_any()
    experiment = loaded.experiment
    assert experiment is not None
    assert experiment.data_config.dataset_path == tmp_path / "data/toy/all.tsv"
    assert [entry.threshold for entry in experiment.prefiltering] == ["average", None]
    assert (experiment.prefiltering[1].core, experiment.prefiltering[1].rounds) == (5, 2)
    splitting = experiment.splitting
    assert splitting is not None
    assert splitting.save_folder == tmp_path / "data/toy/folds"
    assert splitting.test_splitting.timestamp == "best"
    assert splitting.validation_splitting is not None
    assert (splitting.validation_splitting.n_folds, splitting.test_splitting.n_folds) == (5, 1)


def test_one_filter_needs_no_list_and_a_quoted_time_is_a_number() -> None:
    assert read(prefiltering={"strategy": "user_average"}).prefiltering[0].core is None
    split = {"strategy": "fixed_timestamp", "timestamp": "1609786061"}
    splitting = read(splitting={"test_splitting": split}).splitting
    assert splitting is not None
    assert splitting.test_splitting.timestamp == 1609786061


def test_the_sections_may_stand_beside_ready_splits() -> None:
    data = {"strategy": "fixed", "train_path": "a", "test_path": "b"}
    assert read(data_config=data).splitting is not None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"strategy": "dataset"},
            "data_config.dataset_path: required key is missing (One file of all interactions; "
            "with strategy: fixed its column ``x_label`` tells",
        ),
        ({"strategy": "hierarchy"}, "data_config.root_folder: required key is missing (Folder of"),
        (
            DATA | {"train_path": "a"},
            "data_config.train_path: belongs to strategy: fixed; strategy: dataset takes "
            "dataset_path",
        ),
        (
            {"strategy": "hierarchy", "root_folder": "a", "dataset_path": "b"},
            "data_config.dataset_path: belongs to strategy: fixed or dataset; strategy: hierarchy "
            "takes root_folder",
        ),
        (DATA | {"root_path": "a"}, "data_config.root_path: unknown key"),
        (
            DATA | {"strategy": "datasets"},
            "data_config.strategy: found 'datasets' (did you mean 'dataset'?); accepted: 'fixed', "
            "'dataset' or 'hierarchy'",
        ),
    ],
)
def test_data_that_are_refused(data: dict[str, Any], message: str) -> None:
    assert told(data_config=data).startswith(message)


def test_the_strategy_dataset_needs_a_splitting() -> None:
    assert told(splitting=None).startswith(
        "splitting: required key is missing (How interactions are held out; strategy: dataset "
        "needs it); accepted: a mapping with the keys save_on_disk, save_folder, test_splitting"
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, ".strategy: required key is missing (Which rows are kept)"),
        (
            {"strategy": "user_kcore"},
            ".strategy: found 'user_kcore' (did you mean 'user_k_core'?); accepted: 'global_",
        ),
        ({"strategy": "user_k_core"}, ".core: required key is missing (The fewest rows of a user"),
        ({"strategy": "item_k_core", "core": 0}, ".core: found 0; accepted: a whole number, 1 or"),
        (
            {"strategy": "iterative_k_core", "core": 5, "rounds": 2},
            ".rounds: belongs to strategy: n_rounds_k_core; strategy: iterative_k_core takes core",
        ),
        ({"strategy": "n_rounds_k_core", "core": 5}, ".rounds: required key is missing"),
        (
            {"strategy": "user_average", "threshold": 3},
            ".threshold: belongs to strategy: global_threshold or cold_users; strategy: "
            "user_average takes no key beside it",
        ),
        ({"strategy": "global_threshold"}, ".threshold: required key is missing (The least rating"),
        (
            {"strategy": "global_threshold", "threshold": "avrage"},
            ".threshold: found 'avrage' (did you mean 'average'?); accepted: a number, or 'aver",
        ),
        (
            {"strategy": "cold_users", "threshold": "average"},
            ".threshold: found 'average'; accepted: a whole number, 1 or more",
        ),
        (
            {"strategy": "cold_users", "threshold": 2.5},
            ".threshold: found 2.5; accepted: a whole number, 1 or more",
        ),
        ({"strategy": "user_k_core", "k": 5}, ".k: unknown key; accepted: strategy, threshold"),
    ],
)
def test_filters_that_are_refused(entry: dict[str, Any], message: str) -> None:
    assert message in told(prefiltering=[entry])
    assert told(prefiltering=[entry]).startswith("prefiltering[0]")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"strategy": "temporal"}, ".strategy: found 'temporal'"),
        (
            {"strategy": "temporal_hold_out"},
            ".leave_n_out: required key is missing; accepted: test_ratio or leave_n_out",
        ),
        (
            HOLD_OUT | {"leave_n_out": 1},
            ".leave_n_out: stands beside test_ratio; accepted: one of the two",
        ),
        (HOLD_OUT | {"test_ratio": 1}, ".test_ratio: found 1; accepted: a number, above 0 and"),
        (HOLD_OUT | {"test_ratio": 0}, ".test_ratio: found 0; accepted: a number, above 0 and"),
        (
            HOLD_OUT | {"folds": 2},
            ".folds: belongs to strategy: random_subsampling or random_cross_validation; strategy: "
            "temporal_hold_out takes test_ratio, leave_n_out",
        ),
        ({"strategy": "fixed_timestamp"}, ".timestamp: required key is missing"),
        (
            {"strategy": "fixed_timestamp", "timestamp": "bset"},
            ".timestamp: found 'bset' (did you mean 'best'?); accepted: a number, or 'best'",
        ),
        (
            {"strategy": "fixed_timestamp", "timestamp": 5, "min_over": 1},
            ".min_over: found 1, which only 'timestamp: best' uses; remove it",
        ),
        ({"strategy": "random_cross_validation"}, ".folds: required key is missing"),
        (
            {"strategy": "random_cross_validation", "folds": 1},
            ".folds: found 1; accepted: a whole number, 2 or more",
        ),
        ({"strategy": "random_subsampling", "leave_n_out": 1, "folds": 0}, ".folds: found 0"),
    ],
)
@pytest.mark.parametrize("part", ["test_splitting", "validation_splitting"])
def test_splits_that_are_refused(part: str, split: dict[str, Any], message: str) -> None:
    lines = told(splitting={"test_splitting": HOLD_OUT} | {part: split})
    assert lines.startswith(f"splitting.{part}{message}")
    assert "\n" not in lines


def test_a_splitting_that_is_refused() -> None:
    splitting = {"save_on_disk": True, "test_splittng": HOLD_OUT}
    lines = told(splitting=splitting).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "splitting.save_folder",
        "splitting.test_splittng",
    ]
    assert "(did you mean 'test_splitting'?)" in lines[1]
