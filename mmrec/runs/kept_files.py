"""Files of trials in folders that several runs share: no run replaces those of another one."""

from __future__ import annotations

from pathlib import Path

from mmrec.files import read_bytes, write_atomically


def write_beside(path: Path, content: bytes) -> Path:
    """Write a file and return its path, which has a number if there is a file of other content.

    The same trial may have other bits on another device or with another number of threads, and the
    run that wrote the earlier file has recorded its digest.

    Raises:
        WriteError: it cannot be written.
    """
    place, number = path, 1
    while (kept := _content(place)) not in (None, content):
        number += 1
        place = path.with_name(f"{path.stem}_{number}{path.suffix}")
    if kept is None:
        write_atomically(place, content)
    return place


def _content(path: Path) -> bytes | None:
    """Return the content of a file; None if there is none, or if it cannot be read."""
    try:
        return read_bytes(path)
    except OSError:
        return None
