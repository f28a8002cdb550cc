"""Elliot's folder of folds.

A folder ``<fold>`` contains ``test.tsv`` and ``train.tsv``; or ``test.tsv`` and, for each
validation fold, a folder ``<validation fold>`` with ``train.tsv`` and ``val.tsv``.
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
    """The files of the splits of a fold."""

    name: str
    """Test fold and validation fold, such as ``0/2``; only the test fold if no test fold has
    several validation folds; empty for a single fold."""
    paths: Mapping[str, Path]
    """By split: ``train``, ``test`` and optionally ``validation``."""


def find_folds(root: Path) -> tuple[FoldFiles, ...]:
    """Find the folds below a folder, in the order of their numbers.

    The validation split may also be next to the training and test splits. Files may have any form,
    such as ``.tsv`` or ``.csv.gz``; the validation split is called ``val`` or ``validation``.
    Hidden folders are ignored.

    Raises:
        DataError: there is no fold, a split is missing or ambiguous, or only some folds have a
            validation split.
    """
    if not root.is_dir():
        raise DataError(f"{root}: not a folder")
    folds = [fold for folder in _folders(root) for fold in _folds_of(folder)]
    if not folds:
        raise DataError(
            f"{root}: contains no folds; expected folders such as {root.name}/0 with test.tsv, and "
            "train.tsv or folders of train.tsv and val.tsv"
        )
    validated = {"validation" in paths for _, paths in folds}
    if len(validated) > 1:
        folder = next(folder for folder, paths in folds if "validation" not in paths)
        raise DataError(f"{folder}: has no validation split, but other folds have one")
    numbers = [folder.relative_to(root).parts for folder, _ in folds]
    names = name_folds([(outer, "".join(inner)) for outer, *inner in numbers])
    return tuple(FoldFiles(name, paths) for name, (_, paths) in zip(names, folds, strict=True))


def name_folds(numbers: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of folds from their test folds and validation folds."""
    if len(numbers) == 1:
        return [""]
    is_nested = len({outer for outer, _ in numbers}) < len(numbers)
    return [f"{outer}/{inner}" if is_nested and inner else outer for outer, inner in numbers]


def _folders(path: Path) -> list[Path]:
    found = [entry.name for entry in path.iterdir() if entry.is_dir()]
    return [path / name for name in sort_ids(n for n in found if not n.startswith("."))]


def _folds_of(folder: Path) -> Iterator[tuple[Path, dict[str, Path]]]:
    """Yield folder and files of each fold of a test split."""
    outer = _files(folder)
    inner = _folders(folder)
    if "test" not in outer:
        raise DataError(f"{folder}: has no test.tsv")
    if inner and len(outer) > 1:
        name = next(outer[split].name for split in ("train", "validation") if split in outer)
        raise DataError(
            f"{folder}: has {name} and the folder {inner[0].name}; accepted: the splits of a fold, "
            "or a folder for each validation fold"
        )
    for path in inner or [folder]:
        paths = outer | (_files(path) if inner else {})
        wanted = ("train", "validation") if inner else ("train",)
        for split in wanted:
            if split not in paths:
                raise DataError(f"{path}: has no {_STEMS[split][0]}.tsv")
        if inner and paths["test"] != outer["test"]:
            raise DataError(f"{paths['test']}: the test split is already in {outer['test']}")
        yield path, paths


def _files(folder: Path) -> dict[str, Path]:
    """Return the split files of one folder."""
    files = {}
    for split, stems in _STEMS.items():
        found = [folder / f"{stem}{ending}" for stem in stems for ending in _ENDINGS]
        existing = [path for path in found if path.is_file()]
        if len(existing) > 1:
            names = f"{existing[0].name} and {existing[1].name}"
            raise DataError(f"{folder}: has {names}; accepted: one of them")
        if existing:
            files[split] = existing[0]
    return files


@dataclass(frozen=True, eq=False)
class FoldRows:
    """The rows of a fold of a file that was split."""

    test_fold: int
    validation_fold: int
    splits: Mapping[str, pd.DataFrame]
    """``train``, ``test`` and optionally ``validation``."""
    notes: tuple[str, ...] = ()
    """Notes on how they were made."""

    def files(self, *, has_ratings: bool) -> Iterator[tuple[str, str]]:
        """Yield relative path and text of each file.

        Raises:
            DataError: a timestamp contains a tab or a line end.
        """
        folder = str(self.test_fold)
        if self.validation_fold == 0:
            yield f"{folder}/test.tsv", _as_tsv(self.splits["test"], has_ratings=has_ratings)
        if "validation" in self.splits:
            folder = f"{folder}/{self.validation_fold}"
            yield f"{folder}/val.tsv", _as_tsv(self.splits["validation"], has_ratings=has_ratings)
        yield f"{folder}/train.tsv", _as_tsv(self.splits["train"], has_ratings=has_ratings)


def _as_tsv(frame: pd.DataFrame, *, has_ratings: bool) -> str:
    """Return lines of user, item, and rating and timestamp if they exist."""
    if "timestamp" in frame:  # ids are checked when they are read
        unfit = frame["timestamp"][frame["timestamp"].astype(str).str.contains(r"[\t\r\n]")]
        if len(unfit):
            raise DataError(f"the timestamp {unfit.iloc[0]!r} contains a tab or a line end")
    columns = [frame[name].astype(str).tolist() for name in ("user_id", "item_id")]
    if has_ratings:  # repr() has the fewest digits that restore the same number
        columns.append([repr(rating) for rating in frame["rating"].tolist()])
    if "timestamp" in frame:
        if not has_ratings:
            columns.append([""] * len(frame))
        columns.append(frame["timestamp"].astype(str).tolist())
    return "".join("\t".join(fields) + "\n" for fields in zip(*columns, strict=True))
