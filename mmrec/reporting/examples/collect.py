"""What the report shows of single users: collected at the end of a run, and kept in its folder.

The lists stand in the records of the trials. All else that the section needs, titles and
thumbnails too, is written to ``recommendations.json``, so that the page can be made again when
data and pictures have gone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmrec.config import Experiment, Loaded, Problems
from mmrec.data import COLD, Dataset, find_pictures, read_titles
from mmrec.errors import DataError, listing
from mmrec.files import write_atomically
from mmrec.planning.inputs import path_problem
from mmrec.reporting.examples.thumbnails import Thumbnail, thumbnail
from mmrec.runs.example_users import check_shown, held_out_ids, items_of, shown_users
from mmrec.runs.study import Study
from mmrec.text import install_hint

logger = logging.getLogger(__name__)

FILE = "recommendations.json"
MOST_TAKEN = 10
"""Items that are shown of what a user took in a split."""
_LONGEST_TITLE = 160
_REPORT = ("experiment", "report")


@dataclass(frozen=True, eq=False)
class Labels:
    """Titles and pictures of items, by their ids."""

    titles: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, Path] = field(default_factory=dict)


def find_labels(loaded: Loaded) -> Labels:
    """Read the titles and find the pictures that an experiment names.

    What is wrong with them is added to the problems of its file, and not raised.
    """
    report = None if loaded.experiment is None else loaded.experiment.report
    if report is None:
        return Labels()
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
    return Labels(titles, pictures)


def _check_path(path: Path, *, wants_file: bool = False) -> None:
    problem = path_problem(path, wants_file=wants_file)
    if problem is not None:
        raise DataError(problem)


def check_labels(
    experiment: Experiment, dataset: Dataset, labels: Labels, problems: Problems
) -> None:
    """Refuse an experiment whose report names users, titles or pictures of other data.

    Raises:
        ConfigError: a user is not there, or no item of the data has a title, or a picture.
    """
    kinds: dict[str, Mapping[str, object]] = {"titles": labels.titles, "pictures": labels.pictures}
    for key, known in kinds.items():
        if known and not any(item_id in dataset.items for item_id in known):
            problems.add(
                (*_REPORT, key),
                f"none of its {len(known):,} items is in the data; it has {listing(known, 3)}, "
                f"the data have {listing(dataset.items.ids, 3)}",
            )
    check_shown(experiment, dataset, problems)


def write_shown(
    folder: Path,
    experiment: Experiment,
    dataset: Dataset,
    studies: Sequence[Study],
    labels: Labels,
) -> list[str]:
    """Write what the report shows of single users into the folder of a run, if it is asked for.

    Args:
        folder: of the run.
        experiment: says which users are shown.
        dataset: of the first fold.
        studies: the trials of every model.
        labels: what :func:`find_labels` has found.

    Returns:
        A note for the user, if there are pictures that cannot be read.

    Raises:
        DataError: the file cannot be written.
    """
    if experiment.report is None:
        return []
    threshold = experiment.evaluation.relevance_threshold
    numbers = shown_users(experiment, dataset)
    users = [_user(dataset, number, threshold) for number in numbers]
    items = list(dict.fromkeys(_items(users, studies, experiment.report.items)))
    picture_of, pictures, broken = _thumbnails(items, labels.pictures)
    content = {
        "schema_version": 1,
        "users": users,
        "are_listed": not isinstance(experiment.report.users, int),
        "items": experiment.report.items,
        "titles": {i: _shortened(labels.titles[i]) for i in items if labels.titles.get(i)},
        "picture_of": picture_of,
        "pictures": pictures,
    }
    write_atomically(folder / FILE, json.dumps(content, ensure_ascii=False) + "\n")
    if not broken:
        return []
    what = "a picture" if len(broken) == 1 else f"{len(broken)} pictures"
    note = f"the report lacks {what} that cannot be read: {listing(broken, 3)}"
    logger.warning("%s", note)
    return [note]


def read_shown(folder: Path, experiment: Experiment) -> Mapping[str, Any] | None:
    """Return what :func:`write_shown` has written; None if the experiment does not ask for it.

    Raises:
        DataError: the file is missing or damaged.
    """
    if experiment.report is None:
        return None
    try:
        shown: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: the run is damaged: {FILE} cannot be read: {error}") from error
    return shown


def _user(dataset: Dataset, user: int, threshold: float) -> dict[str, Any]:
    """Describe a user by the items of each split: the first by id, how many, how many of them new.

    New is what the training split lacks; nothing can recommend it.
    """
    train = [dataset.items.id_of(item) for item in items_of(dataset.train, user)]
    splits = {"train": train, **held_out_ids(dataset, user, threshold)}
    new = {
        name: items_of(split, user, threshold).count(COLD)
        for name, split in dataset.held_out.items()
    }
    return {
        "user_id": dataset.users.id_of(user),
        "took": {
            name: {"items": list(ids), "new": new.get(name, 0)} for name, ids in splits.items()
        },
    }


def _items(
    users: Sequence[Mapping[str, Any]], studies: Sequence[Study], n_items: int
) -> Iterable[str]:
    """Yield the ids of all items that are shown."""
    for user in users:
        for taken in user["took"].values():
            yield from taken["items"][:MOST_TAKEN]  # the report shows no more of them
        for study in studies:
            listed = study.best.shown.get(user["user_id"], ()) if study.best else ()
            yield from (item_id for item_id, _ in listed[:n_items] if item_id is not None)


def _thumbnails(
    items: Sequence[str], files: Mapping[str, Path]
) -> tuple[dict[str, int], list[Thumbnail], list[str]]:
    """Return the place of each item's thumbnail, the thumbnails, and what is wrong with others."""
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
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1].rstrip()}…"
