"""Vectors of one file stay as they are when the file is rewritten in place."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from mmrec.data import Features
from mmrec.features import Loader, TextualAttribute, VisualAttribute, load_features

IDS = [str(number) for number in range(30)]
ENDINGS = [".npy", ".safetensors", ".pt"]


def write(path: Path, matrix: np.ndarray) -> Path:
    """Write a matrix into the file itself, as programs do that do not replace it."""
    if path.suffix == ".npy":
        np.save(path, matrix)
    elif path.suffix == ".pt":
        torch.save(torch.from_numpy(matrix), path)
    else:
        new = path.with_name("new")
        save_file({"features": matrix}, new)
        path.write_bytes(new.read_bytes())
    return path


def vectors(seed: int, n_items: int = len(IDS)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_items, 8)).astype(np.float32)


def load(loader: Loader) -> np.ndarray:
    return load_features([loader], IDS)[loader.name]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_rewritten_does_not_change_vectors_that_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, packed: bool
) -> None:
    cache = tmp_path / "cache"
    if packed:
        monkeypatch.setattr("mmrec.features.detached.MIN_PACKED_BYTES", 1)
    path = write(tmp_path / f"f{ending}", vectors(0))
    read = load(VisualAttribute(path, cache_dir=cache))
    write(path, vectors(1))
    np.testing.assert_array_equal(read, vectors(0))
    again = load(VisualAttribute(path, cache_dir=cache))
    np.testing.assert_array_equal(again, vectors(1))
    write(path, vectors(2, n_items=1))  # shorter: reading a view of it would end the process
    np.testing.assert_array_equal(again, vectors(1))
    assert cache.exists() == packed


def test_a_packed_file_is_mapped_and_packed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmrec.features.detached.MIN_PACKED_BYTES", 1)
    cache = tmp_path / "cache"
    path = write(tmp_path / "f.npy", vectors(0))
    load(VisualAttribute(path, cache_dir=cache))
    packs = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    again = load(TextualAttribute(path, cache_dir=cache))
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == packs
    assert not again.flags.owndata
    np.testing.assert_array_equal(again, vectors(0))


def test_a_file_that_is_replaced_after_it_was_opened_is_packed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmrec.features.detached.MIN_PACKED_BYTES", 1)
    cache = tmp_path / "cache"
    path = write(tmp_path / "f.npy", vectors(0))
    opened = VisualAttribute(path, cache_dir=cache)
    assert opened.items() == set(IDS)
    write(tmp_path / "other.npy", vectors(1)).replace(path)
    np.testing.assert_array_equal(load(opened), vectors(0))
    np.testing.assert_array_equal(load(VisualAttribute(path, cache_dir=cache)), vectors(1))


class MappingLoader(Loader):
    """A loader of a user that maps its file."""

    path_key = "mapped"

    def items(self) -> Set[str]:
        return set(IDS)

    def read(self, item_ids: Sequence[str]) -> Features:
        matrix: Features = np.load(self.path, mmap_mode="r")
        return matrix


def test_a_view_that_a_loader_of_a_user_returns_is_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "f.npy", vectors(0))
    read = load(MappingLoader(path))
    write(path, vectors(1))
    np.testing.assert_array_equal(read, vectors(0))
