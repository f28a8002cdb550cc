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
    handler.addFilter(_is_ours_or_serious)
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler], level=level)


def _is_ours_or_serious(record: logging.LogRecord) -> bool:
    """Pass mmrec's own messages, and from other packages the warnings."""
    return record.name.split(".")[0] == "mmrec" or record.levelno >= logging.WARNING
