"""Registered loaders, and the checks of what a loader returns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text, write_vectors

from mmrec.data import Features
from mmrec.errors import ConfigError, DataError
from mmrec.features import (
    LOADERS,
    ItemAttributes,
    Loader,
    VisualAttribute,
    default_loaders,
    load_features,
    register_loader,
)


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """Forget the loaders that a test registers."""
    with LOADERS.isolated():
        yield


class JsonAttribute(Loader):
    """Reads ``{item: [number, ...]}``."""

    path_key = "json_features"

    def _table(self) -> dict[str, list[float]]:
        return json.loads(self.path.read_text())

    def items(self) -> Set[str]:
        return self._table().keys()

    def read(self, item_ids: Sequence[str]) -> Features:
        table = self._table()
        return np.array([table[item] for item in item_ids], np.float32)


def test_the_built_in_loaders() -> None:
    assert {"VisualAttribute", "TextualAttribute", "AudioAttribute"} <= set(LOADERS)
    assert all(name == loader.__name__ for name, loader in LOADERS.items())


def test_an_own_loader(tmp_path: Path) -> None:
    assert register_loader(JsonAttribute) is JsonAttribute
    path = write_text(tmp_path / "f.json", '{"b": [1, 2], "a": [3, 4], "c": [5, 6]}')
    loader = LOADERS["JsonAttribute"](path)
    assert (loader.name, loader.path, loader.path_key) == ("JsonAttribute", path, "json_features")
    folder = write_vectors(tmp_path / "visual", {"a": np.ones(3), "b": np.zeros(3)})
    features = load_features([loader, VisualAttribute(folder)], ["a", "b"])
    assert list(features) == ["JsonAttribute", "VisualAttribute"]
    assert features["JsonAttribute"].tolist() == [[3, 4], [1, 2]]
    assert features["VisualAttribute"].tolist() == [[1, 1, 1], [0, 0, 0]]


def test_the_default_loader_of_a_modality() -> None:
    built_in = {
        "visual": "VisualAttribute",
        "textual": "TextualAttribute",
        "audio": "AudioAttribute",
        "attributes": "ItemAttributes",
    }
    assert default_loaders() == built_in

    @register_loader
    class LyricsAttribute(JsonAttribute):
        modality = "lyrics"

    assert default_loaders() == built_in | {"lyrics": "LyricsAttribute"}
    register_loader(type("Other", (LyricsAttribute,), {}))  # the modality is not inherited
    assert default_loaders()["lyrics"] == "LyricsAttribute"
    another = type("MyImages", (JsonAttribute,), {"modality": "visual"})
    assert_contains(refusal(ConfigError, register_loader, another), ["MyImages", "VisualAttribute"])
    assert "MyImages" not in LOADERS


def test_a_loader_must_implement_items_and_read() -> None:
    class Half(Loader):
        path_key = "half"

        def items(self) -> Set[str]:
            return set()

    with pytest.raises(TypeError, match=r"abstract method '?read'?"):
        Half(Path())


def test_attributes_are_columns_of_zeros_and_ones(tmp_path: Path) -> None:
    path = write_text(tmp_path / "genres.tsv", "7\t18\t2\n9\t2\t2\n3\n")
    loader = ItemAttributes(path)
    assert loader.items() == {"7", "9", "3"}
    assert loader.read(["9", "3", "7"]).tolist() == [[0, 1], [0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("7\t1\n7\t2\n", [":2:", "'7'"]),
        ("7\n8\n", ["found no attributes", "tabs"]),
        ("7\t1\n\t2\n", [":2:", "id is empty"]),
    ],
)
def test_malformed_attributes_are_refused(text: str, facts: list[str], tmp_path: Path) -> None:
    path = write_text(tmp_path / "genres.tsv", text)
    message = refusal(DataError, ItemAttributes(path).items)
    assert_contains(message, [path, "ItemAttributes", *facts])


def answering(answer: object) -> Loader:
    class Given(JsonAttribute):
        def read(self, item_ids: Sequence[str]) -> Features:
            return answer  # type: ignore[return-value]

    return Given(Path("some/where"))


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        (np.ones((3, 4)), "(3, 4)"),
        (np.ones((1, 4)), "(1, 4)"),
        (np.ones(2), "(2,)"),
        (np.ones((2, 0)), "(2, 0)"),
        (np.ones((2, 3, 4)), "(2, 3, 4)"),
    ],
)
def test_other_shapes_are_refused(answer: np.ndarray, shape: str) -> None:
    message = refusal(DataError, load_features, [answering(answer)], ["a", "b"])
    assert_contains(message, ["some/where:", "Given", shape, "2 items"])


def test_values_that_are_not_finite_are_refused_with_the_items() -> None:
    answer = np.ones((12, 2))
    answer[2:11, 1] = np.nan
    ids = [f"i{n}" for n in range(12)]
    assert_contains(
        refusal(DataError, load_features, [answering(answer)], ids),
        ["some/where:", "NaN", "vectors", "items"],
    )


def test_matrices_are_read_only_contiguous_float32() -> None:
    answer = np.asfortranarray(np.arange(6).reshape(2, 3))
    (matrix,) = load_features([answering(answer)], ["a", "b"]).values()
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 7
    np.testing.assert_array_equal(matrix, answer)
