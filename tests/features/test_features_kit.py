"""The shipped test kit for loaders: on mmrec's, on one in another format, and on broken ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

import numpy as np
import pytest

from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features import (
    LOADERS,
    AudioAttribute,
    FolderLoader,
    ItemAttributes,
    Loader,
    TextualAttribute,
    VisualAttribute,
    register_loader,
)
from mmrec.testing.loaders import LoaderTests


class TestVisualAttribute(LoaderTests):
    loader = VisualAttribute


class TestTextualAttribute(LoaderTests):
    loader = TextualAttribute


class TestAudioAttribute(LoaderTests):
    loader = AudioAttribute


class TestItemAttributes(LoaderTests):
    loader = ItemAttributes

    def write(self, path: Path, vectors: Mapping[str, Features]) -> Path:
        lines = [
            "\t".join([item_id, *(str(column) for column in np.flatnonzero(vector))])
            for item_id, vector in vectors.items()
        ]
        path.write_text("\n".join(lines) + "\n")
        return path

    def written(self, folder: Path) -> tuple[Loader, dict[str, Features]]:
        pattern = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0]])
        vectors = dict(zip(self.ids, pattern.astype(np.float32), strict=True))
        return self.loader(self.write(folder / "features", vectors)), vectors


class TableAttribute(Loader):
    """Reads one text file: an id and its numbers on each line, with tabs between."""

    path_key = "table"

    def _rows(self) -> dict[str, list[str]]:
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            raise DataError(f"{self.path}: no such file") from None
        return {item: numbers for item, *numbers in (line.split("\t") for line in lines)}

    def items(self) -> Set[str]:
        return self._rows().keys()

    def read(self, item_ids: Sequence[str]) -> Features:
        rows = self._rows()
        if not set(item_ids) <= rows.keys():
            raise DataError(f"{self.path}: no row for {listing(set(item_ids) - rows.keys())}")
        return np.array([rows[item] for item in item_ids], np.float32)


class TestTableAttribute(LoaderTests):
    loader = TableAttribute

    @pytest.fixture(autouse=True)
    def _registered(self) -> Iterator[None]:
        with LOADERS.isolated():
            register_loader(TableAttribute)
            yield

    def write(self, path: Path, vectors: Mapping[str, Features]) -> Path:
        lines = ["\t".join([item, *map(str, vector)]) for item, vector in vectors.items()]
        path.write_text("\n".join(lines) + "\n")
        return path


class Unregistered(FolderLoader):
    path_key = "unregistered"


class SpacedKey(FolderLoader):
    path_key = "visual features"


class Numeric(FolderLoader):
    """Takes ids for numbers."""

    path_key = "numeric"

    def items(self) -> Set[str]:
        return {item.lstrip("0") for item in super().items()}


class FileOrder(FolderLoader):
    """Answers in the order of the files."""

    path_key = "file_order"

    def read(self, item_ids: Sequence[str]) -> Features:
        return super().read(sorted(item_ids))


class Doubles(FolderLoader):
    path_key = "doubles"

    def read(self, item_ids: Sequence[str]) -> Features:
        return super().read(item_ids).astype(np.float64)  # type: ignore[return-value]


class Consuming(FolderLoader):
    """Cannot be read twice."""

    path_key = "consuming"

    def read(self, item_ids: Sequence[str]) -> Features:
        found = super().read(item_ids)
        self.scale = getattr(self, "scale", 0) + 1
        return found * np.float32(self.scale)


class ZerosForMissing(FolderLoader):
    path_key = "zeros"

    def read(self, item_ids: Sequence[str]) -> Features:
        known = [item for item in item_ids if item in self.items()]
        found = super().read(known)
        return np.pad(found, ((0, len(item_ids) - len(known)), (0, 0)))


class SilentOnMissingPath(FolderLoader):
    path_key = "silent"

    def items(self) -> Set[str]:
        return super().items() if self.path.exists() else set()


BROKEN = {
    Unregistered: "test_is_registered_under_its_name",
    SpacedKey: "test_names_the_key_of_its_path",
    Numeric: "test_items_are_those_that_have_a_vector",
    FileOrder: "test_rows_follow_the_order_asked_for",
    Doubles: "test_rows_follow_the_order_asked_for",
    Consuming: "test_reading_twice_gives_the_same",
    ZerosForMissing: "test_an_item_without_a_vector_is_named",
    SilentOnMissingPath: "test_a_missing_path_is_named",
}


@pytest.mark.parametrize(("broken", "name"), BROKEN.items(), ids=[b.__name__ for b in BROKEN])
def test_a_broken_rule_is_noticed(broken: type[Loader], name: str, tmp_path: Path) -> None:
    class Kit(LoaderTests):
        loader = broken

    test = getattr(Kit(), name)
    with pytest.raises(AssertionError):
        test() if "registered" in name or "key" in name else test(tmp_path)
