"""Where the snippets of a page are tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sandbox:
    """A folder laid out as a clone is, in which ``make demo`` has been run, with few epochs."""

    folder: Path
    run: Path
    user: str
    trial: str
