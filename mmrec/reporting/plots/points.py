"""A scatter plot of models: one value over another, named in a legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from mmrec.reporting.plots.style import WIDTH, legend, series_mark
from mmrec.text import value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 20
"""The axis is logarithmic if the values span this factor."""


class ModelPoint(NamedTuple):
    """A model in the plot."""

    x: float
    y: float
    deviation: float | None
    """The standard deviation of ``y``, drawn as a bar; None for a single trial."""
    place: int
    """The place of the model in the run, so that it looks the same in each figure."""


def draw_points(
    figure: Figure, points: Mapping[str, ModelPoint], *, across: str, title: str
) -> None:
    """Draw a mark for each model.

    Args:
        figure: an empty one.
        points: by model.
        across: what the horizontal axis shows.
        title: what the vertical axis shows.
    """
    figure.set_size_inches(WIDTH, 3.1)
    axes = figure.subplots()
    for model, point in points.items():
        look = series_mark(point.place)
        axes.plot(point.x, point.y, linestyle="none", label=model, **look)
        if point.deviation is not None:
            ends = [point.y - point.deviation, point.y + point.deviation]
            axes.plot([point.x] * 2, ends, linewidth=1.2, color=look["color"])
    axes.set_title(title, wrap=True)
    axes.set_xlabel(across)
    axes.margins(0.08, 0.12)
    _scale(axes, [point.x for point in points.values()])
    legend(figure, axes)
    texts = [f"{model} {x:.4g} and {y:.4f}" for model, (x, y, *_) in points.items()]
    figure.set_label(f"{title} over {across}. {'; '.join(texts)}.")


def _scale(axes: Axes, values: list[float]) -> None:
    low, high = min(values), max(values)
    if low > 0 and high / low >= _WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.xaxis.set_major_formatter(lambda value, _: _short(float(value)))


def _short(value: float) -> str:
    """Write a number of an axis: ``2.5M``, ``300k``, ``12``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value_text(value / size)}{letter}"
    return value_text(value)
