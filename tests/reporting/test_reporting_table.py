"""Tables as CSV and as LaTeX, and how users are summed up."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.reporting.per_user import share_at_most, value_grid
from mmrec.reporting.table import Cell, cell, digest, table


def test_csv_has_all_digits_and_a_column_for_what_stands_beside() -> None:
    marked = Cell("0.1235", "0.12345", "number", mark="*", spread=0.25, data="0.12345")
    rows = [["a, b", marked, digest("f" * 64)], ["c", None, Cell("x", span=1)]]
    assert table("T.", ["model", "R", "weights"], rows).to_csv().splitlines() == [
        "model,R,R mark,R half interval,weights",
        f'"a, b",0.12345,*,0.25,{"f" * 64}',
        "c,,,,x",
    ]


def test_latex_escapes_aligns_and_spans() -> None:
    rows = [["a_b & 5 %", Cell("1.5", kind="number", strong=True, mark="*")], [Cell("x", span=2)]]
    lines = table(r"50 % of \x.", ["model", "R"], rows).to_latex().splitlines()
    assert lines[2] == r"\caption{50 \% of \textbackslash{}x.}"
    assert lines[3] == r"\begin{tabular}{lr}"
    assert lines[7] == r"a\_b \& 5 \% & \textbf{1.5}\textsuperscript{*} \\"
    assert lines[8] == r"\multicolumn{2}{l}{x} \\"


@given(st.text(min_size=1))
def test_any_text_survives_csv_and_never_ends_a_line_of_latex(text: str) -> None:
    written = table(text, [text, "b"], [[text, 1.5]])
    if "\x00" not in text:
        rows = list(csv.reader(io.StringIO(written.to_csv(), newline="")))
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        assert rows == [[lines, "b"], [lines, "1.5"]]
    assert len(written.to_latex().split("\n")) == 12


@pytest.mark.parametrize(
    ("value", "text", "data"),
    [
        (0.5, "0.5000", "0.5"),
        (1.0, "1.0000", "1.0"),
        (465.0, "465", "465"),
        (12345, "12,345", "12345"),
        (float("nan"), "\N{EN DASH}", ""),
        (float("inf"), "inf", "inf"),
    ],
)
def test_numbers(value: float, text: str, data: str) -> None:
    assert (cell(value).text, cell(value).data) == (text, data)


@given(st.lists(st.sampled_from([0.0, 0.1, 1 / 3, 0.3, 0.5, 1.0, np.nan]), min_size=1))
def test_shares_of_users_agree_with_counting(values: list[float]) -> None:
    of_users = np.array(values)
    grid = value_grid([of_users])
    known = of_users[~np.isnan(of_users)]
    shares = share_at_most(of_users, grid)
    if not len(known):
        assert np.isnan(shares).all()
        return
    assert shares[-1] == 1
    slack = (grid[1] - grid[0]) / 1000
    np.testing.assert_allclose(shares, [np.mean(known <= value + slack) for value in grid])
