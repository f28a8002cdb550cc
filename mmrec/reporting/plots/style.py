"""The look of figures: colours, lines, texts and legends."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Drawing = Callable[["Figure"], None]
"""Draws into an empty figure and gives it a label, its description for readers who cannot see."""

INK = "#1b1f24"
SERIES = ("#2468b8", "#b4530a", "#1b7f4c", "#7a3fb0", "#c0266c", "#4b5564")
"""Colours of models, one after the other."""
ACCENT = SERIES[0]
_MARKERS = "os^DvP"
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

WIDTH = 4.2
"""Inches. Texts stay readable when a phone scales this to 3.7."""
CHARACTERS = 12
"""Characters of the font that fit in an inch."""
MAX_CATEGORIES = 10
"""Up to this number of values, each value of a parameter has its own place on an axis."""
BEST_EPOCH: dict[str, Any] = {"color": ACCENT, "linewidth": 0.8, "linestyle": (0, (3, 3))}
"""The look of the line at the best epoch."""
_HANDLE = 7
"""Characters that the line next to a name of the legend takes."""
_ROW = 0.19
"""Inches of a row of the legend."""
_STYLE = {
    "svg.hashsalt": "mmrec",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a parameter is a dollar sign
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.6,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "grid.color": INK,
}


def is_available() -> bool:
    """Return whether matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def styled() -> Iterator[None]:
    """Set this style, whatever the user's matplotlibrc says, and restore theirs at the end."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def draw(drawing: Drawing, figure: Figure | None = None) -> Figure:
    """Return a drawing as a figure: a new one, or the one given, which is empty."""
    with styled():
        if figure is None:
            from matplotlib.figure import Figure as NewFigure

            figure = NewFigure()
        figure.set_layout_engine("constrained")
        drawing(figure)
        return figure


def series(place: int) -> dict[str, Any]:
    """Return the look of a model's line; colour, marker and dashes differ between models."""
    return {
        "color": SERIES[place % len(SERIES)],
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": _DASHES[place // len(SERIES) % len(_DASHES)],
    }


def series_mark(place: int) -> dict[str, Any]:
    """Return the look of a model's mark; marks beyond the colours are hollow."""
    look = series(place)
    turn = place // len(SERIES)
    return {
        "color": look["color"],
        "marker": _MARKERS[(place + turn) % len(_MARKERS)],
        "markersize": 7,
        "markeredgewidth": 1.6,
        "fillstyle": "none" if turn % 2 else "full",
    }


def pale(alpha: float, **look: float) -> dict[str, Any]:
    """Return the look of what is in the background."""
    return {"color": INK, "alpha": alpha, **look}


def finite(values: Sequence[float | None]) -> list[float]:
    """Replace missing and infinite values with NaN, which leaves a gap in a line."""
    return [math.nan if v is None or not math.isfinite(v) else v for v in values]


def grow(figure: Figure, inches: float) -> None:
    """Make a figure higher, for texts that would take room from the plot."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + inches)


def broken(text: str, length: int) -> str:
    """Break a text after spaces, commas and ``_`` into lines of about ``length`` characters."""
    lines = [""]
    for part in re.findall(r"[^\s_,]*[\s_,]*", text):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > length:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def shortened(text: str, length: int) -> str:
    """Cut a text that is longer than ``length`` and end it with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def epoch_axis(axes: Axes) -> None:
    """Label the horizontal axis with whole epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def legend(figure: Figure, axes: Axes) -> None:
    """Name the lines of some axes above the figure, in as many columns as fit; not a single one."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) < 2:
        return
    n_fitting = int(figure.get_size_inches()[0] * CHARACTERS)
    texts = [shortened(label, n_fitting - _HANDLE) for label in labels]
    n_columns = max(1, min(3, len(labels), n_fitting // (max(map(len, texts)) + _HANDLE)))
    n_rows = -(-len(labels) // n_columns)
    if n_rows > 2:
        grow(figure, (n_rows - 2) * _ROW)
    figure.legend(
        *(handles, texts),
        loc="outside upper left",
        ncols=n_columns,
        frameon=False,
        handlelength=2.6,
    )
