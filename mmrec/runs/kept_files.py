"""Files of trials in folders that several runs share: no run replaces those of another one."""

from __future__ import annotations

import itertools
from pathlib import Path

from mmrec.files import read_bytes, write_atomically


def write_beside(path: Path, content: bytes) -> Path:
    """Write a file and return its path, which has a number if there is a file of other content.

    The same trial may have other bits on another device or with another number of threads, and the
    run that wrote the earlier file has recorded its digest.

    Raises:
        WriteError: it cannot be written.
    """
    for number in itertools.count(1):
        free = path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")
        kept = _content(free)
        if kept is None:
            write_atomically(free, content)
        if kept in (None, content):
            return free
    raise AssertionError("unreachable")


def _content(path: Path) -> bytes | None:
    """Return the content of a file; None if there is none, or if it cannot be read."""
    try:
        return read_bytes(path)
    except OSError:
        return None
