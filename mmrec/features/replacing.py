"""Writing files too large for memory, or many at once, so that they appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".mmrec-"
_LONG_AGO = 86_400
"""Seconds after which nobody is still writing."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write a file or folder to, which takes the place of ``path`` in the end.

    If the block raises, what it has written vanishes and ``path`` is as it was. The temporary
    path has the name of ``path`` and lies in a folder beside it, made if need be, so whatever is
    written there too (an id file, say) can be moved along.

    Raises:
        OSError: the file system refuses.
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
    """Remove what killed processes left beside a new file, a day and more before it."""
    for left in written.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if written.stat().st_mtime - left.stat().st_mtime > _LONG_AGO:
                shutil.rmtree(left, ignore_errors=True)
