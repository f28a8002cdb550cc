"""Elliot's folder of folds, found and written.

``<fold>/test.tsv`` stands beside ``<fold>/train.tsv``, or beside a folder
``<fold>/<validation fold>`` with ``train.tsv`` and ``val.tsv`` for each validation fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmrec.data.vocabulary import sort_ids
from mmrec.errors import DataError

_ENDINGS = tuple(
    f"{form}{packing}"
    for form in (".tsv", ".txt", ".csv", ".inter", ".json")
    for packing in ("", ".gz")
)
_STEMS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class FoldFiles:
    """The files that hold the splits of a fold."""

    name: str
    """Test fold and validation fold, such as ``0/2``; without the second if every test fold has
    one validation fold at most, and empty if there is one fold only."""
    paths: Mapping[str, Path]
    """By split: ``train``, ``test`` and perhaps ``validation``."""


def find_folds(root: Path) -> tuple[FoldFiles, ...]:
    """Find the folds below a folder, in the order of their numbers.

    A fold may also have its validation split beside train and test. Files are of
    any form that is read, such as ``.tsv`` or ``.csv.gz``, and the validation split is called
    ``val`` or ``validation``. Hidden folders are passed over.

    Raises:
        DataError: there is no fold, one lacks a split or has one twice, or only some folds have a
            validation split.
    """
    if not root.is_dir():
        raise DataError(f"{root}: is not a folder")
    folds = [fold for folder in _folders(root) for fold in _folds_of(folder)]
    if not folds:
        raise DataError(
            f"{root}: holds no folds; expected folders such as {root.name}/0 with test.tsv, and "
            "train.tsv or folders of train.tsv and val.tsv"
        )
    validated = {"validation" in paths for _, paths in folds}
    if len(validated) > 1:
        folder = next(folder for folder, paths in folds if "validation" not in paths)
        raise DataError(f"{folder}: has no validation split, which other folds have")
    numbers = [folder.relative_to(root).parts for folder, _ in folds]
    names = name_folds([(outer, "".join(inner)) for outer, *inner in numbers])
    return tuple(FoldFiles(name, paths) for name, (_, paths) in zip(names, folds, strict=True))


def name_folds(numbers: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of folds that have these test folds and validation folds."""
    if len(numbers) == 1:
        return [""]
    is_nested = len({outer for outer, _ in numbers}) < len(numbers)
    return [f"{outer}/{inner}" if is_nested and inner else outer for outer, inner in numbers]


def _folders(path: Path) -> list[Path]:
    found = [entry.name for entry in path.iterdir() if entry.is_dir()]
    return [path / name for name in sort_ids(n for n in found if not n.startswith("."))]


def _folds_of(folder: Path) -> Iterator[tuple[Path, dict[str, Path]]]:
    """Yield the folder and the files of each fold of a test split."""
    outer = _files(folder)
    inner = _folders(folder)
    if "test" not in outer:
        raise DataError(f"{folder}: has no test.tsv")
    if inner and len(outer) > 1:
        name = next(outer[split].name for split in ("train", "validation") if split in outer)
        raise DataError(
            f"{folder}: has {name} and the folder {inner[0].name}; accepted: one of the two, the "
            "splits of one fold or a folder for each validation fold"
        )
    for path in inner or [folder]:
        paths = outer | (_files(path) if inner else {})
        wanted = ("train", "validation") if inner else ("train",)
        for split in wanted:
            if split not in paths:
                raise DataError(f"{path}: has no {_STEMS[split][0]}.tsv")
        if inner and paths["test"] != outer["test"]:
            raise DataError(f"{paths['test']}: the test split stands in {outer['test']} already")
        yield path, paths


def _files(folder: Path) -> dict[str, Path]:
    """Return the split files of one folder."""
    files = {}
    for split, stems in _STEMS.items():
        found = [folder / f"{stem}{ending}" for stem in stems for ending in _ENDINGS]
        there = [path for path in found if path.is_file()]
        if len(there) > 1:
            raise DataError(f"{folder}: has {there[0].name} and {there[1].name}; accepted: one")
        if there:
            files[split] = there[0]
    return files


@dataclass(frozen=True, eq=False)
class FoldRows:
    """The rows of a fold that one file was split into."""

    test_fold: int
    validation_fold: int
    splits: Mapping[str, pd.DataFrame]
    """``train``, ``test`` and perhaps ``validation``."""
    notes: tuple[str, ...] = ()
    """What there is to tell of how they were made."""

    def files(self, *, has_ratings: bool) -> Iterator[tuple[str, str]]:
        """Yield the path of each file below the root, and its text.

        Raises:
            DataError: a timestamp cannot stand in such a file.
        """
        folder = str(self.test_fold)
        if self.validation_fold == 0:
            yield f"{folder}/test.tsv", _as_tsv(self.splits["test"], has_ratings=has_ratings)
        if "validation" in self.splits:
            folder = f"{folder}/{self.validation_fold}"
            yield f"{folder}/val.tsv", _as_tsv(self.splits["validation"], has_ratings=has_ratings)
        yield f"{folder}/train.tsv", _as_tsv(self.splits["train"], has_ratings=has_ratings)


def _as_tsv(frame: pd.DataFrame, *, has_ratings: bool) -> str:
    """Write user, item, and rating and timestamp where there are any."""
    if "timestamp" in frame:  # no id has these, but a quoted time may
        unfit = frame["timestamp"][frame["timestamp"].astype(str).str.contains(r"[\t\r\n]")]
        if len(unfit):
            raise DataError(f"the timestamp {unfit.iloc[0]!r} cannot stand in a file of folds")
    columns = [frame[name].astype(str).tolist() for name in ("user_id", "item_id")]
    if has_ratings:  # with the fewest digits that read back as the same number
        columns.append([repr(rating) for rating in frame["rating"].tolist()])
    if "timestamp" in frame:
        if not has_ratings:
            columns.append([""] * len(frame))
        columns.append(frame["timestamp"].astype(str).tolist())
    return "".join("\t".join(fields) + "\n" for fields in zip(*columns, strict=True))
