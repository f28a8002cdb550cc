"""How a run that is asked to stop ends computations that have no steps, as fits in closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_stop: ContextVar[Callable[[], bool] | None] = ContextVar("stop", default=None)


class Interrupted(Exception):
    """A trial was asked to stop; what has been trained so far is in its checkpoint."""


@contextmanager
def interruptible(stop: Callable[[], bool]) -> Iterator[None]:
    """Let :func:`check_interrupted` raise in this context.

    Args:
        stop: whether to stop.
    """
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


def check_interrupted() -> None:
    """End a long computation if the run was asked to stop; free outside of a run.

    Raises:
        Interrupted: the run was asked to stop.
    """
    stop = _stop.get()
    if stop is not None and stop():
        raise Interrupted
