"""Figures of a run: how trials learned, and how the search went.

Matplotlib is an extra and is imported where it is needed. The figures have no colours of their
own: :func:`to_svg` writes ink as ``currentColor`` and the highlight as a CSS variable, so that a
page can show them on a light and on a dark ground.
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

from mmrec.reporting.selection import (
    MAX_CATEGORIES,
    best_cells,
    figure_title,
    higher_is_better,
    is_number,
    levels,
    ranked,
    selected_value,
    value_text,
)
from mmrec.search import TrialRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CURVES = 50
"""Trials that are drawn at most; the best of them."""

# Stand-ins, since matplotlib knows no CSS: to_svg puts the CSS in their place.
_INK = "#010203"
_ACCENT = "#010204"
_CSS = {_INK: "currentColor", _ACCENT: "var(--plot-accent, #2f74c0)"}
_WIDTH = 4.2  # inches; its text can still be read when a phone scales it to 3.7
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
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK
    ),
    "grid.color": _INK,
}


def is_available() -> bool:
    """Say whether matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def learning_curves(
    records: Sequence[TrialRecord], label: str, *, select_by: str = "", split: str = "validation"
) -> Figure:
    """Draw loss and a held-out figure by epoch; the best trial stands out, the others are pale.

    Args:
        records: the trials of one model; those that failed are passed over.
        label: the figure to draw, for example ``Recall@20``.
        select_by: what the best trial is found by, if not by ``label``.
        split: where the figure was taken.
    """
    with _style():
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(_WIDTH, 4.1), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        drawn = ranked(records, select_by or label)[:MAX_CURVES]
        pale = _pale(0.3 * min(1, 6 / max(1, len(drawn))) ** 0.5, linewidth=0.9)
        for record in reversed(drawn):
            is_best = record is drawn[0]
            line = {"color": _ACCENT, "linewidth": 2} if is_best else pale
            above.plot(range(1, len(record.losses) + 1), _finite(record.losses), **line)
            history = [(h["epoch"], h["validation"].get(label)) for h in record.history]
            evaluated = [pair for pair in history if pair[1] is not None]
            is_marked = len(evaluated) == 1 or (is_best and len(evaluated) <= 40)
            mark = {"marker": "o", "markersize": 3} if is_marked else {}
            epochs, values = zip(*evaluated, strict=True) if evaluated else ((), ())
            below.plot(epochs, _finite(values), **line, **mark)
        text = f"{split} {label}"
        if drawn and drawn[0].best_epoch is not None:
            best = drawn[0]
            value = best.validation.get(label, math.nan)
            for axes in (above, below):
                axes.axvline(best.best_epoch, color=_ACCENT, linewidth=0.8, linestyle=(0, (3, 3)))
            below.plot(best.best_epoch, value, "o", color=_ACCENT, markersize=7)
            text += f": {value:.4f} at the best epoch, {best.best_epoch}"
        above.set_title("mean training loss")
        below.set_title(text)
        below.set_xlabel("epoch")
        below.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        figure.set_label(f"Learning curves of {len(drawn)} trials. Below, {text}.")
        return figure


def search_heatmap(
    records: Sequence[TrialRecord],
    parameters: tuple[str, str],
    label: str,
    *,
    split: str = "validation",
) -> Figure:
    """Draw the selected value over two parameters, the best over all others.

    Args:
        records: the trials of one model.
        parameters: the one across and the one down.
        label: what trials are selected by.
        split: where it was taken.
    """
    across, down = (levels(records, name) for name in parameters)
    cells = best_cells(records, parameters, label)
    values = [value for value in cells.values() if value is not None]
    best = (max if higher_is_better(label) else min)(values, default=math.nan)
    spread = max(values, default=0) - min(values, default=0)
    with _style():
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle

        size = (max(_WIDTH, 1.2 + 0.68 * len(across)), 1.1 + 0.42 * max(2, len(down)))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for (x, y), value in _placed(cells, across, down):
            is_best = value == best
            share = abs(value - best) / spread if value is not None and spread else 0
            alpha = 0 if value is None else 0.06 + 0.4 * (1 - share)
            # Opacity, not a colour map: the ink on it stays readable on either ground.
            axes.add_patch(
                Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=_ACCENT, alpha=alpha, linewidth=0)
            )
            told = "failed" if value is None else f"{value:.4f}"
            weight = "bold" if is_best else "normal"
            axes.text(x, y, told, ha="center", va="center", fontsize=8.5, fontweight=weight)
        axes.set_xlim(-0.5, len(across) - 0.5)
        axes.set_ylim(len(down) - 0.5, -0.5)
        _name_levels(axes, "x", parameters[0], across)
        _name_levels(axes, "y", parameters[1], down)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        repeated = len({r.trial_id for r in records}) > len(cells)
        text = figure_title(label, split) + (
            ", the best over all other parameters" if repeated else ""
        )
        axes.set_title(text)
        figure.set_label(f"{text}, by {parameters[0]} and {parameters[1]}; the best is {best:.4f}.")
        return figure


def search_scatter(
    records: Sequence[TrialRecord], parameter: str, label: str, *, split: str = "validation"
) -> Figure:
    """Draw the selected value of every trial over one parameter; crosses are failed trials.

    Args:
        records: the trials of one model.
        parameter: its name.
        label: what trials are selected by.
        split: where it was taken.
    """
    values = levels(records, parameter)
    places = {repr(value): float(place) for place, value in enumerate(values)}
    is_scale = len(values) > MAX_CATEGORIES and all(map(is_number, values))
    if is_scale:
        places = {repr(value): float(value) for value in values}
    order = ranked(records, label)
    with _style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH, 2.8), layout="constrained")
        axes = figure.subplots()
        for record in reversed(order):
            x, y = places[repr(record.parameters.get(parameter))], selected_value(record, label)
            assert y is not None
            is_best = record is order[0]
            look = {"color": _ACCENT, "markersize": 8} if is_best else _pale(0.5, markersize=5)
            axes.plot(x, y, "o", **look)
        failed = [
            places[repr(r.parameters.get(parameter))]
            for r in records
            if selected_value(r, label) is None
        ]
        axes.plot(
            *(failed, [0.03] * len(failed), "x"), color=_INK, transform=axes.get_xaxis_transform()
        )
        if is_scale:
            axes.set_xlabel(parameter)
            if values[0] > 0 and values[-1] / values[0] >= 50:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(lambda value, _: value_text(float(value)))
                axes.xaxis.set_minor_formatter(lambda value, _: "")
        else:
            axes.set_xlim(-0.5, len(values) - 0.5)
            _name_levels(axes, "x", parameter, values)
        text = figure_title(label, split)
        axes.set_title(text)
        figure.set_label(f"{text} of {len(records)} trials, by {parameter}.")
        return figure


def to_svg(figure: Figure) -> str:
    """Return a figure as an ``<svg>`` element to stand in a page.

    Its accessible name is the figure's label. Its ids are unique to its content, so that several
    can share a page; the same figure always gives the same text.
    """
    with _style(), warnings.catch_warnings():
        # Text stays text, so the browser finds the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        written = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    name = str(figure.get_label())
    svg = written.getvalue()
    body = svg[svg.index("<svg") : svg.rindex("</svg>")].partition(">")[2]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    prefix = "p" + hashlib.sha256((name + body).encode()).hexdigest()[:8]
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
        f'<svg role="img" aria-label="{escape(name)}" viewBox="0 0 {box}" width="{width}" '
        f'height="{height}" style="--width: {width}px; stroke-linejoin: round">{body}</svg>'
    )


@contextmanager
def _style() -> Iterator[None]:
    """Draw in our style, whatever the user's matplotlibrc says, and leave theirs as it was."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def _pale(alpha: float, **look: float) -> dict[str, Any]:
    return {"color": _INK, "alpha": alpha, **look}


def _finite(values: Sequence[float | None]) -> list[float]:
    """Leave a gap where a value is missing or infinite."""
    return [math.nan if v is None or not math.isfinite(v) else v for v in values]


def _placed(
    cells: dict[tuple[str, str], float | None], across: Sequence[Any], down: Sequence[Any]
) -> Iterator[tuple[tuple[int, int], float | None]]:
    """Yield column and row of each cell with its value."""
    columns = {repr(value): place for place, value in enumerate(across)}
    rows = {repr(value): place for place, value in enumerate(down)}
    for (x, y), value in cells.items():
        yield (columns[x], rows[y]), value


def _name_levels(axes: Axes, which: str, parameter: str, values: Sequence[Any]) -> None:
    """Label the places of an axis with the values of a parameter."""
    texts = [value_text(value) for value in values]
    texts = [text if len(text) <= 24 else f"{text[:23]}…" for text in texts]
    crowded = which == "x" and len(texts) * max(map(len, texts), default=0) > 45
    axis = axes.xaxis if which == "x" else axes.yaxis
    turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    axis.set_ticks(range(len(texts)), texts, **(turned if crowded else {}))
    axis.set_label_text(parameter)
