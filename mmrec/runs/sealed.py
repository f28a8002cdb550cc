"""JSON objects that carry their own digest, so that damage is noticed when they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrec.errors import DataError
from mmrec.files import parse_json, read_bytes, sha256, write_atomically

KEY = "digest"
"""The last key of a sealed object: the SHA-256 of the object without it, as JSON."""


class SealError(ValueError):
    """An object is not what was written."""


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts with their digest."""
    return {**facts, KEY: _digest(facts)}


def write_sealed(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the facts with their digest as a file that people read, too.

    Raises:
        WriteError: it cannot be written.
    """
    write_atomically(path, json.dumps(sealed(facts), indent=2) + "\n")


def unsealed(content: object, *, required: bool = True) -> dict[str, Any]:
    """Return the facts of a sealed object.

    Args:
        content: read from JSON.
        required: False also accepts an object without a digest, as earlier versions wrote it.

    Raises:
        SealError: it is no object, it has no digest, or its content does not have this digest.
    """
    if not isinstance(content, Mapping):
        raise SealError(f"expected a JSON object, found {type(content).__name__}")
    facts = {key: value for key, value in content.items() if key != KEY}
    if KEY not in content:
        if required:
            raise SealError("it has no digest")
    elif content[KEY] != _digest(facts):
        raise SealError("its content does not have its digest")
    return facts


def _digest(facts: Mapping[str, Any]) -> str:
    try:
        return sha256(json.dumps(facts).encode("ascii"))
    except RecursionError:  # json writes a little less deeply than it reads
        raise SealError("lists and objects are nested too deeply") from None


@dataclass(frozen=True)
class Line:
    """A line of a file of sealed objects."""

    number: int
    """From 1."""
    text: bytes
    facts: dict[str, Any] | None
    """None if the line is damaged."""
    problem: str = ""
    is_json: bool = True
    """False for the part of a line that a killed process may leave."""


def sealed_line(facts: Mapping[str, Any]) -> str:
    """Return one line of JSON, the facts with their digest."""
    return json.dumps(sealed(facts), ensure_ascii=False)


def read_sealed(path: Path, *, required: bool = True) -> list[Line]:
    """Return all lines of a file of sealed objects; none without a file.

    Args:
        path: of the file.
        required: see :func:`unsealed`.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        texts = read_bytes(path).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return [_line(n, text, required=required) for n, text in enumerate(texts, 1) if text]


def _line(number: int, text: bytes, *, required: bool) -> Line:
    try:
        return Line(number, text, unsealed(parse_json(text), required=required))
    except SealError as error:
        return Line(number, text, None, str(error))
    except ValueError:
        return Line(number, text, None, "it is not whole", is_json=False)
