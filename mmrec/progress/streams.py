"""Lines on a terminal that has progress bars."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections import defaultdict
from typing import TextIO

from tqdm import tqdm

TICK = 1.0
"""Seconds between two drawings of bars that nothing has changed, so that their clocks move."""


def say(text: str) -> None:
    """Print a line on standard error that stays, above the bars if there are any.

    Nothing happens where standard error is closed or full: no result depends on it.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            tqdm.write(text, file=sys.stderr)


class Streams:
    """Prints what any code writes on the terminal above the bars, until it is closed.

    It replaces standard output and standard error, as far as they are terminals, and draws the
    bars again once a second.

    Attributes:
        terminal: the stream of the bars.
    """

    def __init__(self) -> None:
        self.terminal = sys.stderr
        self._replaced = {name: getattr(sys, name) for name in ("stdout", "stderr")}
        for name, stream in self._replaced.items():
            if stream is not None and not stream.closed and stream.isatty():
                setattr(sys, name, _AboveBars(stream, self.terminal))
        self._is_closed = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()

    def close(self) -> None:
        """Restore the streams."""
        self._is_closed.set()
        self._clock.join()
        for name, stream in self._replaced.items():
            now = getattr(sys, name)
            if isinstance(now, _AboveBars):
                now.close()
                setattr(sys, name, stream)

    def _tick(self) -> None:
        while not self._is_closed.wait(TICK):
            # The lock is held, so that no bar is removed and then drawn again.
            with contextlib.suppress(OSError, ValueError), _lock():
                for bar in list(getattr(tqdm, "_instances", ())):
                    bar.refresh()


def _lock() -> contextlib.AbstractContextManager[None]:
    """Return tqdm's lock, which a thread may take several times."""
    return tqdm.get_lock()  # type: ignore[no-any-return,no-untyped-call]


class _AboveBars(io.TextIOBase):
    """Writes whole lines to a terminal, above its bars."""

    def __init__(self, stream: TextIO, terminal: TextIO) -> None:
        self._stream, self._terminal = stream, terminal
        self._begun: defaultdict[int, str] = defaultdict(str)
        """By thread, the line that has not ended."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property of every text stream
        """The encoding of the terminal."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write the lines that end; keep the rest until its end."""
        thread = threading.get_ident()
        lines, end, self._begun[thread] = (self._begun[thread] + text).rpartition("\n")
        if end:
            self._print(lines + end)
        return len(text)

    def isatty(self) -> bool:
        """Return true."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the terminal."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Return true."""
        return True

    def close(self) -> None:
        """Write the last lines without an end; the terminal remains open."""
        if not self.closed:
            for rest in filter(None, list(self._begun.values())):
                self._print(f"{rest}\n")
        super().close()

    def _print(self, lines: str) -> None:
        with tqdm.external_write_mode(file=self._terminal):
            self._stream.write(lines)
            self._stream.flush()
