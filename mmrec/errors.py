"""The errors that mmrec raises on purpose; each message says what, where, and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MmrecError(Exception):
    """Base of every error a user can cause and mend; the command line ends with exit code 2."""


class ConfigError(MmrecError, ValueError):
    """The experiment file (or dict) is wrong; the message lists every problem found in it."""


class DataError(MmrecError, ValueError):
    """A split, a feature file or a recommendation file cannot be used as it is."""


class WriteError(DataError):
    """A file cannot be written, for example as the disk is full; a run ends, to be gone on with."""


class ModelError(MmrecError, ValueError):
    """A model was asked for something it cannot do, or does not keep its interface's contract."""


class TrialError(MmrecError, RuntimeError):
    """One trial failed, for example because its loss became NaN; the others go on."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'X'?)`` for the closest of ``known``, or an empty string.

    Case does not count, so that ``recall`` finds ``Recall``.
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f" (did you mean {by_folded[close[0]]!r}?)" if close else ""


def listing(values: Iterable[object], limit: int = 8) -> str:
    """Join ``values`` with commas; beyond ``limit`` of them, say how many more there are."""
    shown = [str(value) for value in values]
    if len(shown) <= limit:
        return ", ".join(shown)
    return f"{', '.join(shown[:limit])} and {len(shown) - limit} more"
