"""The saved lists of every model evaluate to the figures of its run, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT, metrics_of_cut_lists
from tiny_experiment import SPLITS_AND_FEATURES, settings, write_tiny_data

from mmrec.config import read_experiment
from mmrec.evaluation import evaluate_file
from mmrec.experiment import run_experiment
from mmrec.models import MODELS
from mmrec.planning.list_protocol import evaluate_by_plan
from mmrec.planning.plan import make_plan

SHARED = ROOT.parent / "shared" / "data"
CUTOFFS = [3, 10]
N_USERS = 60
"""Users of each data set that are kept: ordinary models train on them in an instant."""


@dataclass(frozen=True)
class Data:
    """The ``data_config`` of a data set and its two modalities."""

    config: dict[str, Any]
    modalities: tuple[str, str]


def tiny(folder: Path) -> Data:
    write_tiny_data(folder / "data" / "tiny")
    return Data(SPLITS_AND_FEATURES, ("visual", "textual"))


def movies(folder: Path) -> Data:
    return _three_files(folder, "ml-latest-small-mm", ("visual", "textual"))


def videos(folder: Path) -> Data:
    return _three_files(folder, "tiktok-mm", ("visual", "audio"))


def songs(folder: Path) -> Data:
    """One file with ``x_label``, and matrices without ids."""
    source = SHARED / "lfm2k"
    head, *rows = (source / "lfm2k.inter").read_text().splitlines()
    kept = [row for row in rows if int(row.split("\t")[0]) < N_USERS]
    (folder / "songs.inter").write_text("\n".join([head, *kept]))
    config = {"strategy": "fixed", "dataset_path": "../songs.inter"}
    return Data(config | _loaders(source, ("textual", "audio"), ".npy"), ("textual", "audio"))


FOLDERS = {"visual": "image_feat", "textual": "text_feat", "audio": "audio_feat"}


def _three_files(folder: Path, name: str, modalities: tuple[str, str]) -> Data:
    keys = {"train": "train_path", "val": "validation_path", "test": "test_path"}
    config: dict[str, Any] = {"strategy": "fixed"}
    for split, key in keys.items():
        rows = (SHARED / name / f"{split}.txt").read_text().splitlines()
        kept = [row for row in rows if int(row.split("\t")[0]) < N_USERS]
        (folder / f"{split}.txt").write_text("\n".join(kept))
        config[key] = f"../{split}.txt"
    return Data(config | _loaders(SHARED / name, modalities, ""), modalities)


def _loaders(source: Path, modalities: tuple[str, str], suffix: str) -> dict[str, Any]:
    entries = [
        {
            "dataloader": f"{modality.capitalize()}Attribute",
            f"{modality}_features": f"{source / FOLDERS[modality]}{suffix}",
        }
        for modality in modalities
    ]
    return {"side_information": entries}


def models(modalities: tuple[str, str]) -> dict[str, Any]:
    """Every built-in recommender, with few epochs."""
    values = settings(epochs=1, batch_size=256) | {"modalities": str(modalities)}
    values |= {"alpha": 0.5, "l1_ratio": 0.9}  # Slim converges slowly with a small L1 penalty
    return {
        name: {"meta": {"save_recs": True}}
        | {key: x for key, x in values.items() if key in MODELS[name].Config.model_fields}
        for name in list(MODELS)
    }


def run(folder: Path, data: Data, models: dict[str, Any]) -> tuple[Path, list[dict[str, Any]]]:
    """Run an experiment; return its file and the records of its trials."""
    experiment = {
        "dataset": "tiny",
        "data_config": data.config,
        "top_k": 20,
        "evaluation": {"simple_metrics": metrics_of_cut_lists(), "cutoffs": CUTOFFS},
        "models": models,
    }
    path = folder / "config_files" / "lists.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"experiment": experiment}, sort_keys=False))
    results = run_experiment(path, progress=False)
    assert results.n_failed == 0
    lines = (results.folder / "trials.jsonl").read_text().splitlines()
    return path, [json.loads(line) for line in lines]


def bits(figures: Mapping[str, float]) -> dict[str, str]:
    """Every bit of every figure; undefined figures are equal."""
    return {label: float(value).hex() for label, value in figures.items()}


absent = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is absent")
ON_REAL_DATA = [pytest.mark.exhaustive, absent]


@pytest.mark.slow
@pytest.mark.parametrize(
    "write",
    [
        tiny,
        pytest.param(movies, marks=ON_REAL_DATA),
        pytest.param(videos, marks=ON_REAL_DATA),
        pytest.param(songs, marks=ON_REAL_DATA),
    ],
)
def test_saved_lists_evaluate_to_the_figures_of_the_run(
    write: Callable[[Path], Data], tmp_path: Path
) -> None:
    data = write(tmp_path)
    path, trials = run(tmp_path, data, models(data.modalities))
    expected = {trial["name"]: bits(trial["test"]) for trial in trials}
    assert len(expected) == len(list(MODELS))
    lists = tmp_path / "results" / "tiny" / "recs"
    plan = make_plan(read_experiment(path))
    names = {file.stem.rpartition("_it=")[0]: file for file in lists.iterdir()}
    assert names.keys() == expected.keys()
    for name, file in names.items():
        assert bits(evaluate_by_plan(file, plan).figures) == expected[name], name
    if write is tiny:  # no row is dropped
        splits = (tmp_path / "data" / "tiny" / f"{split}.txt" for split in ("train", "test"))
        train, test = splits
        for name, file in names.items():
            found = evaluate_file(file, train, test, metrics=plan.metrics, cutoffs=CUTOFFS)
            assert bits(found.figures) == expected[name], name

    _, repeated = run(tmp_path, data, {"RecommendationFolder": {"folder": str(lists)}})
    assert len(repeated) == len(trials)
    for trial in repeated:
        name = Path(trial["parameters"]["file"]).stem.rpartition("_it=")[0]
        assert bits(trial["test"]) == expected[name], name
