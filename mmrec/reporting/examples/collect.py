"""Collects the example users of a report at the end of a run.

Their recommendation lists are in the trial records. All else that the section needs, titles and
thumbnails included, is written to ``examples.json``, so that the report can be rebuilt without
data and pictures.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmrec.config import Experiment, Loaded, Problems, path_problem
from mmrec.data import COLD, Dataset, find_pictures, read_titles
from mmrec.errors import DataError, listing
from mmrec.files import parse_json, read_bytes, write_atomically
from mmrec.installation import install_hint
from mmrec.reporting.examples.thumbnails import Thumbnail, thumbnail
from mmrec.runs.example_users import check_example_users, example_users, held_out_ids, items_of
from mmrec.runs.names import EXAMPLES
from mmrec.runs.study import Study

logger = logging.getLogger(__name__)

MAX_HISTORY = 10
"""Items of a split that the report shows for a user."""
_MAX_TITLE = 160
_REPORT = ("experiment", "report")


@dataclass(frozen=True, eq=False)
class ItemInfo:
    """Titles and pictures of items, by id."""

    titles: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, Path] = field(default_factory=dict)


def find_item_info(loaded: Loaded) -> ItemInfo:
    """Read the titles and find the pictures of an experiment.

    Problems are added to those of its file, and not raised.
    """
    report = None if loaded.experiment is None else loaded.experiment.report
    if report is None:
        return ItemInfo()
    titles: Mapping[str, str] = {}
    pictures: Mapping[str, Path] = {}
    try:
        if report.titles is not None:
            _check_path(report.titles, wants_file=True)
            titles = read_titles(report.titles)
    except DataError as error:
        loaded.problems.add((*_REPORT, "titles"), str(error))
    try:
        if report.pictures is not None:
            _check_path(report.pictures)
            pictures = find_pictures(report.pictures)
            if find_spec("PIL") is None:
                raise DataError(f"pictures need the package pillow: {install_hint('report')}")
    except DataError as error:
        loaded.problems.add((*_REPORT, "pictures"), str(error))
    return ItemInfo(titles, pictures)


def _check_path(path: Path, *, wants_file: bool = False) -> None:
    problem = path_problem(path, wants_file=wants_file)
    if problem is not None:
        raise DataError(problem)


def check_examples(
    experiment: Experiment, dataset: Dataset, info: ItemInfo, problems: Problems
) -> None:
    """Refuse an experiment whose report names users, titles or pictures of other data.

    Raises:
        ConfigError: a user does not exist, or no item of the data has a title, or a picture.
    """
    kinds: dict[str, Mapping[str, object]] = {"titles": info.titles, "pictures": info.pictures}
    for key, known in kinds.items():
        if known and not any(item_id in dataset.items for item_id in known):
            problems.add(
                (*_REPORT, key),
                f"none of its {len(known):,} items is in the data; it contains "
                f"{listing(known, 3)}, the data contain {listing(dataset.items.ids, 3)}",
            )
    check_example_users(experiment, dataset, problems)


def write_examples(
    folder: Path,
    experiment: Experiment,
    dataset: Dataset,
    studies: Sequence[Study],
    info: ItemInfo,
) -> list[str]:
    """Write the example users of an experiment that has the key ``report``.

    Args:
        folder: of the run.
        experiment: its settings.
        dataset: of the first fold.
        studies: the trials of every model.
        info: titles and pictures of items.

    Returns:
        A note for the user if pictures cannot be read.

    Raises:
        DataError: the file cannot be written.
    """
    if experiment.report is None:
        return []
    threshold = experiment.evaluation.relevance_threshold
    numbers = example_users(experiment, dataset)
    users = [_user(dataset, number, threshold) for number in numbers]
    items = list(dict.fromkeys(_items(users, studies, experiment.report.items)))
    picture_of, pictures, broken = _thumbnails(items, info.pictures)
    content = {
        "schema_version": 1,
        "users": users,
        "are_listed": not isinstance(experiment.report.users, int),
        "items": experiment.report.items,
        "titles": {i: _shortened(info.titles[i]) for i in items if info.titles.get(i)},
        "picture_of": picture_of,
        "pictures": pictures,
    }
    write_atomically(folder / EXAMPLES, json.dumps(content, ensure_ascii=False) + "\n")
    if not broken:
        return []
    what = "a picture" if len(broken) == 1 else f"{len(broken)} pictures"
    note = f"{what} of the report cannot be read: {listing(broken, 3)}"
    logger.warning("%s", note)
    return [note]


def read_examples(folder: Path, experiment: Experiment) -> Mapping[str, Any] | None:
    """Return what :func:`write_examples` wrote; None without the key ``report``.

    Raises:
        DataError: the file is missing or damaged.
    """
    if experiment.report is None:
        return None
    try:
        examples: Mapping[str, Any] = parse_json(read_bytes(folder / EXAMPLES))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder}: the run is damaged: {EXAMPLES} cannot be read: {error}"
        ) from error
    return examples


def _user(dataset: Dataset, user: int, threshold: float) -> dict[str, Any]:
    """Return a user's items by split: their ids, and the number of items not in training.

    Items that are not in the training split cannot be recommended.
    """
    train = [dataset.items.id_of(item) for item in items_of(dataset.train, user)]
    splits = {"train": train, **held_out_ids(dataset, user, threshold)}
    n_new = {
        name: items_of(split, user, threshold).count(COLD)
        for name, split in dataset.held_out.items()
    }
    return {
        "user_id": dataset.users.id_of(user),
        "history": {
            name: {"items": list(ids), "new": n_new.get(name, 0)} for name, ids in splits.items()
        },
    }


def _items(
    users: Sequence[Mapping[str, Any]], studies: Sequence[Study], n_items: int
) -> Iterable[str]:
    """Yield the ids of all items of the section."""
    for user in users:
        for split in user["history"].values():
            yield from split["items"][:MAX_HISTORY]
        for study in studies:
            listed = study.best.example_lists.get(user["user_id"], ()) if study.best else ()
            yield from (item_id for item_id, _ in listed[:n_items] if item_id is not None)


def _thumbnails(
    items: Sequence[str], files: Mapping[str, Path]
) -> tuple[dict[str, int], list[Thumbnail], list[str]]:
    """Return the index of each item's thumbnail, the thumbnails, and errors of broken pictures."""
    places: dict[Path, int] = {}
    made: list[Thumbnail] = []
    broken = []
    for file in dict.fromkeys(files[item_id] for item_id in items if item_id in files):
        try:
            made.append(thumbnail(file))
        except DataError as error:
            broken.append(str(error))
        else:
            places[file] = len(made) - 1
    return {i: places[files[i]] for i in items if files.get(i) in places}, made, broken


def _shortened(title: str) -> str:
    return title if len(title) <= _MAX_TITLE else f"{title[: _MAX_TITLE - 1].rstrip()}…"
