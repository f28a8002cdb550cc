"""The keys of ``data_config``, ``prefiltering`` and ``splitting``, valid and invalid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import assert_contains

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


def error(**changes: Any) -> str:
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


def test_ready_splits_may_have_the_sections() -> None:
    data = {"strategy": "fixed", "train_path": "a", "test_path": "b"}
    assert read(data_config=data).splitting is not None


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (
            {"strategy": "dataset"},
            ["data_config.dataset_path:", "required key is missing"],
        ),
        ({"strategy": "hierarchy"}, ["data_config.root_folder:", "required key is missing"]),
        (
            DATA | {"train_path": "a"},
            ["data_config.train_path:", "strategy: fixed", "strategy: dataset"],
        ),
        (
            {"strategy": "hierarchy", "root_folder": "a", "dataset_path": "b"},
            ["data_config.dataset_path:", "strategy: fixed or dataset", "strategy: hierarchy"],
        ),
        (DATA | {"root_path": "a"}, ["data_config.root_path:", "unknown key"]),
        (
            DATA | {"strategy": "datasets"},
            [
                "data_config.strategy:",
                "found 'datasets'",
                "did you mean 'dataset'",
                "'fixed', 'dataset' or 'hierarchy'",
            ],
        ),
    ],
)
def test_invalid_data(data: dict[str, Any], facts: list[str]) -> None:
    message = error(data_config=data)
    assert message.startswith(facts[0])
    assert_contains(message, facts)


def test_the_strategy_dataset_requires_a_splitting() -> None:
    facts = ["splitting:", "required key is missing", "save_on_disk, save_folder, test_splitting"]
    assert_contains(error(splitting=None), facts)


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ({}, [".strategy:", "required key is missing"]),
        (
            {"strategy": "user_kcore"},
            [".strategy:", "found 'user_kcore'", "did you mean 'user_k_core'", "'global_"],
        ),
        ({"strategy": "user_k_core"}, [".core:", "required key is missing"]),
        ({"strategy": "item_k_core", "core": 0}, [".core:", "found 0", "a whole number, 1 or"]),
        (
            {"strategy": "iterative_k_core", "core": 5, "rounds": 2},
            [".rounds:", "strategy: n_rounds_k_core", "strategy: iterative_k_core"],
        ),
        ({"strategy": "n_rounds_k_core", "core": 5}, [".rounds:", "required key is missing"]),
        (
            {"strategy": "user_average", "threshold": 3},
            [".threshold:", "strategy: global_threshold or cold_users", "strategy: user_average"],
        ),
        ({"strategy": "global_threshold"}, [".threshold:", "required key is missing"]),
        (
            {"strategy": "global_threshold", "threshold": "avrage"},
            [".threshold:", "found 'avrage'", "did you mean 'average'", "a number, or 'aver"],
        ),
        (
            {"strategy": "cold_users", "threshold": "average"},
            [".threshold:", "found 'average'", "a whole number, 1 or more"],
        ),
        (
            {"strategy": "cold_users", "threshold": 2.5},
            [".threshold:", "found 2.5", "a whole number, 1 or more"],
        ),
        (
            {"strategy": "user_k_core", "core": 5, "k": 5},
            [".k:", "unknown key", "strategy, threshold"],
        ),
    ],
)
def test_invalid_filters(entry: dict[str, Any], facts: list[str]) -> None:
    message = error(prefiltering=[entry])
    assert message.startswith(f"prefiltering[0]{facts[0]}")
    assert_contains(message, facts)


@pytest.mark.parametrize(
    ("split", "facts"),
    [
        ({"strategy": "temporal"}, [".strategy:", "found 'temporal'"]),
        (
            {"strategy": "temporal_hold_out"},
            [".leave_n_out:", "required key is missing", "test_ratio or leave_n_out"],
        ),
        (
            HOLD_OUT | {"leave_n_out": 1},
            [".leave_n_out:", "test_ratio", "one of the two"],
        ),
        (HOLD_OUT | {"test_ratio": 1}, [".test_ratio:", "found 1", "a number, above 0 and"]),
        (HOLD_OUT | {"test_ratio": 0}, [".test_ratio:", "found 0", "a number, above 0 and"]),
        (
            HOLD_OUT | {"folds": 2},
            [
                ".folds:",
                "strategy: random_subsampling or random_cross_validation",
                "strategy: temporal_hold_out",
            ],
        ),
        ({"strategy": "fixed_timestamp"}, [".timestamp:", "required key is missing"]),
        (
            {"strategy": "fixed_timestamp", "timestamp": "bset"},
            [".timestamp:", "found 'bset'", "did you mean 'best'", "a number, or 'best'"],
        ),
        (
            {"strategy": "fixed_timestamp", "timestamp": 5, "min_over": 1},
            [".min_over:", "found 1", "timestamp: best"],
        ),
        ({"strategy": "random_cross_validation"}, [".folds:", "required key is missing"]),
        (
            {"strategy": "random_cross_validation", "folds": 1},
            [".folds:", "found 1", "a whole number, 2 or more"],
        ),
        ({"strategy": "random_subsampling", "leave_n_out": 1, "folds": 0}, [".folds:", "found 0"]),
    ],
)
@pytest.mark.parametrize("part", ["test_splitting", "validation_splitting"])
def test_invalid_splits(part: str, split: dict[str, Any], facts: list[str]) -> None:
    [message] = error(splitting={"test_splitting": HOLD_OUT} | {part: split}).splitlines()
    assert message.startswith(f"splitting.{part}{facts[0]}")
    assert_contains(message, facts)


def test_an_invalid_splitting() -> None:
    splitting = {"save_on_disk": True, "test_splittng": HOLD_OUT}
    lines = error(splitting=splitting).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "splitting.save_folder",
        "splitting.test_splittng",
    ]
    assert "(did you mean 'test_splitting'?)" in lines[1]
