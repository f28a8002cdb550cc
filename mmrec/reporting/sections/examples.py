"""Example users: their history, held-out items and the recommendations of each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrec.reporting.examples.collect import MAX_HISTORY
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import number_format
from mmrec.runs.study import Study
from mmrec.text import counted

_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True)
class Item:
    """An item of a list."""

    item_id: str | None
    """None for an item that is not in the data."""
    title: str
    """Empty if it has none."""
    picture: int | None
    """Its index among the pictures of the page."""
    score: str = ""
    hit: str = ""
    """``test`` or ``validation``, if the user has the item there and not in training."""

    @property
    def name(self) -> str:
        """The title, else the id."""
        return self.title or self.item_id or "not in the data"


@dataclass(frozen=True)
class ItemRow:
    """A list of items under a heading."""

    heading: str
    note: str
    items: Sequence[Item]
    is_ranked: bool = False


@dataclass(frozen=True)
class User:
    """A user with the lists of the section."""

    name: str
    counts: str
    rows: Sequence[ItemRow]


@dataclass(frozen=True)
class Examples:
    """What the template shows."""

    users: Sequence[User]
    pictures: Sequence[Mapping[str, Any]]
    n_items: int
    are_listed: bool
    """Whether the experiment lists the ids of the users."""
    has_validation: bool


@section("examples", order=80)
def examples(data: ReportData) -> Iterator[Section]:
    """Make the example users; no section without the key ``report``."""
    kept = data.examples
    if kept is None:
        return
    content = Examples(
        users=[_user(user, kept, data.studies) for user in kept["users"]],
        pictures=kept["pictures"],
        n_items=kept["items"],
        are_listed=kept["are_listed"],
        has_validation=any("validation" in user["history"] for user in kept["users"]),
    )
    yield Section(
        "Recommendations", "recommendations", template="examples.html.j2", content=content
    )


def _user(user: Mapping[str, Any], kept: Mapping[str, Any], studies: Sequence[Study]) -> User:
    history = user["history"]
    counts = [
        f"{len(history[split]['items']) + history[split]['new']} in {name}"
        for split, name in _SPLITS.items()
        if split in history
    ]
    recommended = (_recommended(study, user, kept) for study in studies)
    rows = [_training(history["train"]["items"], kept), _held_out(history, kept), *recommended]
    return User(user["user_id"], f"items: {', '.join(counts)}", rows)


def _training(ids: Sequence[str], kept: Mapping[str, Any]) -> ItemRow:
    items = [_item(kept, item_id) for item_id in ids[:MAX_HISTORY]]
    note = f"the first {len(items)} of {len(ids)} by id" if len(items) < len(ids) else ""
    return ItemRow("Training items", note, items)


def _held_out(history: Mapping[str, Any], kept: Mapping[str, Any]) -> ItemRow:
    splits = [split for split in ("test", "validation") if split in history]
    ids = [(item_id, split) for split in splits for item_id in history[split]["items"]]
    items = [_item(kept, item_id, hit=split) for item_id, split in ids[:MAX_HISTORY]]
    n_new = sum(history[split]["new"] for split in splits)
    notes = [f"the first {len(items)} of {len(ids)}"] if len(items) < len(ids) else []
    notes += [f"{n_new} more that are not in training and cannot be recommended"] if n_new else []
    return ItemRow("Held-out items", "; ".join(notes), items)


def _recommended(study: Study, user: Mapping[str, Any], kept: Mapping[str, Any]) -> ItemRow:
    if study.best is None:
        return ItemRow(study.name, "No trial finished.", [], is_ranked=True)
    listed = study.best.example_lists.get(user["user_id"])
    if listed is None:
        note = (
            f"The list is missing: {study.best.name} ended before this user was added to the "
            "experiment. A new run has it: mmrec run --fresh"
        )
        return ItemRow(study.name, note, [], is_ranked=True)
    history = user["history"]
    listed = listed[: kept["items"]]
    text = number_format([score for _, score in listed])
    items = [_item(kept, x, text(score).text, _hit(x, history)) for x, score in listed]
    n_hits = sum(item.hit == "test" for item in items)
    n_test = len(history["test"]["items"]) + history["test"]["new"]
    single = "; the first trial of the best point" if study.is_repeated else ""
    note = f"{n_hits} of {counted(n_test, 'test item')} among the first {len(items)}{single}"
    return ItemRow(study.name, note, items, is_ranked=True)


def _hit(item_id: str | None, history: Mapping[str, Any]) -> str:
    splits = (split for split in ("test", "validation") if split in history)
    return next((split for split in splits if item_id in history[split]["items"]), "")


def _item(kept: Mapping[str, Any], item_id: str | None, score: str = "", hit: str = "") -> Item:
    title = kept["titles"].get(item_id, "")
    return Item(item_id, title, kept["picture_of"].get(item_id), score, hit)
