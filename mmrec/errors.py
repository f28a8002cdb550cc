"""Errors of mmrec; each message says what is wrong, where, and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MmrecError(Exception):
    """Base of all errors that a user can correct; the command line exits with code 2."""


class ConfigError(MmrecError, ValueError):
    """The experiment file or dict is invalid; the message lists every problem."""


class DataError(MmrecError, ValueError):
    """A split, a feature file or a recommendation file cannot be used."""


class TrustError(DataError):
    """A run names Python code that the user has not allowed to be executed."""


class WriteError(DataError):
    """A file cannot be written, for example because the disk is full.

    The run stops and can be resumed.
    """


class ModelError(MmrecError, ValueError):
    """A model is unknown, or does not implement its interface correctly."""


class TrialError(MmrecError, RuntimeError):
    """A trial failed, for example because its loss became NaN; the other trials continue."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'X'?)`` for the closest of ``known``, or an empty string.

    Case is ignored: ``recall`` finds ``Recall``.
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f" (did you mean {by_folded[close[0]]!r}?)" if close else ""


def listing(values: Iterable[object], limit: int = 8) -> str:
    """Join up to ``limit`` values with commas, and add the number of the others."""
    shown = [str(value) for value in values]
    if len(shown) <= limit:
        return ", ".join(shown)
    return f"{', '.join(shown[:limit])} and {len(shown) - limit} more"
