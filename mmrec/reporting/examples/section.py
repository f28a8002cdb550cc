"""The section of the report that shows single users: what they took, and what they were told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrec.reporting import table
from mmrec.reporting.examples.collect import MOST_TAKEN
from mmrec.runs.study import Study


@dataclass(frozen=True)
class Item:
    """An item as it is shown."""

    item_id: str | None
    """None for one that the catalogue lacks."""
    title: str
    """Empty if there is none."""
    picture: int | None
    """Its place among the pictures of the page."""
    score: str = ""
    hit: str = ""
    """``test`` or ``validation``, if the user took the item there and not in training."""

    @property
    def name(self) -> str:
        """The title, else the id."""
        return self.title or self.item_id or "not in the catalogue"


@dataclass(frozen=True)
class Row:
    """Items side by side, under a heading."""

    heading: str
    note: str
    items: Sequence[Item]
    is_list: bool = False
    """Whether they are recommended, so that their order counts."""


def recommendation_section(
    shown: Mapping[str, Any] | None, studies: Sequence[Study]
) -> dict[str, Any] | None:
    """Return users with what they took and what the best trial of each model recommends to them.

    Args:
        shown: what :func:`~mmrec.reporting.examples.collect.read_shown` returns.
        studies: the trials of every model.
    """
    if shown is None:
        return None
    users = [
        {
            "anchor": f"user-{number}",
            "name": user["user_id"],
            "counts": _counts(user["took"]),
            "rows": [
                _history(user["took"]["train"]["items"], shown),
                _held_out(user["took"], shown),
                *_recommended(user, shown, studies),
            ],
        }
        for number, user in enumerate(shown["users"], 1)
    ]
    return {
        "users": users,
        "pictures": shown["pictures"],
        "n_items": shown["items"],
        "are_listed": shown["are_listed"],
        "has_validation": any("validation" in user["took"] for user in shown["users"]),
    }


def _counts(took: Mapping[str, Any]) -> str:
    splits = {"train": "training", "validation": "validation", "test": "test"}
    told = [
        f"{len(took[split]['items']) + took[split]['new']} in {name}"
        for split, name in splits.items()
        if split in took
    ]
    return f"took {', '.join(told)}"


def _history(ids: Sequence[str], shown: Mapping[str, Any]) -> Row:
    items = [_item(shown, item_id) for item_id in ids[:MOST_TAKEN]]
    cut = len(items) < len(ids)
    note = f"the first {len(items)} of {len(ids)}, by id" if cut else ""
    return Row("Took in training", note, items)


def _held_out(took: Mapping[str, Any], shown: Mapping[str, Any]) -> Row:
    """Return what there is to find; what the training split lacks can only be counted."""
    splits = [split for split in ("test", "validation") if split in took]
    ids = [(item_id, split) for split in splits for item_id in took[split]["items"]]
    items = [_item(shown, item_id, hit=split) for item_id, split in ids[:MOST_TAKEN]]
    n_new = sum(took[split]["new"] for split in splits)
    notes = [f"the first {len(items)} of {len(ids)}"] if len(items) < len(ids) else []
    notes += [f"{n_new} more that no model can recommend"] if n_new else []
    return Row("To be found", "; ".join(notes), items)


def _recommended(
    user: Mapping[str, Any], shown: Mapping[str, Any], studies: Sequence[Study]
) -> Iterator[Row]:
    took = user["took"]
    for study in studies:
        name = study.name
        if study.best is None:
            yield Row(name, "No trial finished.", [], is_list=True)
            continue
        listed = study.best.shown.get(user["user_id"])
        if listed is None:
            note = (
                f"The list is missing: {study.best.name} had ended before the experiment asked for "
                "this user. A run of its own has it: mmrec run --fresh"
            )
            yield Row(name, note, [], is_list=True)
            continue
        items = [
            _item(shown, item_id, table.cell(score).text, _hit(item_id, took))
            for item_id, score in listed[: shown["items"]]
        ]
        yield Row(name, _found(items, took["test"]), items, is_list=True)


def _hit(item_id: str | None, took: Mapping[str, Any]) -> str:
    splits = (split for split in ("test", "validation") if split in took)
    return next((split for split in splits if item_id in took[split]["items"]), "")


def _found(items: Sequence[Item], test: Mapping[str, Any]) -> str:
    n_hits = sum(item.hit == "test" for item in items)
    n_test = len(test["items"]) + test["new"]
    return (
        f"{n_hits} of {n_test} test item{'' if n_test == 1 else 's'} among the first {len(items)}"
    )


def _item(shown: Mapping[str, Any], item_id: str | None, score: str = "", hit: str = "") -> Item:
    title = shown["titles"].get(item_id, "")
    return Item(item_id, title, shown["picture_of"].get(item_id), score, hit)
