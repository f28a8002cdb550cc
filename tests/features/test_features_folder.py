"""Folders of <item>.npy: rows, refusals, and that nothing is unpickled."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text, write_vectors
from hypothesis import given
from hypothesis import strategies as st

from mmrec.errors import DataError
from mmrec.features import (
    AudioAttribute,
    FolderLoader,
    TextualAttribute,
    VisualAttribute,
    load_features,
)

IDS = ["1000", "7", "007", "42", "B00-x.y", "Zoë", "10"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven items with 5 random numbers each."""
    rng = np.random.default_rng(0)
    vectors = {item: rng.normal(size=5).astype(np.float32) for item in IDS}
    return write_vectors(tmp_path / "features", vectors)


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_the_loaders_read_the_keys_of_the_experiment_file() -> None:
    keys = {loader: loader.path_key for loader in (VisualAttribute, TextualAttribute)}
    assert keys == {VisualAttribute: "visual_features", TextualAttribute: "textual_features"}
    assert AudioAttribute.path_key == "audio_features"
    assert AudioAttribute(Path("x")).name == "AudioAttribute"


def test_items_are_the_names_of_the_files(folder: Path) -> None:
    assert set(VisualAttribute(folder).items()) == set(IDS)


@given(asked=st.lists(st.sampled_from(IDS), min_size=1))
def test_row_r_is_item_r(asked: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "rows"
    if not folder.exists():
        rng = np.random.default_rng(1)
        write_vectors(folder, {item: rng.normal(size=3) for item in IDS})
    found = VisualAttribute(folder).read(asked)
    assert found.shape == (len(asked), 3)
    for row, item in zip(found, asked, strict=True):
        np.testing.assert_array_equal(row, np.load(folder / f"{item}.npy").astype(np.float32))


def test_other_things_in_the_folder_are_left_alone(folder: Path) -> None:
    write_text(folder / ".DS_Store", b"\x00\x00\x00\x01Bud1")
    write_text(folder / "._7.npy", b"\x00\x05\x16\x07 AppleDouble")
    write_text(folder / ".npy", b"no name")
    write_text(folder / "README.txt", "about")
    write_text(folder / "7.npy.bak", "old")
    write_text(folder / "8.NPY.part", "half a download")
    write_text(folder / "features.tsv", "7\t1")
    (folder / ".ipynb_checkpoints").mkdir()
    write_text(folder / ".ipynb_checkpoints" / "43-checkpoint.npy", "copy")
    (folder / "nested.npy").mkdir()
    (folder / "dangling.npy").symlink_to(folder / "nowhere.npy")
    (folder / "circular.npy").symlink_to(folder / "circular.npy")
    loader = VisualAttribute(folder)
    assert set(loader.items()) == set(IDS)
    assert loader.read(IDS).shape == (7, 5)


def test_only_requested_files_are_opened(folder: Path) -> None:
    write_text(folder / "garbage.npy", "this is no array")
    np.save(folder / "longer.npy", np.ones(9, np.float32))
    np.save(folder / "nan.npy", np.full(5, np.nan, np.float32))
    loader = VisualAttribute(folder)
    assert {"garbage", "longer", "nan"} < set(loader.items())
    assert load_features([loader], IDS)["VisualAttribute"].shape == (7, 5)


@pytest.mark.parametrize("kind", ["f8", "f2", ">f4", "g", "i8", "u1", "i2"])
def test_numbers_of_any_kind_become_float32(kind: str, tmp_path: Path) -> None:
    values = np.array([0, 1, 2, 120]).astype(kind)
    folder = write_vectors(tmp_path / "features", {"1": values, "2": values[::-1]})
    found = TextualAttribute(folder).read(["2", "1"])
    assert found.dtype == np.float32
    assert found.tolist() == [[120, 2, 1, 0], [0, 1, 2, 120]]


def test_old_versions_of_the_format(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        with (tmp_path / f"{version}.npy").open("wb") as file:
            np.lib.format.write_array(file, np.full(2, float(version)), (version, 0))
    found = VisualAttribute(tmp_path).read(["1", "2", "3"])
    assert found.tolist() == [[1, 1], [2, 2], [3, 3]]


def test_a_missing_folder_and_a_file_in_its_place(tmp_path: Path) -> None:
    missing = tmp_path / "image_feat"
    assert_contains(
        refusal(DataError, VisualAttribute(missing).items),
        [f"{missing}:", "VisualAttribute", "folder"],
    )
    file = write_text(tmp_path / "features.npy", npy(np.ones(3)))
    assert_contains(
        refusal(DataError, AudioAttribute(file).items),
        [f"{file}:", "AudioAttribute", "folder", "item"],
    )


def test_a_folder_without_vectors(tmp_path: Path) -> None:
    write_text(tmp_path / "1.txt", "1")
    write_text(tmp_path / "._1.npy", "1")
    assert_contains(
        refusal(DataError, TextualAttribute(tmp_path).items),
        [f"{tmp_path}:", "TextualAttribute", "folder", "item"],
    )


def test_items_without_a_file_are_named(folder: Path) -> None:
    assert_contains(
        refusal(DataError, VisualAttribute(folder).read, ["7", "8", "9"]),
        [f"{folder}:", "file", "items"],
    )


def test_vectors_of_different_lengths(folder: Path) -> None:
    np.save(folder / "7.npy", np.ones(4))
    np.save(folder / "10.npy", np.ones(6))
    assert_contains(
        refusal(DataError, VisualAttribute(folder).read, IDS),
        [f"{folder}:", "7.npy", "10.npy", "vectors", "lengths"],
    )


def read_one(folder: Path, content: bytes) -> str:
    """What is said about the file 42.npy with this content; {path} stands for its path."""
    path = write_text(folder / "42.npy", content)
    message = refusal(DataError, VisualAttribute(folder).read, IDS)
    return message.replace(str(path), "{path}")


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.ones((2, 5)), "(2, 5)"),
        (np.float32(3), "()"),
        (np.ones(0), "(0,)"),
        (np.ones((0, 5)), "(0, 5)"),
    ],
    ids=["2-D", "0-D", "empty", "empty 2-D"],
)
def test_other_shapes(array: np.ndarray, shape: str, folder: Path) -> None:
    assert (
        read_one(folder, npy(array)) == f"{{path}}: expected a 1-D vector, found the shape {shape}"
    )


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.ones(5, complex), "complex128"),
        (np.ones(5, bool), "bool"),
        (np.array(["a", "bc"]), "<U2"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64[D]"),
        (np.zeros(5, [("x", "f4")]), "[('x', '<f4')]"),
    ],
    ids=["complex", "bool", "text", "date", "record"],
)
def test_other_kinds(array: np.ndarray, kind: str, folder: Path) -> None:
    assert_contains(read_one(folder, npy(array)), ["{path}: ", "vector of numbers", kind])


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("wrapped", [True, False], ids=["object array", "bare pickle"])
def test_nothing_is_unpickled(wrapped: bool, folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "exploded"
    if wrapped:
        content = npy(np.array([Bomb(marker)], object), allow_pickle=True)
        expected = "pickled object"
    else:
        content = pickle.dumps(Bomb(marker))
        expected = f"expected b'\\x93NUMPY', got {content[:6]!r}"
    assert_contains(read_one(folder, content), ["{path}: ", expected])
    assert not marker.exists()
    np.load(folder / "42.npy", allow_pickle=True)
    assert marker.exists()  # the bomb does work


def test_an_object_array_of_numbers_is_refused_too(folder: Path) -> None:
    content = npy(np.array([1.0, None], object), allow_pickle=True)
    assert_contains(read_one(folder, content), ["{path}: ", "pickled object"])


def test_a_file_cut_short(folder: Path) -> None:
    whole = npy(np.ones(5))
    assert_contains(read_one(folder, b""), ["{path}: ", "expected 8 bytes got 0"])
    assert_contains(read_one(folder, whole[:20]), ["{path}: ", "EOF"])
    # The rest of the sentence is numpy's and differs between its versions.
    for n_missing in (1, 8, 40):
        reported = read_one(folder, whole[:-n_missing])
        assert_contains(reported, ["{path}:", "vector"])
        assert len(reported) > 50


@pytest.mark.parametrize("n_bytes", [None, 50], ids=["whole", "cut short"])
def test_an_npz_under_the_name_of_an_npy(n_bytes: int | None, folder: Path) -> None:
    archive = io.BytesIO()
    np.savez(archive, np.ones(5))
    reported = read_one(folder, archive.getvalue()[:n_bytes])
    assert_contains(
        reported, ["{path}: ", f"expected b'\\x93NUMPY', got {archive.getvalue()[:6]!r}"]
    )


def test_text_under_the_name_of_an_npy(folder: Path) -> None:
    reported = read_one(folder, b"0.1,0.2,0.3,0.4,0.5\n")
    assert_contains(reported, ["{path}: ", "expected b'\\x93NUMPY', got b'0.1,0.'"])


@given(data=st.data())
def test_a_damaged_file_is_a_data_error_or_a_vector(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(npy(np.arange(3.0)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 70) | st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    write_text(folder / "1.npy", bytes(content))
    try:
        found = VisualAttribute(folder).read(["1"])
    except DataError as error:
        assert str(error).startswith(str(folder))  # noqa: PT017 - either outcome will do
    else:
        assert found.ndim == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_no_finite_float32(value: float, folder: Path) -> None:
    for item in ("7", "B00-x.y"):
        np.save(folder / f"{item}.npy", np.array([1, 2, value, 4, 5]))
    loader = VisualAttribute(folder)
    assert_contains(
        refusal(DataError, load_features, [loader], IDS), [f"{folder}:", "NaN", "vectors", "items"]
    )


def test_an_own_folder_loader(folder: Path) -> None:
    class MetadataAttribute(FolderLoader):
        path_key = "metadata_features"

    found = load_features([MetadataAttribute(folder)], ["42"])
    np.testing.assert_array_equal(found["MetadataAttribute"], [np.load(folder / "42.npy")])
