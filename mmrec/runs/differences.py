"""Comparing plain data key by key, as manifests hold it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

ABSENT = object()
"""Stands where one side has no such key."""


def changes(one: object, other: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield ``(key, value, other value)`` for every leaf that differs; NaN equals NaN.

    Keys of nested mappings are joined by dots; lists are leaves.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys([*one, *other]):
            inner = f"{key}.{name}" if key else str(name)
            yield from changes(one.get(name, ABSENT), other.get(name, ABSENT), inner)
    elif not equal(one, other):
        yield key, one, other


def equal(one: object, other: object) -> bool:
    """Say whether two values are written alike; 1, 1.0 and true are not."""
    return one is other or (ABSENT not in (one, other) and _written(one) == _written(other))


def shown(value: object) -> str:
    """Write a value for a reader; long digests are cut."""
    if value is ABSENT:
        return "(absent)"
    if isinstance(value, str):
        is_digest = len(value) >= 40 and all(c in "0123456789abcdef" for c in value)
        return value[:12] if is_digest else value
    return _written(value)


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
