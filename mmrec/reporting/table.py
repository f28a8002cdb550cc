"""A table of the report: its cells as text for a reader, and the table as CSV and as LaTeX."""

from __future__ import annotations

import contextlib
import csv
import html
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Literal, SupportsFloat, TypeVar

import pandas as pd

from mmrec.reporting.latex import escaped, table_environment
from mmrec.text import is_number, value_text

P_VALUE = 0.05
"""Smaller p-values count as significant."""
_MAX_WHOLE = 2**53
"""From here on, not every whole number is a float."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    title: str = ""
    """Shown on hover: what the text shortens."""
    kind: Literal["text", "number", "digest", "error"] = "text"
    strong: bool = False
    span: int = 1
    """The number of columns that it covers."""
    mark: str = ""
    """Superscript after the text; a note below the table explains it."""
    spread: float | None = None
    """Half of an interval, or a deviation, shown after a plus-minus sign."""
    data: str | None = None
    """The value with all digits, for CSV; None if the text is the value."""
    underlined: bool = False
    link: str = ""
    """Where the text leads to in the page."""

    @property
    def spread_text(self) -> str:
        """The spread with as many decimals as the text; one after a count."""
        decimals = len(self.text.partition(".")[2]) or 1
        return "" if self.spread is None else f"{self.spread:,.{decimals}f}"

    @property
    def shown(self) -> str:
        """The text with the mark and the spread."""
        spread = "" if self.spread is None else f" ± {self.spread_text}"
        return f"{self.text}{self.mark}{spread}"


@dataclass(frozen=True)
class ReportTable:
    """A table of the report."""

    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    is_folded: bool = False
    """Whether the page hides it until the reader opens it."""
    rules: frozenset[int] = frozenset()
    """The rows that a line separates from the row above."""
    spread_name: str = "std"
    """What the spread of a cell is."""
    unprinted: frozenset[str] = frozenset()
    """The columns that a paper does not print, by their headers."""
    n_headers: int = 1
    """The first cells of a row that say what it is about."""
    label: str = ""
    """Its label in LaTeX, without ``tab:``; none if empty."""

    def to_csv(self) -> str:
        """Return the table as CSV with all digits; marks and intervals get their own columns."""
        written = io.StringIO()
        columns = [values for _, values in self._columns()]
        csv.writer(written, lineterminator="\n").writerows(zip(*columns, strict=True))
        return written.getvalue()

    @property
    def frame(self) -> pd.DataFrame:
        """The columns of :meth:`to_csv` as a data frame, NaN where there is no number."""
        names, columns = [], []
        for kind, (name, *values) in self._columns():
            names.append(name)
            columns.append(_series(values, is_number=kind == "number"))
        return pd.concat(columns, axis=1, keys=names)

    def _columns(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the kind of each column of the CSV, and its texts from the header on."""
        rows = [_unfold(row) for row in self.rows]
        for place, head in enumerate(_unfold(self.header)):
            cells = [row[place] for row in rows]
            yield head.kind, [_csv_text(cell) for cell in (head, *cells)]
            if any(cell.mark for cell in cells):
                yield "text", [f"{head.text} mark", *(cell.mark for cell in cells)]
            if any(cell.spread is not None for cell in cells):
                spreads = ("" if c.spread is None else repr(c.spread) for c in cells)
                yield "number", [f"{head.text} {self.spread_name}", *spreads]

    def __repr__(self) -> str:
        return f"{self.caption}\n\n{self._shown().to_string(index=False)}"

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        table: str = self._shown().to_html(index=False)
        return f"<p>{html.escape(self.caption)}</p>{table}"

    def _shown(self) -> pd.DataFrame:
        """Return what a reader of the page sees."""
        rows = [[cell.shown for cell in _unfold(row)] for row in (self.header, *self.rows)]
        return pd.DataFrame(rows[1:], columns=rows[0])

    def to_latex(self, *, complete: bool = False) -> str:
        """Return the table as a ``table`` environment for the LaTeX package booktabs.

        Args:
            complete: whether it has the columns that a paper does not print, such as the best
                epoch of a model.
        """
        left_out = frozenset[str]() if complete else self.unprinted
        places = [n for n, head in enumerate(self.header) if head.text not in left_out]
        rows = [_unfold(row) for row in (self.header, *self.rows)]
        return table_environment(
            [[_latex_text(row[n]) for n in places] for row in rows],
            caption=self.caption,
            label=self.label,
            are_numbers=[n > 0 and self.header[n].kind == "number" for n in places],
            rules=self.rules,
        )


def make_table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    is_folded: bool = False,
) -> ReportTable:
    """Return a table of plain values and cells.

    The plain numbers of a column have one format: counts if all are whole, else four decimals.
    """
    placed = [list(_placed(row)) for row in rows]
    values: list[list[object]] = [[] for _ in header]
    for row in placed:
        for place, value in row:
            values[place].append(value)
    formats = [number_format(column) for column in values]
    cells = [[_cell(value, formats[place]) for place, value in row] for row in placed]
    numeric = {n for row in cells for n, cell in _placed(row) if cell.kind == "number"}
    heads = [Cell(x, kind="number" if n in numeric else "text") for n, x in enumerate(header)]
    return ReportTable(caption, heads, cells, is_folded)


def number_format(column: Sequence[object]) -> Callable[..., Cell]:
    """Return the format of the numbers of a column.

    They are counts if all are whole, and have one decimal if only some are whole, as counts next to
    means of counts, and all are at least 10; else they have four decimals.
    """
    numbers = [x for x in column if isinstance(x, Real) and _is_plain_number(x) and x == x]
    if all(isinstance(x, Integral) for x in numbers) or are_counts(numbers):
        return count
    values = list(map(float, numbers))
    return tenths if min(values) >= 10 and any(x.is_integer() for x in values) else decimal


def are_counts(numbers: Sequence[SupportsFloat]) -> bool:
    """Return whether numbers are whole; 0 and 1 alone are not, since they may be shares."""
    values = list(map(float, numbers))
    return (
        all(x.is_integer() and abs(x) < _MAX_WHOLE for x in values) and max(values, default=0) > 1
    )


def number(value: float) -> Cell:
    """Return a number as a column of its own shows it."""
    return number_format([value])(value)


def count(value: float | None) -> Cell:
    """Return a whole number with thousands separators."""
    if value is None or value != value:
        return _MISSING
    return _number(f"{value:,.0f}", str(int(value)))


def decimal(value: float | None) -> Cell:
    """Return a number with four decimals."""
    if value is None or value != value:
        return _MISSING
    return _number(f"{value:.4f}", repr(float(value)))


def tenths(value: float | None) -> Cell:
    """Return a number with one decimal."""
    if value is None or value != value:
        return _MISSING
    return _number(f"{value:,.1f}", repr(float(value)))


def parameter(value: object) -> Cell:
    """Return the value of a hyper-parameter."""
    text, kind = value_text(value), "number" if is_number(value) else "text"
    return Cell(text, str(value) if str(value) != text else "", kind)  # type: ignore[arg-type]


def digest(value: str | None) -> Cell:
    """Return a SHA-256 by its first eight digits."""
    if value is None:
        return replace(_MISSING, kind="digest")
    return Cell(f"{value[:8]}…", value, "digest", data=value)


def seconds(value: float | None, decimals: int = 1) -> Cell:
    """Return a duration in seconds."""
    return _MISSING if value is None else _number(f"{value:,.{decimals}f}", repr(value))


def mebibytes(value: int | None) -> Cell:
    """Return a number of bytes in MiB."""
    return _MISSING if value is None else _number(f"{value / 2**20:,.0f}", repr(value / 2**20))


def share(value: float | None, decimals: int = 1) -> Cell:
    """Return a share in percent."""
    if value is None or value != value:
        return _MISSING
    return _number(f"{value:.{decimals}%}", repr(value))


def p_value(value: float) -> Cell:
    """Return a p-value, strong if it is significant."""
    text = "< 0.0001" if value < 1e-4 else f"{value:.4f}"
    return replace(_number(text, repr(float(value))), strong=value < P_VALUE)


_MISSING = Cell("\N{EN DASH}", "no value", "number", data="")


def _number(text: str, data: str) -> Cell:
    return Cell(text, data if data != text.replace(",", "") else "", "number", data=data)


def _is_plain_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _cell(value: object, number_format: Callable[..., Cell]) -> Cell:
    if isinstance(value, Cell):
        return value
    if value is None:
        return _MISSING
    return number_format(value) if _is_plain_number(value) else Cell(str(value))


def _placed(row: Sequence[_T]) -> Iterator[tuple[int, _T]]:
    """Yield each cell with the index of its first column."""
    place = 0
    for value in row:
        yield place, value
        place += value.span if isinstance(value, Cell) else 1


def _unfold(row: Sequence[Cell]) -> list[Cell]:
    """Return one cell for each column: empty cells follow one that spans several."""
    return [x for cell in row for x in (cell, *[Cell("")] * (cell.span - 1))]


def _series(texts: Sequence[str], *, is_number: bool) -> pd.Series[Any]:
    """Return a column; one of numbers and texts, such as the epochs of several seeds, has texts."""
    with contextlib.suppress(ValueError):
        if is_number:
            return pd.to_numeric(pd.Series([text or None for text in texts], dtype=object))
    return pd.Series(texts, dtype=object)


def _csv_text(cell: Cell) -> str:
    """Return the value with all digits. Lines end in one way: a lone CR would not be quoted."""
    text = cell.text if cell.data is None else cell.data
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _latex_text(cell: Cell) -> str:
    text = escaped(cell.text)
    text = rf"\textbf{{{text}}}" if cell.strong else text
    text = rf"\underline{{{text}}}" if cell.underlined else text
    mark = rf"\textsuperscript{{{escaped(cell.mark)}}}" if cell.mark else ""
    if mark and cell.kind == "number" and cell.spread is None:
        mark = rf"\rlap{{{mark}}}"  # takes no space, so that the digits of a column are aligned
    text += mark
    return text + (rf" {{\scriptsize$\pm${cell.spread_text}}}" if cell.spread is not None else "")
