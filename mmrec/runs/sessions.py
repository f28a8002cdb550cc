"""The sessions of a resumed run, and what changed between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec.files import append_line, read_json_lines
from mmrec.runs.differences import Change, as_text, changes
from mmrec.runs.manifest import Origin

_FILE = "sessions.jsonl"
_HARMLESS = "code.git."
"""The commit does not count: the digests of the code show whether it changed."""


def begin_session(folder: Path, origin: Origin) -> tuple[list[dict[str, Any]], list[str]]:
    """Record the start and the environment of this session in the folder of a run.

    Returns:
        The earlier sessions, each with its start and how it ``differs`` from this one; and a
        warning for each that does.

    Raises:
        DataError: the record cannot be written.
    """
    sessions, warnings = [], []
    for earlier in read_json_lines(folder / _FILE):
        differing = _differing(earlier, origin.environment)
        values = {x.key: [_plain(x.one), _plain(x.other)] for x in differing}
        sessions.append({"started": earlier["started"], "differs": values})
        if differing:
            warnings.append(
                f"trials of the session of {earlier['started']} ran in another environment, so "
                f"their bits may differ: {'; '.join(map(str, differing))}"
            )
    line = {"started": origin.started} | origin.environment
    append_line(folder / _FILE, json.dumps(line, ensure_ascii=False))
    return sessions, warnings


def _differing(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    then = {key: value for key, value in earlier.items() if key != "started"}
    return [x for x in changes(then, now) if not f"{x.key}.".startswith(_HARMLESS)]


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else as_text(value)
