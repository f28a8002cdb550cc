"""The log on the terminal, printed above the progress bars."""

from __future__ import annotations

import logging
import sys


class TerminalHandler(logging.Handler):
    """Writes the log to standard error, above the progress bars if there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        from tqdm import tqdm

        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except Exception:  # as the handlers of logging do, for example with a closed stream
            self.handleError(record)


def log_to_terminal(*, verbose: bool, quiet: bool) -> None:
    """Show mmrec's log: everything, from warnings on, or only errors."""
    handler = TerminalHandler()
    handler.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    handler.addFilter(_is_shown)
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler], level=level)


def _is_shown(record: logging.LogRecord) -> bool:
    """Keep mmrec's messages that are not yet on the terminal, and the warnings of others."""
    if getattr(record, "is_shown", False):  # see mmrec.runs.log
        return False
    return record.name.split(".")[0] == "mmrec" or record.levelno >= logging.WARNING
