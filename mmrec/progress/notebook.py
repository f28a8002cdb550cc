"""Bars in a notebook, as text in one output of the cell that is updated.

tqdm's own bars for notebooks need ipywidgets. Without it they move the cursor to draw a second
bar, which notebooks do not support, so that every update adds a line.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from tqdm import tqdm

_DRAWN = {"ascii": False, "dynamic_ncols": False, "ncols": 100}
"""tqdm cannot ask a notebook for its encoding and width."""


def is_in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


class NotebookArea:
    """The output of a cell that shows all bars of a run."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}
        self._handle: Any = None
        """The handle of the output, once there is one."""

    def bar(self, **options: Any) -> tqdm[Any]:  # noqa: ANN401 - tqdm's own
        """Return a bar; the options are tqdm's."""
        return _NotebookBar(area=self, **options | _DRAWN)

    def show(self, position: int, line: str) -> None:
        """Show a line at its position from the top; an empty line is removed, except the last.

        So the output of an interrupted cell still shows how far the run came.
        """
        if line:
            self._lines[position] = line
        elif len(self._lines) > 1:
            self._lines.pop(position, None)
        text = {"text/plain": "\n".join(self._lines[n] for n in sorted(self._lines))}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(text, raw=True, display_id=True)
        else:
            self._handle.update(text, raw=True)


class _NotebookBar(tqdm):  # type: ignore[type-arg]  # tqdm is not generic at run time
    """A bar that is shown in a cell."""

    def __init__(self, *, area: NotebookArea, **options: Any) -> None:  # noqa: ANN401 - tqdm's own
        self._area = area  # first, since tqdm draws a bar when it is made
        super().__init__(file=io.StringIO(), **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar, or ``msg`` in its place; called by tqdm."""
        position = abs(self.pos if pos is None else pos)
        self._area.show(position, str(self) if msg is None else msg)
