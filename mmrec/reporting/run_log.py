"""The log of a run, in its folder."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _RunLog(logging.FileHandler):
    """Writes what the disk has room for: no result depends on the log, so none is lost by it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing of a full disk; the file of results that meets it next tells."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, though its last lines find no room."""
        with contextlib.suppress(OSError):
            super().close()


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write mmrec's log into a file, behind what is in it, while the run lasts."""
    package = logging.getLogger("mmrec")
    handler = _RunLog(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    was_level = package.level
    package.addHandler(handler)
    package.setLevel(min(was_level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(was_level)
        handler.close()
