"""A table of the report: what stands in its cells, and the same as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from mmrec.text import is_number, value_text

P_VALUE = 0.05
"""A p-value below this one tells a difference."""
_NO_VALUE = "no value"
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{EN DASH}": "--",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "<": r"$<$",
    ">": r"$>$",
}


@dataclass(frozen=True)
class Cell:
    """What stands in a cell."""

    text: str
    title: str = ""
    """More of it, where the text is shortened."""
    kind: Literal["text", "number", "digest", "error"] = "text"
    strong: bool = False
    span: int = 1
    mark: str = ""
    """Behind the text, raised: a sign that is explained below the table."""
    spread: float | None = None
    """What stands behind a plus-minus sign, half of an interval."""
    data: str | None = None
    """With all its digits, for CSV; the text if None."""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names the row."""

    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]

    def to_csv(self) -> str:
        """Return it with all digits, by commas; marks and intervals have columns of their own."""
        rows = [_spread_out(row) for row in self.rows]
        columns: list[list[str]] = []
        for place, head in enumerate(self.header):
            cells = [row[place] for row in rows]
            columns.append([_in_csv(x) for x in (head, *cells)])
            if any(cell.mark for cell in cells):
                columns.append([f"{head.text} mark", *(cell.mark for cell in cells)])
            if any(cell.spread is not None for cell in cells):
                spreads = ("" if c.spread is None else repr(c.spread) for c in cells)
                columns.append([f"{head.text} half interval", *spreads])
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(zip(*columns, strict=True))
        return written.getvalue()

    def to_latex(self) -> str:
        """Return it as a ``table`` environment, to be used with the package booktabs."""
        form = "l" + "".join("r" if h.kind == "number" else "l" for h in self.header[1:])
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(self.caption)}}}",
            rf"\begin{{tabular}}{{{form}}}",
            r"\toprule",
            " & ".join(_escaped(head.text) for head in self.header) + r" \\",
            r"\midrule",
            *(" & ".join(map(_in_latex, row)) + r" \\" for row in self.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"


def _spread_out(row: Sequence[Cell]) -> list[Cell]:
    """Follow a cell that spans several columns by empty ones."""
    return [x for cell in row for x in (cell, *[Cell("")] * (cell.span - 1))]


def _in_csv(cell: Cell) -> str:
    """Return the value with all digits; a line ends in one way, since a lone CR is not quoted."""
    text = cell.text if cell.data is None else cell.data
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in re.sub(r"\s+", " ", text))


def _in_latex(cell: Cell) -> str:
    text = _escaped(cell.text)
    text = rf"\textbf{{{text}}}" if cell.strong else text
    text += rf"\textsuperscript{{{_escaped(cell.mark)}}}" if cell.mark else ""
    text += rf" {{\scriptsize$\pm${cell.spread:.4f}}}" if cell.spread is not None else ""
    return rf"\multicolumn{{{cell.span}}}{{l}}{{{text}}}" if cell.span > 1 else text


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table of plain values; a column is headed by where its numbers stand."""
    cells = [[cell(value) for value in row] for row in rows]
    kinds = [{c.kind for c in column} for column in zip(*map(_spread_out, cells), strict=False)]
    heads = [Cell(text) for text in header]
    for place, kind in enumerate(kinds):
        if "number" in kind:
            heads[place] = replace(heads[place], kind="number")
    return Table(caption, heads, cells)


def cell(value: object) -> Cell:
    """Write a value: figures with four decimals, counts with commas, nothing as a dash."""
    if isinstance(value, Cell):
        return value
    if value is None or value is pd.NA:
        return Cell("\N{EN DASH}", _NO_VALUE, "number", data="")
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if number != number:
            return cell(None)
        is_count = isinstance(value, numbers.Integral) or (
            number.is_integer() and abs(number) >= 2  # a count, though a float
        )
        text = f"{number:,.0f}" if is_count else f"{number:.4f}"
        return _number(text, repr(int(number) if is_count else number))
    return Cell(str(value))


def parameter(value: object) -> Cell:
    """Write a hyper-parameter."""
    text = value_text(value)
    return Cell(
        text, str(value) if str(value) != text else "", "number" if is_number(value) else "text"
    )


def digest(value: str | None) -> Cell:
    """Write a SHA-256 by its first digits."""
    if value is None:
        return replace(cell(None), kind="digest")
    return Cell(f"{value[:8]}…", value, "digest", data=value)


def seconds(value: float | None, decimals: int = 1) -> Cell:
    """Write how long something took."""
    return cell(None) if value is None else _number(f"{value:,.{decimals}f}", repr(value))


def mebibytes(value: int | None) -> Cell:
    """Write how much memory something needed."""
    return cell(None) if value is None else _number(f"{value / 2**20:,.0f}", repr(value / 2**20))


def share(value: float, decimals: int = 1) -> Cell:
    """Write a share in percent."""
    return cell(None) if value != value else _number(f"{value:.{decimals}%}", repr(value))


def p_value(value: float) -> Cell:
    """Write a p-value; strong below 0.05."""
    text = "< 0.0001" if value < 1e-4 else f"{value:.4f}"
    return replace(_number(text, repr(float(value))), strong=value < P_VALUE)


def _number(text: str, data: str) -> Cell:
    return Cell(text, data if data != text.replace(",", "") else "", "number", data=data)
