"""Stop a run cleanly when the user or the system asks for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class RunInterrupted(KeyboardInterrupt):
    """A run was asked to stop. Its state is kept; the same call resumes it.

    Attributes:
        signal: the number of the signal.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal = signal_number


class StopRequest:
    """Whether the run was asked to stop, and by which signal."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal is not None


@contextmanager
def describing_interrupts(run: Path) -> Iterator[None]:
    """Say how the report of a run is written that is interrupted in this context.

    Raises:
        RunInterrupted: the report was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise RunInterrupted(
            "interrupted; all trials have ended. Run the same experiment again to write the report "
            f"of {run}",
            signal.SIGINT,
        ) from None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request to stop; a second one acts as usual.

    Only the main thread can handle signals; in another thread, nothing changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # A program that embeds Python may have handlers that Python can neither call nor restore.
    previous = {number: handler for number, handler in previous.items() if handler is not None}

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = number
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
