"""Experiment files with the keys and the forms of values of published ones, in their layout."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import write_text, write_vectors

from mmrec import run_experiment
from mmrec.experiment import check_experiment

FILES = {
    path.stem: path.read_text() for path in (Path(__file__).parent / "published").glob("*.yml")
}
FEATURES = {
    "visual_embeddings_indexed/torch/ResNet50/avgpool": 7,
    "textual_embeddings_indexed/sentence_transformers/sentence-transformers/all-mpnet-base-v2/1": 5,
    "audio_embeddings_indexed/torchaudio/HUBERT_BASE/12": 3,
}
N_USERS, N_ITEMS = 24, 20
SHORT = {"epochs": "1", "validation_rate": "1", "lr": "0.001"}


def model_of(name: str) -> str:
    (model,) = yaml.safe_load(FILES[name])["experiment"]["models"]
    return str(model)


VARIANTS = {
    "one modality": ("vbpr", {"modalities": "('textual',)", "loaders": "('TextualAttribute',)"}),
    "the visual modality": (
        "vbpr",
        {"modalities": "('visual',)", "loaders": "('VisualAttribute',)", "validation_rate": "1"},
    ),
    "loaders without a space": (
        "vbpr",
        {"loaders": "('VisualAttribute','TextualAttribute')", "lr": "0.005", "l_w": "1e-2"},
    ),
    "saved lists": (
        "vbpr",
        {"save_recs": "True", "l_w": "1e-5", "lr": "0.01", "epochs": "2", "validation_rate": "1"},
    ),
    "an evaluation after the last epoch": (
        "bm3",
        {"validation_rate": "60", "epochs": "60", "batch_size": "2048", "n_layers": "1"},
    ),
    "one weight": ("bm3", {"reg_weight": "0.01", "dropout": "0.5", "lr": "0.0005"}),
    "FREEDOM with one weight": (
        "freedom",
        {"l_w": "1e-5", "lr": "0.001", "validation_rate": "190"},
    ),
    "MMGCN with one weight": ("mmgcn", {"l_w": "1e-2", "lr": "1e-5", "epochs": "40"}),
    "a learning rate of 1": ("grcn", {"l_w": "1e-5", "lr": "1", "epochs": "130"}),
    "a learning rate of 0.1": ("grcn", {"l_w": "1e-5", "lr": "0.1", "validation_rate": "170"}),
    "LATTICE with one weight": ("lattice", {"l_w": "1e-5", "lr": "0.001", "top_k": "10"}),
}
"""Other values that published files have for a key."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the experiment files, next to the data that they name."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for user in range(N_USERS):
        for place, item in enumerate(rng.permutation(range(user % 2, N_ITEMS, 2))[:7]):
            split = "test" if place == 0 else "val" if place == 1 else "train"
            rows[split].append(f"{user}\t{item}\t1\n")
    for dataset in ("office", "music"):
        data = tmp_path / "data" / dataset
        for path, width in FEATURES.items():
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            vectors = rng.normal(size=(N_ITEMS, 1, width)).astype(np.float32)
            write_vectors(data / path, {str(item): x for item, x in enumerate(vectors)})
        for split, lines in rows.items():
            write_text(data / f"{split}_indexed.tsv", "".join(lines))
        write_text(data / "reviews.tsv", "".join(line for lines in rows.values() for line in lines))
        groups = "".join(f"{user}\t{user % 3}\n" for user in range(N_USERS))
        write_text(data / "user_groups.tsv", groups)
    (tmp_path / "config_files").mkdir()
    (tmp_path / "external" / "models").mkdir(parents=True)
    write_text(tmp_path / "external" / "models" / "__init__.py", "")
    return tmp_path / "config_files"


def written(folder: Path, name: str, **values: str) -> Path:
    """Write an experiment file, with other values of some keys as text."""
    model = model_of(name)
    before, start, section = FILES[name].partition(f"    {model}:\n")
    for key, value in values.items():
        section, n_found = re.subn(rf"(?m)^( +){key}: .*$", rf"\1{key}: {value}", section)
        assert n_found == 1, key
    return write_text(folder / f"{name}.yml", before + start + section)


def n_points(path: Path) -> int:
    """The points of the grid of a file's model."""
    (section,) = yaml.safe_load(path.read_text())["experiment"]["models"].values()
    return math.prod(len(value) for value in section.values() if isinstance(value, list))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_valid_and_runs_the_whole_grid(folder: Path, name: str) -> None:
    path = written(folder, name)
    _, plan, _ = check_experiment(path)
    assert [model.name for model in plan.models] == [model_of(name).removeprefix("external.")]
    assert plan.n_trials == n_points(path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_file_with_other_values_is_valid(folder: Path, variant: str) -> None:
    name, values = VARIANTS[variant]
    path = written(folder, name, **values)
    _, plan, _ = check_experiment(path)
    assert plan.n_trials == n_points(path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_runs(folder: Path, name: str) -> None:
    shorter = {} if name == "split" else SHORT
    results = run_experiment(written(folder, name, **shorter), progress=False)
    assert results.best["Recall@20"].item() > 0
    assert set(results.trials["status"]) == {"finished"}


def test_numbers_written_as_text_are_numbers(folder: Path) -> None:
    results = run_experiment(written(folder, "freedom", **SHORT), progress=False)
    assert sorted(results.trials["l_w"]) == [1e-5, 1e-2]


def test_metrics_of_groups_of_users_have_a_column_for_each_group(folder: Path) -> None:
    results = run_experiment(written(folder, "clustered"), progress=False)
    expected = {
        f"{name}_users:Activity-{group}@{cutoff}"
        for name in ("ACLT", "APLT", "ARP", "Recall", "nDCG")
        for group in range(3)
        for cutoff in (10, 20)
    }
    assert expected <= set(results.best)
