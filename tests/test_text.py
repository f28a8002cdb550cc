"""Texts for a reader."""

from __future__ import annotations

from mmrec import text


def test_a_run_whose_clock_was_set_back_has_no_duration() -> None:
    assert text.duration("2026-01-01T12:00:00+00:00", "2026-01-01T11:00:00+00:00") == ""
    assert text.duration("2026-01-01T11:00:00+00:00", "2026-01-01T12:00:00+00:00") == "1 h 0 min"
