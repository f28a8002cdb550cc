"""The log on the terminal, which leaves progress bars whole."""

from __future__ import annotations

import logging
import sys


class TerminalHandler(logging.Handler):
    """Writes the log to standard error, above the bars if there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        from tqdm import tqdm

        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except Exception:  # what logging itself does with a stream that is gone
            self.handleError(record)


def log_to_terminal(*, verbose: bool, quiet: bool) -> None:
    """Show mmrec's log: all of it, warnings, or errors alone."""
    handler = TerminalHandler()
    handler.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    handler.addFilter(_is_to_be_shown)
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler], level=level)


def _is_to_be_shown(record: logging.LogRecord) -> bool:
    """Pass what is not on the terminal yet: mmrec's own messages, and warnings of others."""
    if getattr(record, "is_shown", False):  # see mmrec.runs.log
        return False
    return record.name.split(".")[0] == "mmrec" or record.levelno >= logging.WARNING
