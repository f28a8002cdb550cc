"""The table of runs that are compared with public code."""

from __future__ import annotations

import csv
from pathlib import Path

from reproduce_reference import COLUMNS, Side, compared, write_rows

KNOWN = {"first": {"model": {"BPRMF": {}}}, "second": {"model": {"EASER": {}}}}


def row(run: str, value: str) -> dict[str, str]:
    return {**dict.fromkeys(COLUMNS, ""), "run": run, "mmrec": value}


def written(path: Path) -> list[tuple[str, str, str]]:
    rows = csv.DictReader(path.read_text().splitlines())
    return [(found["run"], found["model"], found["mmrec"]) for found in rows]


def test_rows_of_a_run_replace_its_earlier_rows_in_the_order_of_the_runs(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    write_rows(path, [row("second", "0.1"), row("second", "0.2")], KNOWN)
    write_rows(path, [row("first", "0.3")], KNOWN)
    write_rows(path, [row("second", "0.4")], KNOWN)
    assert written(path) == [("first", "BPRMF", "0.3"), ("second", "EASER", "0.4")]


def test_rows_of_runs_that_are_gone_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    write_rows(path, [row("second", "0.1")], KNOWN)
    write_rows(path, [row("first", "0.2")], {"first": KNOWN["first"]})
    assert written(path) == [("first", "BPRMF", "0.2")]


def test_a_difference_beyond_the_larger_spread_is_marked() -> None:
    theirs, ours = Side([0.20, 0.21]), Side([0.22, 0.22])
    assert compared(theirs, ours) == ["0.2050", "0.2200", "+0.0150", "0.0100", "beyond"]
    assert compared(theirs, Side([0.21]))[-1] == ""
