"""LATTICE's interactions: a JSON mapping from each user to a list of items."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmrec.data.reading.columns import IDS, role_of
from mmrec.data.reading.text import read_text
from mmrec.errors import DataError, listing

_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test"))


def read_user_lists(path: Path) -> pd.DataFrame:
    """Read the items of every user; a user may have none.

    Returns:
        ``user_id``, ``item_id`` (categorical of str) and ``rating`` (1), including duplicate rows.

    Raises:
        DataError: the file is damaged, has another form, or contains no item; the message contains
            the line or the user.
    """
    users: list[str] = []
    items: list[str] = []
    lists = _parse(path)
    _refuse_other_keys(path, lists)
    for user, listed in lists.items():
        if not isinstance(listed, list):
            raise DataError(
                f"{path}: expected a list of items for the user {user!r}, found {listed!r:.80}"
            )
        items.extend(_item_id(path, user, item) for item in listed)
        users.extend([user] * len(listed))
    if not users:
        raise DataError(f"{path}: the file is empty; expected {{user: [item, ...], ...}}")
    for text in {*users, *items}:
        _check_id(path, text)
    frame = pd.DataFrame({"user_id": users, "item_id": items}, dtype="category")
    return frame.assign(rating=1.0)


def _parse(path: Path) -> Mapping[str, Any]:
    text = read_text(path)
    try:
        value = json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{error.lineno}: not JSON: {error.msg} in column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise DataError(f"{path}: expected {{user: [item, ...], ...}}, found {value!r:.80}")
    return value


def _refuse_other_keys(path: Path, keys: Collection[str]) -> None:
    """Refuse keys that are the names of columns or of splits, not users."""
    what = None
    if set(IDS) <= set(map(role_of, keys)):
        what = "columns of a table"
    elif len(keys) > 1 and {key.casefold() for key in keys} <= _SPLITS:
        what = "splits"
    if what is not None:
        raise DataError(
            f"{path}: expected {{user: [item, ...], ...}}, found {what}: {listing(keys)}"
        )


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the user {key!r:.80} is a duplicate key")
        found[key] = value
    return found


def _item_id(path: Path, user: str, item: object) -> str:
    if isinstance(item, bool) or not isinstance(item, int | str):
        raise DataError(
            f"{path}: expected a whole number or text as an item of the user {user!r:.80}, found "
            f"{item!r:.80}"
        )
    try:
        return str(item)
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{path}: an item of the user {user!r:.80}: {error}") from error


def _check_id(path: Path, text: str) -> None:
    if not text.strip():
        raise DataError(f"{path}: a user or an item is empty")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError(f"{path}: the id {text!r:.80} is not valid text")
