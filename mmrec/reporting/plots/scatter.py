"""A scatter plot: the value of each trial over one hyper-parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmrec.reporting.plots.parameter import Parameter
from mmrec.reporting.plots.style import (
    ACCENT,
    CHARACTERS,
    INK,
    MAX_CATEGORIES,
    WIDTH,
    broken,
    pale,
)
from mmrec.text import is_number, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_scatter(
    figure: Figure,
    parameter: Parameter,
    points: Sequence[tuple[Any, float, float | None]],
    failed: Sequence[Any],
    *,
    title: str,
    unit: str,
) -> None:
    """Draw a dot for each point of the search, and a cross for each failed one.

    Args:
        figure: an empty one.
        parameter: the parameter of the horizontal axis.
        points: the parameter's value, the point's value and its standard deviation, which is
            drawn as a bar unless it is None; the best point first.
        failed: the parameter's values of failed points.
        title: what the points' values are.
        unit: ``trials`` or ``points``, for the description.
    """
    levels = parameter.levels
    is_scale = len(levels) > MAX_CATEGORIES and all(map(is_number, levels))
    place: dict[str, float] = dict(parameter.places)
    if is_scale:
        place = {repr(level): float(level) for level in levels}
    figure.set_size_inches(WIDTH, 2.8)
    axes = figure.subplots()
    for rank in reversed(range(len(points))):
        level, value, deviation = points[rank]
        look = pale(0.5, markersize=5) if rank else {"color": ACCENT, "markersize": 8}
        axes.plot(place[repr(level)], value, "o", **look)
        if deviation is not None:
            ends = [value - deviation, value + deviation]
            look = pale(0.4) if rank else {"color": ACCENT}
            axes.plot([place[repr(level)]] * 2, ends, linewidth=1.2, **look)
    crosses = [place[repr(level)] for level in failed], [0.03] * len(failed)
    axes.plot(*crosses, "x", color=INK, transform=axes.get_xaxis_transform())
    if is_scale:
        _label_scale(axes, parameter)
    else:
        axes.set_xlim(-0.5, len(levels) - 0.5)
        parameter.label(axes, "x")
    axes.set_title(title, wrap=True)
    figure.set_label(f"{title} of {len(points) + len(failed)} {unit}, by {parameter.name}.")


def _label_scale(axes: Axes, parameter: Parameter) -> None:
    """Label the axis of numbers; it is logarithmic if they span a factor of 50."""
    axes.set_xlabel(broken(parameter.name, int(WIDTH * CHARACTERS)))
    low, high = parameter.levels[0], parameter.levels[-1]
    if low > 0 and high / low >= 50:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: value_text(float(value)))
        axes.xaxis.set_minor_formatter(lambda value, _: "")
