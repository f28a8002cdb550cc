"""Standard output and standard error, and the log, printed above the progress bars."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys


def prepare_streams() -> None:
    """Let no output end a command: escape what cannot be encoded, replace what is closed.

    A closed descriptor would be given to the next file that is opened, and what libraries print
    would then be written into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8", errors="backslashreplace"))
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def say(text: object) -> None:
    """Print a line on standard error, unless that is closed or full."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def end_output() -> OSError | None:
    """Flush standard output; return the error if it cannot be written.

    In this case it is replaced, since Python would report the error again at its end.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


class TerminalHandler(logging.Handler):
    """Writes the log to standard error, above the progress bars if there are any.

    A warning is written once: each trial of a search may repeat it. ``run.log`` has all of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._warnings: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        from tqdm import tqdm

        try:
            text = self.format(record)
            if record.levelno == logging.WARNING:
                if text in self._warnings:
                    return
                self._warnings.add(text)
            tqdm.write(text, file=sys.stderr)
        except Exception:  # as the handlers of logging do, for example with a closed stream
            self.handleError(record)


def log_to_terminal(*, verbose: bool) -> None:
    """Show mmrec's log: everything, or from warnings on."""
    handler = TerminalHandler()
    handler.setLevel(logging.DEBUG if verbose else logging.WARNING)
    handler.addFilter(_is_shown)
    level = logging.DEBUG if verbose else logging.WARNING
    logging.captureWarnings(capture=True)  # else Python prints them into the progress bars
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler], level=level)


def _is_shown(record: logging.LogRecord) -> bool:
    """Keep mmrec's messages that are not yet on the terminal, and the warnings of others."""
    if getattr(record, "is_shown", False):  # see mmrec.runs.log
        return False
    return record.name.split(".")[0] == "mmrec" or record.levelno >= logging.WARNING
