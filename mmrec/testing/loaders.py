"""The tests that every loader of side information has to pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError
from mmrec.features import LOADERS, Loader, load_features
from mmrec.seeding import rng_for
from mmrec.testing.data import refusal


class LoaderTests:
    """The rules for every :class:`mmrec.features.Loader`, as tests.

    Subclass it under a name that begins with ``Test``, set ``loader``, and override :meth:`write`
    unless the loader reads folders of ``<item>.npy``.
    """

    loader: ClassVar[type[Loader]]
    """The class under test."""
    ids: ClassVar[Sequence[str]] = ("10", "9", "007", "7", "B00-x")
    """Ids that the format can hold; the default ones trip up whoever reads them as numbers."""

    def write(self, path: Path, vectors: Mapping[str, Features]) -> Path:
        """Write ``vectors`` by item id in the loader's own format.

        Args:
            path: does not exist yet; write a file or a folder there, or below it.
            vectors: all of one length, float32.

        Returns:
            What the experiment file would name, usually ``path``.
        """
        path.mkdir()
        for item_id, vector in vectors.items():
            np.save(path / f"{item_id}.npy", vector)
        return path

    def written(self, folder: Path) -> tuple[Loader, dict[str, Features]]:
        """Write a random vector for every id; return a loader on them, and the vectors."""
        rng = rng_for(0, "vectors")
        vectors = {name: rng.normal(size=4).astype(np.float32) for name in self.ids}
        return self.loader(self.write(folder / "features", vectors)), vectors

    def test_is_registered_under_its_name(self) -> None:
        """Experiment files find it: it is decorated with ``register_loader``."""
        name = self.loader.__name__
        assert LOADERS.get(name) is self.loader, f"{name} is not decorated with @register_loader"
        assert self.loader(Path()).name == name

    def test_names_the_key_of_its_path(self) -> None:
        """``path_key`` is the key of the ``side_information`` entry."""
        key = self.loader.path_key
        assert isinstance(key, str)
        assert key.isidentifier(), f"path_key is {key!r}, expected a plain word"

    def test_items_are_those_that_have_a_vector(self, tmp_path: Path) -> None:
        """Ids arrive as the text they were written as."""
        loader, vectors = self.written(tmp_path)
        assert set(loader.items()) == set(vectors)

    def test_rows_follow_the_order_asked_for(self, tmp_path: Path) -> None:
        """Row r is the vector of the r-th id asked for, whatever the order in the files."""
        loader, vectors = self.written(tmp_path)
        for asked in (self.ids, self.ids[::-1], self.ids[1:3], self.ids[-1:]):
            found = loader.read(asked)
            expected = np.stack([vectors[item_id] for item_id in asked])
            assert found.dtype == np.float32, f"expected float32, found {found.dtype}"
            assert np.array_equal(found, expected), f"asked for {asked}: {found}, not {expected}"

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        """A loader keeps no position in its files."""
        loader, _ = self.written(tmp_path)
        assert np.array_equal(loader.read(self.ids), loader.read(self.ids))

    def test_what_it_reads_is_accepted(self, tmp_path: Path) -> None:
        """The framework takes the matrix: its shape, and that every value is finite."""
        loader, vectors = self.written(tmp_path)
        matrix = load_features([loader], self.ids)[loader.name]
        assert matrix.shape == (len(vectors), 4)

    def test_takes_a_policy_for_missing_vectors(self, tmp_path: Path) -> None:
        """The framework says what becomes of missing vectors, and where a cache may be kept."""
        _, vectors = self.written(tmp_path)
        path = self.write(tmp_path / "again", vectors)
        loader = self.loader(path, missing="zeros", cache_dir=tmp_path / "cache")
        matrix = load_features([loader], [self.ids[0], "no-such-item"])[loader.name]
        assert np.array_equal(matrix[0], vectors[self.ids[0]])
        assert not matrix[1].any()

    def test_an_item_without_a_vector_is_named(self, tmp_path: Path) -> None:
        """The error for an item without a vector names the item."""
        loader, _ = self.written(tmp_path)
        message = refusal(DataError, lambda: loader.read([self.ids[0], "no-such-item"]))
        assert "no-such-item" in message, f"the message does not name the item: {message}"

    def test_a_missing_path_is_named(self, tmp_path: Path) -> None:
        """A path that is not there is an error that names it."""
        path = tmp_path / "no-such-path"
        message = refusal(DataError, self.loader(path).items)
        assert str(path) in message, f"the message does not name the path: {message}"
