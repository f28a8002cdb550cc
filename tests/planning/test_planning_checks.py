"""Data that can be read, but whose figures or features would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text, write_vectors
from tiny_experiment import Write, experiment_writer

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.planning.datasets import load_splits
from mmrec.planning.notes import plan_notes
from mmrec.planning.plan import make_plan

Splits = dict[str, list[tuple[str, str]]]

PLACES = {"train": (0, 1, 2), "val": (3,), "test": (4,)}
"""The items of user n are n + these numbers, modulo 6."""


def split(**changes: Callable[[str], str]) -> Splits:
    """Three splits of five users and six items; the ids of the items of some are changed."""
    return {
        name: [
            (f"u{user}", changes.get(name, str)(str((user + place) % 6)))
            for place in places
            for user in range(5)
        ]
        for name, places in PLACES.items()
    }


def write(folder: Path, splits: Splits, **data: Any) -> dict[str, Any]:
    for name, rows in splits.items():
        write_text(folder / f"{name}.tsv", "".join(f"{user}\t{item}\n" for user, item in rows))
    paths = {"train_path": "train.tsv", "validation_path": "val.tsv", "test_path": "test.tsv"}
    if "val" not in splits:
        del paths["validation_path"]
    return {
        "experiment": {
            "dataset": "tiny",
            "data_config": {"strategy": "fixed", **paths, **data},
            "top_k": 2,
            "evaluation": {"simple_metrics": ["Recall"]},
            "models": {"MostPop": {}},
        }
    }


def loaded(folder: Path, experiment: dict[str, Any]) -> tuple[tuple[Dataset, ...], list[str]]:
    """The data of an experiment and its warnings."""
    plan = make_plan(read_experiment(experiment, folder), use_cache=False)
    datasets = load_splits(plan)
    return datasets, list(plan_notes(plan, datasets))


def load(folder: Path, splits: Splits, **data: Any) -> tuple[tuple[Dataset, ...], list[str]]:
    return loaded(folder, write(folder, splits, **data))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "float": lambda item: f"{item}.0",
    "space after": lambda item: f"{item} ",
    "space before": lambda item: f" {item}",
    "zeros": lambda item: f"00{item}",
    "full width": lambda item: chr(0xFF10 + int(item)),
}


def test_the_splits_as_they_should_be_need_no_warning(tmp_path: Path) -> None:
    assert load(tmp_path, split())[1] == []


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("name", ["val", "test"])
def test_a_split_of_items_in_another_spelling_is_refused(
    name: str, spelling: Callable[[str], str], tmp_path: Path
) -> None:
    message = refusal(DataError, load, tmp_path, split(**{name: spelling}))
    assert_contains(message, [f"{name}.tsv", "no item is in the training split", "'0', '1', '2'"])
    assert_contains(message, ["trailing '.0'", repr(spelling("1"))])


def test_upper_case_and_normal_forms_of_unicode(tmp_path: Path) -> None:
    splits = split(train=lambda item: f"é{item}", val=lambda item: f"É{item}")
    splits["test"] = [(user, f"e\u0301{item}") for user, item in splits["test"]]
    assert_contains(refusal(DataError, load, tmp_path, splits), ["val.tsv", "'É1' and 'é1'"])
    splits["val"] = [(user, item.replace("É", "é")) for user, item in splits["val"]]
    assert_contains(refusal(DataError, load, tmp_path, splits), ["test.tsv", "'é1'"])


def test_a_split_of_new_items_is_refused(tmp_path: Path) -> None:
    message = refusal(DataError, load, tmp_path, split(test=lambda item: f"new{item}"))
    assert_contains(message, ["test.tsv", "'new0', 'new1', 'new2'", "'0', '1', '2'"])


def test_half_of_the_rows_untrained_is_a_warning(tmp_path: Path) -> None:
    splits = split(test=lambda item: item if int(item) % 2 else f"new{item}")
    [warning] = load(tmp_path, splits)[1]
    assert_contains(warning, ["test.tsv", "3 of 5 rows (60%)", "item", "'new2'", "'0', '1', '2'"])


def test_one_id_in_another_spelling_is_a_warning(tmp_path: Path) -> None:
    splits = split()
    splits["val"] += [("u0", "x"), ("u0", "5 "), *splits["test"], *splits["train"]]
    [warning] = load(tmp_path, splits)[1]
    assert_contains(warning, ["val.tsv", "2 of 27 rows", "'5 ', 'x'", "'5 ' and '5'"])


def test_unknown_users(tmp_path: Path) -> None:
    splits = split()
    splits["test"] = [("u1", "0"), *((f"U{n}", "0") for n in range(4))]
    [warning] = load(tmp_path, splits)[1]
    assert_contains(warning, ["test.tsv", "4 of 5 rows (80%)", "user", "'U0' and 'u0'"])
    splits["test"] = splits["test"][1:]
    message = refusal(DataError, load, tmp_path, splits)
    assert_contains(message, ["test.tsv", "no user", "'U0', 'U1', 'U2'", "'u0', 'u1', 'u2'"])


def test_trials_are_not_selected_by_rows_that_are_in_training(tmp_path: Path) -> None:
    splits = split()
    splits["val"] = splits["train"][:5]
    message = refusal(DataError, load, tmp_path, splits)
    assert_contains(message, ["val.tsv", "5 relevant rows", "in training", "selected"])
    splits["val"], splits["test"] = split()["val"], splits["train"][:5]
    [warning] = load(tmp_path, splits)[1]
    assert_contains(warning, ["test.tsv", "in training", "0"])
    del splits["val"]
    assert_contains(refusal(DataError, load, tmp_path, splits), ["test.tsv", "selected"])


def test_trained_and_new_items_together(tmp_path: Path) -> None:
    splits = split()
    splits["val"] = [*splits["train"][:2], ("u0", "new")]
    message = refusal(DataError, load, tmp_path, splits)
    assert_contains(message, ["val.tsv", "1 are of items", "2 are also in training"])


def visual(path: str, **keys: Any) -> dict[str, Any]:
    entry = {"dataloader": "VisualAttribute", "visual_features": path, **keys}
    return {"side_information": [entry]}


def matrix(folder: Path, n_rows: int) -> dict[str, Any]:
    np.save(folder / "img.npy", np.eye(n_rows, 8, dtype=np.float32))
    return visual("img.npy")


def shifted(by: int) -> Splits:
    def shift(item: str) -> str:
        return str(int(item) + by)

    return split(train=shift, val=shift, test=shift)


def test_ids_that_fit_the_rows_need_no_warning(tmp_path: Path) -> None:
    (dataset,), warnings = load(tmp_path, split(), **matrix(tmp_path, 6))
    assert (dataset.n_items, warnings) == (6, [])


@pytest.mark.parametrize(
    ("by", "n_rows", "facts"),
    [
        (1, 6, ["1 of 6 items", "start at 1", "'6'"]),
        (0, 5, ["1 of 6 items", "'5'"]),
        (100, 6, ["6 of 6 items", "after the users", "'100', '101', '102'"]),
        (3, 6, ["3 of 6 items", "'6', '7', '8'"]),
        (3, 8, ["1 of 6 items", "'8'"]),
    ],
)
@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_ids_beyond_the_rows_are_refused(
    by: int, n_rows: int, facts: list[str], missing: str, tmp_path: Path
) -> None:
    data = matrix(tmp_path, n_rows)
    data["side_information"][0]["missing"] = missing
    message = refusal(DataError, lambda: load(tmp_path, shifted(by), **data))
    assert_contains(message, ["img.npy", f"{n_rows} rows", "img.ids.txt", *facts])


@pytest.mark.parametrize(
    ("by", "n_rows", "facts"),
    [
        (0, 7, ["6 to 6", "padding"]),
        (1, 7, ["0 to 0", "start at 1"]),
        (2, 9, ["0 to 1", "8 to 8"]),
        (0, 100, ["6 to 99"]),
    ],
)
def test_rows_without_an_item_are_a_warning(
    by: int, n_rows: int, facts: list[str], tmp_path: Path
) -> None:
    [warning] = load(tmp_path, shifted(by), **matrix(tmp_path, n_rows))[1]
    assert_contains(warning, ["img.npy", f"{n_rows} rows", "img.ids.txt", *facts])


def test_an_id_file_settles_it(tmp_path: Path) -> None:
    data = matrix(tmp_path, 6)
    write_text(tmp_path / "img.ids.txt", "".join(f"{item}\n" for item in range(1, 7)))
    (dataset,), warnings = load(tmp_path, shifted(1), **data)
    assert (dataset.n_items, warnings) == (6, [])


def test_matrices_without_ids_in_other_formats(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    torch = pytest.importorskip("torch")
    numbers = np.eye(6, 8, dtype=np.float32)
    safetensors.save_file({"features": numbers}, tmp_path / "img.safetensors")
    torch.save(torch.from_numpy(numbers), tmp_path / "img.pt")
    rows = "".join(f"{n},{','.join(map(str, row))}\n" for n, row in enumerate(numbers.tolist()))
    write_text(tmp_path / "img.csv", f",{','.join(map(str, range(8)))}\n{rows}")
    for name in ("img.safetensors", "img.pt", "img.csv"):
        message = refusal(DataError, lambda name=name: load(tmp_path, shifted(1), **visual(name)))
        assert_contains(message, [name, "6 rows", "start at 1"])
        assert load(tmp_path, split(), **visual(name))[1] == []


def test_features_in_another_spelling(tmp_path: Path) -> None:
    vectors = {f"{item}.0": np.ones(3, np.float32) for item in range(6)}
    write_vectors(tmp_path / "img", vectors)
    message = refusal(DataError, lambda: load(tmp_path, split(), **visual("img")))
    assert_contains(message, ["VisualAttribute", "'0.0', '1.0', '2.0'", "'0' and '0.0'"])
    vectors |= {str(item): np.ones(3, np.float32) for item in range(1, 6)}
    write_vectors(tmp_path / "img", vectors)
    for missing in ("drop", "mean"):
        [warning] = load(tmp_path, split(), **visual("img", missing=missing))[1]
        assert_contains(warning, ["1 of 6 items", "'0' and '0.0'"])


def test_folds_are_checked_too(tmp_path: Path) -> None:
    rows = [f"u{user}\t{item}\t1\t{item}\n" for user in range(5) for item in range(6)]
    write_text(tmp_path / "all.tsv", "".join(rows))
    experiment = write(tmp_path, split())
    experiment["experiment"] |= {
        "data_config": {"strategy": "dataset", "dataset_path": "all.tsv", **matrix(tmp_path, 7)},
        "splitting": {"test_splitting": {"strategy": "random_cross_validation", "folds": 2}},
    }
    _, warnings = loaded(tmp_path, experiment)
    assert any("img.npy" in warning and "6 to 6" in warning for warning in warnings)
    late = {"strategy": "fixed_timestamp", "timestamp": 4}
    experiment["experiment"]["splitting"] = {"test_splitting": late}
    assert_contains(refusal(DataError, loaded, tmp_path, experiment), ["all.tsv", "'4', '5'"])


def test_a_run_logs_the_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from mmrec.experiment import run_experiment

    write_file: Write = experiment_writer(tmp_path)
    path = write_file()
    test = tmp_path / "data/tiny/test.txt"
    test.write_text(test.read_text() + "0\t10.0\t1\n")
    results = run_experiment(path, progress=False)
    assert any("'10.0' and '10'" in record.getMessage() for record in caplog.records)
    assert "'10.0' and '10'" in (results.folder / "run.log").read_text()
