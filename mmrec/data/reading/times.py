"""Timestamps of interactions: numbers of any unit, or dates, compared as integers."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

Times = npt.NDArray[np.int64] | npt.NDArray[np.float64]
"""[E]: timestamps or other keys of rows."""

_EXACT = 2.0**53
"""Larger whole numbers, such as nanoseconds since 1970, are not exact as float64."""
_WHOLE = re.compile(r"([+-]?\d{1,19})(\.0*)?")


def parse_times(texts: pd.Series[str]) -> Times:
    """Return timestamps as numbers, [n] int64 or float64.

    Whole numbers remain as they are; dates such as ``2014-07-23`` or ``2014-07-23T10:30:00Z``
    (ISO 8601, UTC without a zone) become nanoseconds since 1970. Other texts become NaN, and so do
    dates that int64 cannot hold, before 1678 or after 2261.
    """
    stripped = texts.astype(str).str.strip()
    numbers: Times = pd.to_numeric(stripped, errors="coerce").to_numpy()
    if numbers.dtype == np.int64 or not len(numbers):
        return numbers
    values = numbers.astype(np.float64)
    if not np.isfinite(values).any():
        return _dates(stripped)
    if np.isfinite(values).all() and (np.abs(values) >= _EXACT).any():
        matches = [_WHOLE.fullmatch(text) for text in stripped]
        whole = [int(match[1]) for match in matches if match]
        if len(whole) == len(stripped) and max(map(abs, whole)) < 2**63:
            return np.array(whole, np.int64)
    return numbers


def is_date(text: str) -> bool:
    """Return whether a timestamp is a date, not a number."""
    return bool(np.isnan(pd.to_numeric(text, errors="coerce"))) and _moment(text) is not None


def parse_date(text: str) -> int:
    """Return a date as nanoseconds since 1970.

    Raises:
        ValueError: it is not a date.
    """
    moment = _moment(text)
    if moment is None:
        raise ValueError(f"found {text!r}; accepted: a date such as 2014-07-23")
    return moment


def _moment(text: str) -> int | None:
    times = _dates(pd.Series([text.strip()], dtype=str))
    return int(times[0]) if times.dtype == np.int64 else None


def _dates(texts: pd.Series[str]) -> Times:
    dates = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    first, last = (moment.tz_localize("UTC") for moment in (pd.Timestamp.min, pd.Timestamp.max))
    dates = dates.where(dates.between(first, last))  # what int64 can hold in nanoseconds
    known = dates.notna().to_numpy()
    moments: npt.NDArray[np.int64] = np.asarray(dates.dt.as_unit("ns").astype("int64"), np.int64)
    if known.all():
        return moments
    return np.where(known, moments.astype(np.float64), np.nan)
