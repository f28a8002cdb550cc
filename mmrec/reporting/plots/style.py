"""How figures look, and the SVG that they become.

Matplotlib is an extra and is imported where it is needed. The colours are those of a light ground;
in :func:`to_svg` CSS takes their place, so that a page can show a figure on a dark one too.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1b1f24"
GROUND = "#fffffe"
SERIES = ("#2468b8", "#b4530a", "#1b7f4c", "#7a3fb0", "#c0266c", "#4b5564")
"""Colours of the models, one after the other; templates/report.css has those of a dark ground."""
ACCENT = SERIES[0]
_CSS = {INK: "currentColor", GROUND: f"var(--ground, {GROUND})"}
_CSS |= {x: f"var(--plot-{n}, {x})" for n, x in enumerate(SERIES, 1)}
_MARKERS = "os^DvP"
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

WIDTH = 4.2
"""Inches; its text can still be read when a phone scales it to 3.7."""
CHARACTERS = 12
"""Of the font's size that an inch has room for."""
MAX_CATEGORIES = 10
"""Up to this number of values, each value of a parameter has its own place on an axis."""
_HANDLE = 7
"""Characters that the line beside a name takes."""
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
    """Say whether matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def new_figure(width: float, height: float, figure: Figure | None = None) -> Figure:
    """Return a figure of this size in inches: a new one, or the one given, which is empty."""
    if figure is None:
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure()
    figure.set_size_inches(width, height)
    figure.set_layout_engine("constrained")
    return figure


def series(place: int) -> dict[str, Any]:
    """Return the look of a model's line: its colour, its marker, its dashes; no two are alike."""
    return {
        "color": SERIES[place % len(SERIES)],
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": _DASHES[place // len(SERIES) % len(_DASHES)],
    }


def grow(figure: Figure, inches: float) -> None:
    """Make a figure higher, for texts that would take the room of what is drawn."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + inches)


def broken(text: str, length: int) -> str:
    """Break a text into lines of about so many characters, behind a space, a comma or ``_``."""
    lines = [""]
    for part in re.findall(r"[^\s_,]*[\s_,]*", text):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > length:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def shortened(text: str, length: int) -> str:
    """Cut a text that is longer, and say so."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def legend(figure: Figure, axes: Axes, n_series: int) -> None:
    """Name the series of some axes above the figure, in as many columns as have room."""
    if n_series < 2:
        return
    handles, labels = axes.get_legend_handles_labels()
    n_fitting = int(figure.get_size_inches()[0] * CHARACTERS)
    texts = [shortened(label, n_fitting - _HANDLE) for label in labels]
    n_columns = max(1, min(3, n_series, n_fitting // (max(map(len, texts)) + _HANDLE)))
    n_rows = -(-n_series // n_columns)
    if n_rows > 2:
        grow(figure, (n_rows - 2) * _ROW)
    figure.legend(
        *(handles, texts),
        loc="outside upper left",
        ncols=n_columns,
        frameon=False,
        handlelength=2.6,
    )


def to_svg(figure: Figure, prefix: str = "") -> str:
    """Return a figure as an ``<svg>`` element to stand in a page.

    Its accessible name is the figure's label. The same figure always gives the same text.

    Args:
        figure: what to write.
        prefix: begins its ids, so that several figures can share a page; by default a digest of
            its content.
    """
    with styled(), warnings.catch_warnings():
        # Text stays text, so the browser finds the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        written = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    name = str(figure.get_label())
    svg = written.getvalue()
    body = svg[svg.index("<svg") : svg.rindex("</svg>")].partition(">")[2]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    prefix = prefix or "p" + hashlib.sha256((name + body).encode()).hexdigest()[:8]
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', body))
    kept = {found for pair in used for found in pair}
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in kept else "", body)
    body = re.sub(r'xlink:href="#', f'href="#{prefix}', body).replace("url(#", f"url(#{prefix}")
    body = re.sub(r"font-family: [^;\"]+", "font-family: inherit", body)
    for stand_in, css in _CSS.items():
        body = body.replace(stand_in, css)
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    box = " ".join(f"{inches * 72:g}" for inches in figure.get_size_inches())
    return (
        f'<svg role="img" aria-labelledby="{prefix}title" viewBox="0 0 {box}" width="{width}" '
        f'height="{height}" style="--width: {width}px; stroke-linejoin: round">'
        f'<title id="{prefix}title">{escape(name)}</title>{body}</svg>'
    )


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style, whatever the user's matplotlibrc says, and leave theirs as it was."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def pale(alpha: float, **look: float) -> dict[str, Any]:
    """Return the look of what stands back."""
    return {"color": INK, "alpha": alpha, **look}


def finite(values: Sequence[float | None]) -> list[float]:
    """Leave a gap where a value is missing or infinite."""
    return [math.nan if v is None or not math.isfinite(v) else v for v in values]
