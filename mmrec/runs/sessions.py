"""The sessions of a run that was gone on with, and what was different between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec.files import append_line, read_json_lines
from mmrec.runs.differences import changes, shown
from mmrec.runs.manifest import Origin

_FILE = "sessions.jsonl"
_HARMLESS = "code.git"
"""The commit says what the code was; whether it was another, its digests say."""


def begin_session(folder: Path, origin: Origin) -> tuple[list[dict[str, Any]], list[str]]:
    """Note in a run's folder what this session is run in.

    Returns:
        The earlier sessions, each with its start and how it ``differs`` from this one; and a note
        for the user on each that does.

    Raises:
        DataError: the note cannot be written.
    """
    sessions, notes = [], []
    for earlier in read_json_lines(folder / _FILE):
        differing = _differing(earlier, origin.surroundings)
        sessions.append({"started": earlier["started"], "differs": differing})
        if differing:
            told = "; ".join(
                f"{key}: {shown(a)} -> {shown(b)}" for key, (a, b) in differing.items()
            )
            notes.append(
                f"trials of the session of {earlier['started']} ran under other conditions, so "
                f"their bits may differ: {told}"
            )
    line = {"started": origin.started} | origin.surroundings
    append_line(folder / _FILE, json.dumps(line, ensure_ascii=False))
    return sessions, notes


def _differing(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    then = {key: value for key, value in earlier.items() if key != "started"}
    return {
        key: [_plain(a), _plain(b)]
        for key, a, b in changes(then, now)
        if not key.startswith(_HARMLESS)
    }


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else shown(value)
