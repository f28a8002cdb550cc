"""How the tables of an experiment are read, where a file's name and header do not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Duplicates = Literal["last", "first", "mean", "latest", "error"]
"""What counts of rows with the same user and item."""

DUPLICATES: Mapping[str, str] = MappingProxyType(
    {
        "last": "the last one counts",
        "first": "the first one counts",
        "mean": "their mean rating counts",
        "latest": "the one with the latest timestamp counts",
        "error": "none is accepted",
    }
)
"""What each rule means."""


@dataclass(frozen=True)
class TableForm:
    """The form of tables of interactions."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """The name in the header of ``user_id``, ``item_id``, ``rating`` and ``timestamp``."""
    separator: str | None = None
    """Between two fields; by default, a comma or a tab by the name of the file. A space
    means any number of blanks and tabs."""
    encoding: str = "utf-8"
    duplicates: Duplicates = "last"


DEFAULT = TableForm()
