"""Comparison of plain data, as manifests contain it, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

ABSENT = object()
"""The value of a key that one of the two sides does not have."""


class Change(NamedTuple):
    """A value that differs between two sides."""

    key: str
    """The keys that lead to the value, joined by dots."""
    one: object
    other: object

    def __str__(self) -> str:
        return f"{self.key}: {as_text(self.one)} -> {as_text(self.other)}"


def changes(one: object, other: object, key: str = "") -> Iterator[Change]:
    """Yield every leaf that differs; NaN equals NaN.

    Keys of nested mappings are joined by dots; lists are leaves.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys([*one, *other]):
            inner = f"{key}.{name}" if key else str(name)
            yield from changes(one.get(name, ABSENT), other.get(name, ABSENT), inner)
    elif not equal(one, other):
        yield Change(key, one, other)


def equal(one: object, other: object) -> bool:
    """Return whether two values are equal as JSON; 1, 1.0 and true are different."""
    return one is other or (ABSENT not in (one, other) and _as_json(one) == _as_json(other))


def as_text(value: object) -> str:
    """Return a value for a reader; long digests are shortened."""
    if value is ABSENT:
        return "(absent)"
    if isinstance(value, str):
        is_digest = len(value) >= 40 and all(c in "0123456789abcdef" for c in value)
        return value[:12] if is_digest else value
    return _as_json(value)


def _as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
