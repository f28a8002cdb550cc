"""Atomic writes of large files and of folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".mmrec-"
_LONG_AGO = 86_400
"""Seconds after which temporary files are leftovers."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path of a file or folder, which replaces ``path`` at the end.

    If the block raises, ``path`` is unchanged. The temporary path has the name of ``path`` and is
    in a folder next to it: other files there, such as an id file, can be moved as well.

    Raises:
        OSError: the path cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=_PREFIX, ignore_cleanup_errors=True
    ) as folder:
        temporary = Path(folder, path.name)
        yield temporary
        if temporary.is_file():
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)


def remove_leftovers(written: Path) -> None:
    """Remove leftovers of killed processes next to a new file, at least a day older."""
    for left in written.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if written.stat().st_mtime - left.stat().st_mtime > _LONG_AGO:
                shutil.rmtree(left, ignore_errors=True)
