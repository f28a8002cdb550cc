"""Items without a vector: every policy in numbers worked out by hand, and from the file on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text, write_vectors

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import ConfigError, DataError
from mmrec.features import (
    AudioAttribute,
    Loader,
    Missing,
    TextualAttribute,
    VisualAttribute,
    absent_items,
    load_features,
    missing,
)
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan

IDS = ["a", "b", "c", "d", "e"]
VISUAL = {"a": [10, 1], "c": [30, 2], "d": [50, 3], "e": [70, 5]}
TEXTUAL = {"a": [1, 0], "b": [1, 1], "c": [0, 1], "d": [-1, 0]}
AUDIO = {"a": [0, 2], "b": [3, 0], "c": [0, 1], "d": [1, 0], "e": [7, 0]}


def loader(
    kind: type[Loader], folder: Path, vectors: Mapping[str, list[float]], policy: Missing
) -> Loader:
    path = folder / kind.__name__
    write_vectors(path, {item: np.array(vector) for item, vector in vectors.items()})
    return kind(path, missing=policy)


def filled(folder: Path, policy: Missing, *others: Loader) -> dict[str, list[float]]:
    """The visual vectors of the items that have none."""
    visual = loader(VisualAttribute, folder, VISUAL, policy)
    ids = [*IDS, "f"]
    matrix = load_features([visual, *others], ids)["VisualAttribute"]
    assert matrix.dtype == np.float32
    assert not matrix.flags.writeable
    for item, vector in VISUAL.items():
        assert matrix[ids.index(item)].tolist() == vector
    return {item: matrix[ids.index(item)].tolist() for item in absent_items(visual, ids)}


def test_the_policies() -> None:
    assert get_args(Missing) == ("drop", "zeros", "mean", "neighbours", "error")
    assert VisualAttribute(Path()).missing == "drop"


def test_zeros_and_mean(tmp_path: Path) -> None:
    assert filled(tmp_path / "1", "zeros") == {"b": [0, 0], "f": [0, 0]}
    # (10 + 30 + 50 + 70) / 4 and (1 + 2 + 3 + 5) / 4
    assert filled(tmp_path / "2", "mean") == {"b": [40, 2.75], "f": [40, 2.75]}


def test_the_mean_is_over_the_items_asked_for(tmp_path: Path) -> None:
    visual = loader(VisualAttribute, tmp_path, VISUAL, "mean")
    found = load_features([visual], ["d", "b", "a"])["VisualAttribute"]
    assert found.tolist() == [[50, 3], [30, 2], [10, 1]]


def test_the_mean_does_not_lose_small_values(tmp_path: Path) -> None:
    vectors: dict[str, list[float]] = {"a": [2**24], "b": [1], "c": [1], "d": [1], "e": [1]}
    visual = loader(VisualAttribute, tmp_path, vectors, "mean")
    # In float32, 2 ** 24 + 1 is 2 ** 24.
    found = load_features([visual], [*vectors, "f"])["VisualAttribute"]
    assert found[-1].tolist() == [(2**24 + 4) / 5]


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in "123":
        (tmp_path / name).mkdir()


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        # The cosines of b with a, c, d in the text are 1/sqrt(2), 1/sqrt(2), -1/sqrt(2); e has no
        # text and cannot be compared. The tie goes to a.
        (1, [10, 1]),
        (2, [20, 1.5]),
        (3, [30, 2]),
        (10, [30, 2]),
    ],
)
def test_neighbours_in_one_modality(
    k: int, expected: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "N_NEIGHBOURS", k)
    textual = loader(TextualAttribute, tmp_path, TEXTUAL, "zeros")
    # f has nothing at all: it gets the mean.
    assert filled(tmp_path / "1", "neighbours", textual) == {"b": expected, "f": [40, 2.75]}


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        # Means of the cosines in text and sound: a (0.707 + 0) / 2, c the same,
        # d (-0.707 + 1) / 2 = 0.146; e in sound alone: 1.
        (1, [70, 5]),
        (2, [40, 3]),
        (3, [110 / 3, 8 / 3]),
        (4, [40, 2.75]),
    ],
)
def test_neighbours_in_the_modalities_that_both_have(
    k: int, expected: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "N_NEIGHBOURS", k)
    others = [
        loader(TextualAttribute, tmp_path, TEXTUAL, "mean"),
        loader(AudioAttribute, tmp_path, AUDIO, "neighbours"),
    ]
    found = filled(tmp_path / "1", "neighbours", *others)
    assert found["b"] == pytest.approx(expected)
    assert found["f"] == [40, 2.75]


def test_one_strong_likeness_beats_two_weak_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "N_NEIGHBOURS", 1)
    # Cosines of b: a 0.707 in text and in sound; e 0.995 in sound.
    others = [
        loader(TextualAttribute, tmp_path, {"a": [1, 1], "b": [1, 0]}, "zeros"),
        loader(AudioAttribute, tmp_path, {"a": [1, 1], "b": [1, 0], "e": [1, 0.1]}, "zeros"),
    ]
    assert filled(tmp_path / "1", "neighbours", *others)["b"] == VISUAL["e"]


def test_likenesses_that_are_equal_on_paper_are_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "N_NEIGHBOURS", 1)
    for direction in ([1, 2, 3], [2, 3, 5], [1, 1, 1], [0.1, 0.7, 0.3]):
        # All point the same way, and their computed cosines differ in the last digits.
        texts = {f"{n:02}": n * np.array(direction) for n in range(1, 40)}
        images = {item: np.array([float(item)]) for item in texts if item != "20"}
        root = tmp_path / str(direction)
        root.mkdir()
        loaders = [
            VisualAttribute(write_vectors(root / "v", images), missing="neighbours"),
            TextualAttribute(write_vectors(root / "t", texts)),
        ]
        found = load_features(loaders, list(texts))["VisualAttribute"]
        assert found[19].tolist() == [1]


def test_what_was_filled_in_is_no_ground_for_comparison(tmp_path: Path) -> None:
    # e has no text; were its filled-in text counted, e would be the nearest of b.
    textual = loader(TextualAttribute, tmp_path, TEXTUAL | {"a": [1, 1], "d": [1, 1]}, "mean")
    assert filled(tmp_path / "1", "neighbours", textual)["b"] == [30, 2]


def test_without_another_modality_neighbours_are_the_mean(tmp_path: Path) -> None:
    assert filled(tmp_path / "1", "neighbours") == {"b": [40, 2.75], "f": [40, 2.75]}


def test_vectors_of_zeros_are_like_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "N_NEIGHBOURS", 2)
    # Cosines of b: a -1, c 0, d 0.
    texts = {"a": [-1, -1], "b": [1, 1], "c": [0, 0], "d": [1, -1]}
    textual = loader(TextualAttribute, tmp_path, texts, "zeros")
    assert filled(tmp_path / "1", "neighbours", textual)["b"] == [40, 2.5]


def test_blocks_do_not_change_the_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    ids = [f"{number:03}" for number in range(90)]
    # Few directions, so that ties abound.
    texts = {item: rng.integers(-1, 2, 3).astype(float) for item in ids if rng.random() < 0.9}
    images = {item: rng.normal(size=4) for item in ids if rng.random() < 0.7}
    loaders = [
        VisualAttribute(write_vectors(tmp_path / "v", images), missing="neighbours"),
        TextualAttribute(write_vectors(tmp_path / "t", texts), missing="neighbours"),
    ]
    whole = load_features(loaders, ids)
    monkeypatch.setattr(missing, "_BLOCK_ITEMS", 4)
    monkeypatch.setattr(missing, "_BLOCK_VALUES", 8)
    blocks = load_features(loaders, ids)
    for name, matrix in whole.items():
        np.testing.assert_array_equal(blocks[name], matrix)
    for row, item in enumerate(ids):
        if item not in images and item in texts:
            expected = by_hand(item, images, texts)
            np.testing.assert_allclose(whole["VisualAttribute"][row], expected, atol=1e-6)


def by_hand(
    item: str, images: Mapping[str, np.ndarray], texts: Mapping[str, np.ndarray]
) -> np.ndarray:
    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        lengths = float(np.sqrt((x @ x) * (y @ y)))
        return round(float(x @ y) / lengths, 9) if lengths else 0

    others = sorted(set(images) & set(texts), key=lambda o: (-cosine(texts[item], texts[o]), o))
    return np.mean([images[other] for other in others[:10]], axis=0)


def test_error_names_the_items(tmp_path: Path) -> None:
    visual = loader(VisualAttribute, tmp_path, VISUAL, "error")
    assert load_features([visual], ["a", "c"])["VisualAttribute"].tolist() == [[10, 1], [30, 2]]
    message = refusal(DataError, load_features, [visual], [*IDS, "f"])
    assert_contains(message, [visual.path, "VisualAttribute", "2 of the 6 items", "b, f"])


@pytest.mark.parametrize("policy", ["zeros", "mean", "neighbours"])
def test_ids_that_have_nothing_in_common_are_refused(policy: Missing, tmp_path: Path) -> None:
    visual = loader(VisualAttribute, tmp_path, VISUAL, policy)
    message = refusal(DataError, load_features, [visual], ["1", "2"])
    assert_contains(message, [visual.path, "VisualAttribute", "2 of the 2 items"])


def test_the_log_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        filled(tmp_path / "1", "mean")
    [message] = caplog.messages
    assert_contains(message, ["VisualAttribute", "2 of the 6 items", "missing: mean", "b, f"])


def test_dropped_items_are_an_error_here(tmp_path: Path) -> None:
    visual = loader(VisualAttribute, tmp_path, VISUAL, "drop")
    assert absent_items(visual, IDS) == ()
    assert refusal(DataError, load_features, [visual], IDS).endswith("no file for the items b")


def experiment(folder: Path, **policies: object) -> dict[str, Any]:
    """Items 1 to 4; item 3 lacks an image, item 4 a text."""
    write_text(folder / "train.txt", "1\t1\t1\n1\t2\t1\n2\t3\t1\n3\t4\t1\n3\t1\t1\n")
    write_text(folder / "test.txt", "1\t3\t1\n3\t2\t1\n2\t9\t1\n")
    write_vectors(folder / "images", {i: np.array([float(i), 1.0]) for i in "124"})
    write_vectors(folder / "texts", {i: np.array([1.0, float(i)]) for i in "123"})
    sources = {"VisualAttribute": "visual_features", "TextualAttribute": "textual_features"}
    tiny = {
        "dataset": "tiny",
        "data_config": {
            "strategy": "fixed",
            "train_path": "train.txt",
            "test_path": "test.txt",
            "side_information": [
                {"dataloader": name, key: path}
                | ({"missing": policies[name]} if name in policies else {})
                for (name, key), path in zip(sources.items(), ("images", "texts"), strict=True)
            ],
        },
        "top_k": 2,
        "evaluation": {"simple_metrics": ["Recall"]},
        "models": {"MostPop": {}},
    }
    return {"experiment": tiny}


def dataset(folder: Path, **policies: object) -> Dataset:
    plan = make_plan(read_experiment(experiment(folder, **policies), folder))
    return load_datasets(plan)[0]


def test_by_default_items_leave(tmp_path: Path) -> None:
    found = dataset(tmp_path, VisualAttribute="drop")
    assert found.items.ids == dataset(tmp_path).items.ids == ["1", "2"]
    assert found.report.filled_items == {"VisualAttribute": (), "TextualAttribute": ()}


def test_one_loader_drops_and_the_other_fills_in(tmp_path: Path) -> None:
    found = dataset(tmp_path, VisualAttribute="zeros")
    assert found.items.ids == ["1", "2", "3"]
    assert found.features["VisualAttribute"].tolist() == [[1, 1], [2, 1], [0, 0]]
    assert found.features["TextualAttribute"].tolist() == [[1, 1], [1, 2], [1, 3]]
    assert found.report.missing_items == {"TextualAttribute": ("4", "9")}
    assert found.report.filled_items == {"VisualAttribute": ("3",), "TextualAttribute": ()}
    [line] = [line for line in found.report.lines() if line.startswith("VisualAttribute")]
    assert_contains(line, ["1 of the training items", "completed: 3"])


def test_no_item_is_dropped_if_all_loaders_complete_vectors(tmp_path: Path) -> None:
    found = dataset(tmp_path, VisualAttribute="mean", TextualAttribute="neighbours")
    assert found.items.ids == ["1", "2", "3", "4"]
    # The mean of 1, 2 and 4; the mean of the texts of the items that have an image: 1 and 2.
    np.testing.assert_allclose(found.features["VisualAttribute"][2], [7 / 3, 1], rtol=1e-6)
    assert found.features["TextualAttribute"][3].tolist() == [1, 1.5]
    # Item 9 of the test split was not trained on: it needs no vector, and is no candidate.
    assert found.report.splits["test"].cold_items == 1
    assert len(found.train) == 5


def test_the_run_is_refused_under_error(tmp_path: Path) -> None:
    message = refusal(DataError, lambda: dataset(tmp_path, VisualAttribute="error"))
    assert_contains(message, [f"{tmp_path}/images:", "VisualAttribute", "vector", "items"])


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        ("zeroes", ["'zeroes'", "'zeros'"]),
        ("Mean", ["'Mean'", "'mean'"]),
        ("neighbors", ["'neighbors'", "'neighbours'"]),
        (0, ["found 0"]),
        (None, ["found nothing"]),
        (["mean"], ["'mean'"]),
    ],
)
def test_a_wrong_policy_is_a_problem_of_the_file(
    value: object, facts: list[str], tmp_path: Path
) -> None:
    raw = experiment(tmp_path, TextualAttribute=value)
    message = refusal(ConfigError, lambda: make_plan(read_experiment(raw, tmp_path)))
    key = "experiment.data_config.side_information[1].missing:"
    assert_contains(message, [key, *facts, "'drop', 'zeros', 'mean', 'neighbours' or 'error'"])


def test_a_misspelt_key_is_a_problem_too(tmp_path: Path) -> None:
    raw = experiment(tmp_path)
    raw["experiment"]["data_config"]["side_information"][0]["mising"] = "mean"
    message = refusal(ConfigError, lambda: make_plan(read_experiment(raw, tmp_path)))
    assert message.endswith(
        "side_information[0].mising: unknown key (did you mean 'missing'?); VisualAttribute "
        "accepts: visual_features, missing, id"
    )


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cache_dirs() -> set[Path | None]:
        plan = make_plan(read_experiment(experiment(tmp_path), tmp_path))
        return {each.cache_dir for each in plan.loaders}

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dirs() == {tmp_path / "xdg" / "mmrec"}
    for unset in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache_dirs() == {tmp_path / ".cache" / "mmrec"}
    assert not (tmp_path / ".cache").exists()
