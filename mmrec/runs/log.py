"""The log of a run in its folder, which starts before the folder exists."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

from mmrec.files import regular

logger = logging.getLogger(__name__)

SHOWN = {"is_shown": True}
"""The ``extra`` of a message for ``run.log`` alone, since the terminal shows it in another way."""

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _LogFile(logging.FileHandler):
    """A log file that may be incomplete on a full disk: no result depends on it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter(_FORM))

    def _open(self) -> Any:  # noqa: ANN401 - as logging types it
        """Open the file, unless it is a pipe or a device, which could wait forever."""
        return open(
            *(self.baseFilename, self.mode),
            encoding=self.encoding,
            errors=self.errors,
            opener=regular,
        )

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore a full disk; the next file of results reports it."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, even if its last lines cannot be written."""
        with contextlib.suppress(OSError):
            super().close()


class RunLog:
    """Keeps mmrec's log in memory until the run has a folder, then writes it there.

    Get one from :func:`log_to_folder`.
    """

    def __init__(self) -> None:
        # It holds the lines about reading the data only, which are few.
        self.handler = MemoryHandler(sys.maxsize, flushLevel=sys.maxsize, flushOnClose=False)

    def write_to(self, path: Path) -> None:
        """Append all messages so far to a file, and each message from now on.

        A file that cannot be opened is named in a warning; no result depends on it.
        """
        try:
            self.handler.setTarget(_LogFile(path))
        except OSError as error:
            logger.warning("%s: cannot be written: %s", path, error.strerror or error)
            return
        self.handler.capacity = 1
        self.handler.flush()

    def close(self) -> None:
        """Stop writing."""
        file = self.handler.target
        self.handler.close()
        if file is not None:
            file.close()


@contextmanager
def log_to_folder() -> Iterator[RunLog]:
    """Collect mmrec's log in this context, at least from level INFO, for the folder of a run."""
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
