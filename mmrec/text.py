"""Numbers, dates and durations as text for a reader."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 trial`` or ``1,200 trials``.

    >>> counted(2, "entry", "entries")
    '2 entries'
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def value_text(value: object) -> str:
    """Write a hyper-parameter the way a person would."""
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def is_number(value: object) -> bool:
    """Return whether a hyper-parameter is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_N = TypeVar("_N", int, float)


def moment(text: str) -> str:
    """Write an ISO date and time for a reader."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
    except ValueError:
        return text


def duration(started: str, ended: str) -> str:
    """Write how long a run took; empty if that is not known."""
    try:
        lasted = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
    except (ValueError, TypeError):  # not dates, or only one of them has a time zone
        return ""
    seconds = lasted.total_seconds()
    return "" if seconds < 0 else spoken(seconds)  # the clock was set back


def spoken(seconds: float) -> str:
    """Write a span of time in two units at most."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def span(texts: Iterable[str]) -> str:
    """Return ``a to b``, or one of them if they read alike."""
    return " to ".join(dict.fromkeys(texts))


def ends(numbers: Sequence[_N]) -> tuple[_N, _N]:
    """Return the least and the largest of some numbers."""
    return min(numbers), max(numbers)


def gibibytes(size: int | None) -> str:
    """Write a number of bytes for a reader; ``?`` for one that is not known."""
    return "?" if size is None else f"{size / 2**30:.2f} GiB"
