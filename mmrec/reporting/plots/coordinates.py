"""A search of many parameters at once: a line for each trial, an axis for each parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mmrec.reporting.plots.style import (
    ACCENT,
    GROUND,
    INK,
    MAX_CATEGORIES,
    WIDTH,
    broken,
    grow,
    new_figure,
    pale,
    shortened,
    styled,
)
from mmrec.runs.study import Study
from mmrec.text import is_number, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME = 13
"""Characters of a name that fit beside the next axis's."""
_LINE = 0.14
"""Inches of a line of names."""

MAX_LINES = 200
"""Trials that are drawn at most; the best of them."""


def parallel_coordinates(
    study: Study,
    parameters: Sequence[str],
    *,
    split: str = "validation",
    figure: Figure | None = None,
) -> Figure:
    """Draw each trial as a line over its parameters to its selected value; stronger is better.

    Args:
        study: the trials of one model; those without a selected value are passed over.
        parameters: one axis each, then one for the value.
        split: where it was taken.
        figure: an empty one to draw into.
    """
    drawn = study.ranked[:MAX_LINES]
    values = [study.value(record) or 0.0 for record in drawn]
    scales = [_scale_of(replace(study, records=drawn).levels(name)) for name in parameters]
    scales.append(_scale_of_values(min(values, default=0.0), max(values, default=0.0)))
    text = study.objective.title(split)
    with styled():
        figure = new_figure(max(WIDTH, 1.2 * len(scales)), 3.1, figure)
        axes = figure.subplots()
        for place in reversed(range(len(drawn))):
            points = [drawn[place].parameters.get(name) for name in parameters]
            shown = [*map(repr, points), repr(values[place])]
            heights = [scale.height(value) for scale, value in zip(scales, shown, strict=True)]
            look = pale(0.55 - 0.4 * place / len(drawn), linewidth=0.9)
            if place == 0:
                look = {"color": ACCENT, "linewidth": 2.2, "marker": "o"}
            axes.plot(range(len(heights)), heights, markersize=4, clip_on=False, **look)
        for place, scale in enumerate(scales):
            _draw_axis(axes, place, scale)
        names = [broken(name, _NAME) for name in (*parameters, text)]
        grow(figure, _LINE * max(name.count("\n") - 1 for name in names))
        axes.set_xticks(range(len(scales)), names)
        axes.set_yticks([])
        axes.set_xlim(-0.1, len(scales) - 0.45)
        axes.set_ylim(-0.06, 1.1)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.set_label(
            f"{len(drawn)} trials, each a line over {', '.join(parameters)} to its {text}."
        )
        return figure


@dataclass(frozen=True)
class _Scale:
    """Where values, by their ``repr``, stand on an axis from 0 to 1, and what is written at it."""

    places: dict[str, float]
    marks: list[tuple[float, str]]
    low: float = 0.0
    high: float = 0.0

    def height(self, value: str) -> float:
        if value in self.places:
            return self.places[value]
        return (float(value) - self.low) / (self.high - self.low) if self.high > self.low else 0.5


def _scale_of(values: Sequence[Any]) -> _Scale:
    """Space values evenly; many numbers by their size, logarithmic if they span a factor of 50."""
    if len(values) > MAX_CATEGORIES and all(map(is_number, values)):
        is_log = values[0] > 0 and values[-1] / values[0] >= 50
        sizes = [math.log(value) if is_log else float(value) for value in values]
        written, text = {0, len(values) - 1}, _rounded
    else:
        sizes = [float(place) for place in range(len(values))]
        written, text = set(range(len(values))), value_text
    span = sizes[-1] - sizes[0] if len(sizes) > 1 else 0.0
    heights = [(size - sizes[0]) / span if span else 0.5 for size in sizes]
    places = dict(zip(map(repr, values), heights, strict=True))
    marks = [(heights[n], shortened(text(values[n]), 16)) for n in sorted(written)]
    return _Scale(places, marks)


def _scale_of_values(low: float, high: float) -> _Scale:
    if high <= low:
        return _Scale({}, [(0.5, f"{low:.4f}")], low, high)
    marks = [(share, f"{low + share * (high - low):.4f}") for share in (0.0, 0.5, 1.0)]
    return _Scale({}, marks, low, high)


def _draw_axis(axes: Axes, place: int, scale: _Scale) -> None:
    axes.axvline(place, color=INK, linewidth=0.6, alpha=0.6)
    behind = {"facecolor": GROUND, "alpha": 0.85, "edgecolor": "none", "pad": 0.8}
    for height, text in scale.marks:
        axes.text(place + 0.05, height + 0.02, text, va="bottom", fontsize=8, bbox=behind, zorder=3)


def _rounded(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
