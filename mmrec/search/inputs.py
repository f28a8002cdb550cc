"""The files an experiment reads: finding them, naming what is missing, loading the data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import cast

from mmrec.config import DataConfig, Experiment, Problems, SideInformation
from mmrec.data import Dataset, align, read_split
from mmrec.errors import DataError, listing, nearest
from mmrec.features import LOADERS, MISSING, Loader, Missing, absent_items, load_features
from mmrec.models import DataShape

_DATA = ("experiment", "data_config")


def check_splits(experiment: Experiment, problems: Problems) -> None:
    """Add a problem for each split file that is not there, and for a validation that has to be."""
    data = experiment.data_config
    if experiment.evaluation.require_validation and data.validation_path is None:
        problems.add(
            ("experiment", "evaluation", "require_validation"),
            "data_config has no validation_path, so epochs and trials would be selected on test",
        )
    for key in ("train_path", "validation_path", "test_path"):
        path: Path | None = getattr(data, key)
        if path is not None and not path.is_file():
            problems.add((*_DATA, key), missing_path(path))


def plan_loaders(data: DataConfig, problems: Problems) -> tuple[Loader, ...]:
    """Return the loaders of ``side_information``; what is wrong with an entry is a problem."""
    loaders = []
    cache_dir = feature_cache()
    for place, entry in enumerate(data.side_information):
        path = (*_DATA, "side_information", place)
        if entry.dataloader not in LOADERS:
            problems.add(
                (*path, "dataloader"),
                f"unknown loader {entry.dataloader!r}{nearest(entry.dataloader, LOADERS)}; "
                f"known: {listing(LOADERS, 20)}",
            )
            continue
        features = _loader_path(entry, path, problems)
        missing = _missing_policy(entry, path, problems)
        if features is not None and missing is not None:
            loader = LOADERS[entry.dataloader]
            loaders.append(loader(features, missing=missing, cache_dir=cache_dir))
    return tuple(loaders)


def feature_cache() -> Path | None:
    """Return the folder that packed features are kept in, made or not; None without a home."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # unset, or to be ignored as the XDG specification demands
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "mmrec"


def _loader_path(
    entry: SideInformation, path: tuple[str | int, ...], problems: Problems
) -> Path | None:
    wanted = LOADERS[entry.dataloader].path_key
    known = (wanted, "missing")
    for option in entry.options:
        if option not in known:
            problems.add(
                (*path, option),
                f"unknown key{nearest(option, known)}; {entry.dataloader} accepts: "
                f"{listing(known)}",
            )
    value = entry.options.get(wanted)
    if value is None:
        problems.add(path, f"{entry.dataloader} needs the key {wanted!r}, the path of its features")
    elif not isinstance(value, Path):
        problems.add((*path, wanted), f"found {value!r}; accepted: a path")
    elif not value.exists():
        problems.add((*path, wanted), missing_path(value))
    else:
        return value
    return None


def _missing_policy(
    entry: SideInformation, path: tuple[str | int, ...], problems: Problems
) -> Missing | None:
    value = entry.options.get("missing", "drop")
    # The configuration takes every text of an entry for a path.
    word = value.name if isinstance(value, Path) else value
    if word in MISSING:
        return cast("Missing", word)
    hint = nearest(word, MISSING) if isinstance(word, str) else ""
    problems.add(
        (*path, "missing"), f"found {word!r}{hint}; accepted: {listing(MISSING, len(MISSING))}"
    )
    return None


def missing_path(path: Path) -> str:
    """Say that a path is missing, how far it exists, and which name there is like it."""
    if path.exists():
        return f"{path} is not a file"
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    missing = path.relative_to(folder).parts[0]
    there = sorted(entry.name for entry in folder.iterdir())
    return f"no such path: {path}: {folder} has no {missing!r}{nearest(missing, there)}"


def load_dataset(experiment: Experiment, loaders: tuple[Loader, ...]) -> Dataset:
    """Read the splits and the features, and bring them together.

    Raises:
        DataError: a file is malformed, or the splits and the features share nothing.
    """
    dataset = load_splits(experiment, loaders)
    features = load_features(loaders, dataset.items.ids)
    return replace(dataset, features=MappingProxyType(dict(features)))


def load_splits(experiment: Experiment, loaders: tuple[Loader, ...]) -> Dataset:
    """Read the splits, bring them together with the items that have features, and read no vector.

    Raises:
        DataError: a split is malformed, or the splits and the features share nothing.
    """
    data = experiment.data_config
    tables = {"train": read_split(data.train_path), "test": read_split(data.test_path)}
    if data.validation_path is not None:
        tables["validation"] = read_split(data.validation_path)
    known_items = {loader.name: loader.items() for loader in loaders if loader.missing == "drop"}
    aligned = align(tables, known_items, binarize=experiment.binarize)
    items = aligned.items.ids
    filled = {loader.name: absent_items(loader, items) for loader in loaders}
    return Dataset(
        name=experiment.dataset,
        users=aligned.users,
        items=aligned.items,
        train=aligned.splits["train"],
        validation=aligned.splits.get("validation"),
        test=aligned.splits["test"],
        report=replace(aligned.report, filled_items=filled),
    )


def measure_data(experiment: Experiment, loaders: tuple[Loader, ...]) -> DataShape:
    """Read the splits and one vector of each loader, and return the sizes of the data set.

    Raises:
        DataError: a file is malformed, or the splits and the features share nothing.
    """
    dataset = load_splits(experiment, loaders)
    return DataShape.of(
        dataset, {loader.name: _width(loader, dataset.items.ids) for loader in loaders}
    )


def _width(loader: Loader, item_ids: Sequence[str]) -> int:
    known = loader.items()
    with_vector = next((item_id for item_id in item_ids if item_id in known), None)
    if with_vector is None:
        raise DataError(f"{loader.path}: {loader.name} has no vector of any item of the splits")
    vector = load_features([loader], [with_vector])[loader.name]
    return int(vector.shape[1])
