"""Bars in the output of a notebook's cell, as plain text that is replaced as they move.

tqdm's own bars for notebooks need ipywidgets; without them they move the cursor, which a notebook
does not follow, so that each step is a line more.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from tqdm import tqdm

_DRAWN = {"ascii": False, "dynamic_ncols": False, "ncols": 100}
"""How tqdm is to draw where it cannot ask a terminal; a notebook does not tell its width."""


def is_in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


class Cell:
    """The lines of all bars of a run, in one output of the cell."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}
        self._handle: Any = None
        """Of the output, once there is one."""

    def bar(self, **options: Any) -> tqdm[Any]:  # noqa: ANN401 - tqdm's own
        """Return a bar; the options are tqdm's."""
        return _CellBar(cell=self, **options | _DRAWN)

    def show(self, place: int, line: str) -> None:
        """Show a line at its place from above; an empty one is taken away, unless it is the last.

        So a cell that has ended still tells how far it came.
        """
        if line:
            self._lines[place] = line
        elif len(self._lines) > 1:
            self._lines.pop(place, None)
        text = {"text/plain": "\n".join(self._lines[place] for place in sorted(self._lines))}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(text, raw=True, display_id=True)
        else:
            self._handle.update(text, raw=True)


class _CellBar(tqdm):  # type: ignore[type-arg]  # tqdm has no parameters when it runs
    """A bar that is shown in a cell."""

    def __init__(self, *, cell: Cell, **options: Any) -> None:  # noqa: ANN401 - tqdm's own
        self._cell = cell  # first, since a bar is drawn as it is made
        super().__init__(file=io.StringIO(), **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar, or ``msg`` in its place; tqdm calls it."""
        place = abs(self.pos if pos is None else pos)
        self._cell.show(place, str(self) if msg is None else msg)
