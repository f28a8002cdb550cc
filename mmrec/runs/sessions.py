"""The sessions of a resumed run, and what changed between them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec.files import append_line
from mmrec.runs.differences import Change, as_text, changes
from mmrec.runs.environment import is_of_commit
from mmrec.runs.manifest import Origin
from mmrec.runs.sealed import read_sealed, sealed_line

_FILE = "sessions.jsonl"


def begin_session(folder: Path, origin: Origin) -> tuple[list[dict[str, Any]], list[str]]:
    """Record the start and the environment of this session in the folder of a run.

    Returns:
        The earlier sessions, each with its start and how it ``differs`` from this one; and a
        warning for each that does or whose record is damaged.

    Raises:
        DataError: the record cannot be written.
    """
    sessions, warnings = [], []
    for record in read_sealed(folder / _FILE):
        earlier, problem = record.facts, record.problem
        if earlier is not None and not isinstance(earlier.get("started"), str):
            earlier, problem = None, "it is not that of a session"
        if earlier is None:
            warnings.append(
                f"{folder / _FILE}: line {record.number} is damaged ({problem}), so the "
                "environment of an earlier session is not known"
            )
            continue
        differing = _differing(earlier, origin.environment)
        values = {x.key: [_plain(x.one), _plain(x.other)] for x in differing}
        sessions.append({"started": earlier["started"], "differs": values})
        if differing:
            warnings.append(
                f"trials of the session of {earlier['started']} ran in another environment, so "
                f"their bits may differ: {'; '.join(map(str, differing))}"
            )
    line = {"started": origin.started} | origin.environment
    append_line(folder / _FILE, sealed_line(line))
    return sessions, warnings


def _differing(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    then = {key: value for key, value in earlier.items() if key != "started"}
    return [x for x in changes(then, now) if not is_of_commit(x)]


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else as_text(value)
