"""The log of a run in its folder, from the first look at the data on."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import MemoryHandler
from pathlib import Path

SHOWN = {"is_shown": True}
"""``extra`` of what the terminal has been shown in another way; it is for ``run.log`` alone."""

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _LogFile(logging.FileHandler):
    """Writes what the disk has room for: no result depends on the log, so none is lost by it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter(_FORM))

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing of a full disk; the file of results that meets it next tells."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, though its last lines find no room."""
        with contextlib.suppress(OSError):
            super().close()


class RunLog:
    """Keeps what mmrec logs until the run has a folder, and then writes it there.

    Get one from :func:`recorded`.
    """

    def __init__(self) -> None:
        # It holds lines of reading the data alone, so they are few.
        self.handler = MemoryHandler(sys.maxsize, flushLevel=sys.maxsize, flushOnClose=False)

    def write_to(self, path: Path) -> None:
        """Write what there has been and what is to come behind what is in a file, line by line."""
        self.handler.setTarget(_LogFile(path))
        self.handler.capacity = 1
        self.handler.flush()

    def close(self) -> None:
        """Write no more."""
        file = self.handler.target
        self.handler.close()
        if file is not None:
            file.close()


@contextmanager
def recorded() -> Iterator[RunLog]:
    """Record mmrec's log inside, at least from INFO on, whatever the user shows of it."""
    package = logging.getLogger("mmrec")
    log, was_level = RunLog(), package.level
    package.addHandler(log.handler)
    package.setLevel(min(was_level or logging.INFO, logging.INFO))
    try:
        yield log
    finally:
        package.removeHandler(log.handler)
        package.setLevel(was_level)
        log.close()
