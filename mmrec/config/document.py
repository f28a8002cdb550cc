"""A configuration as plain values, with the line of each key and the problems found in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and list indices that lead to a value."""


@dataclass(frozen=True)
class Problem:
    """One fault of a document."""

    path: KeyPath
    message: str
    line: int | None

    @property
    def key(self) -> str:
        """The path as text, such as ``experiment.evaluation.cutoffs[1]``."""
        written = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path
        )
        return written.removeprefix(".")


@dataclass(frozen=True)
class Document:
    """The content of a file and the lines of its keys."""

    data: Any
    """Plain Python: dict, list, str, int, float, bool and None (from a dict also tuple)."""
    source: str
    """The name of the file, for messages."""
    lines: Mapping[KeyPath, int]
    """Line, from 1, of every key and list entry; empty for a dict."""
    problems: tuple[Problem, ...] = ()
    """Faults of the YAML that do not prevent reading the rest, such as a duplicate key."""
    options: tuple[str, ...] = ()
    """The options of the command line that changed the content, in order."""
    places: Mapping[KeyPath, str] = field(default_factory=dict)
    """The option that a value comes from."""

    @property
    def experiment(self) -> Mapping[str, Any]:
        """What is written below the key ``experiment``; empty if that is no mapping."""
        written = self.data.get("experiment") if isinstance(self.data, Mapping) else None
        return written if isinstance(written, Mapping) else {}

    @classmethod
    def from_dict(cls, data: Mapping[Any, Any]) -> Document:
        """Wrap an experiment written in Python; numpy values and paths become plain ones."""
        return cls(_plain(data), "<dict>", {})

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """Return the line of ``path``, else of its nearest known ancestor, else None."""
        keys = tuple(path)
        ancestors = (keys[:length] for length in range(len(keys), -1, -1))
        return next((self.lines[key] for key in ancestors if key in self.lines), None)

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """Return a problem of the value at ``path``."""
        return Problem(tuple(path), message, self.line_of(path))

    def describe(self, problem: Problem) -> str:
        """Return the file, the line, the key and the message of a problem.

        For a value of the command line, the option takes the place of file and line.
        """
        ancestors = (problem.path[:length] for length in range(len(problem.path), -1, -1))
        nearest = next(
            (path for path in ancestors if path in self.lines or path in self.places), ()
        )
        if nearest in self.places:
            return f"{self.places[nearest]}: {problem.key}: {problem.message}"
        line = "" if problem.line is None else f":{problem.line}"
        key = f"{problem.key}: " if problem.path else ""
        return f"{self.source}{line}: {key}{problem.message}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # numpy's scalars and arrays; np.logspace(...) is a natural search dimension in a notebook.
    return value.tolist() if hasattr(value, "tolist") else value
