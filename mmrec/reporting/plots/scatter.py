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
    trials: Sequence[tuple[Any, float]],
    failed: Sequence[Any],
    *,
    title: str,
) -> None:
    """Draw a point for each trial, and a cross for each failed one.

    Args:
        figure: an empty one.
        parameter: the parameter of the horizontal axis.
        trials: the parameter's value and the trial's, the best trial first.
        failed: the parameter's values of failed trials.
        title: what the trials' values are.
    """
    levels = parameter.levels
    is_scale = len(levels) > MAX_CATEGORIES and all(map(is_number, levels))
    place: dict[str, float] = dict(parameter.places)
    if is_scale:
        place = {repr(level): float(level) for level in levels}
    figure.set_size_inches(WIDTH, 2.8)
    axes = figure.subplots()
    for rank in reversed(range(len(trials))):
        level, value = trials[rank]
        look = pale(0.5, markersize=5) if rank else {"color": ACCENT, "markersize": 8}
        axes.plot(place[repr(level)], value, "o", **look)
    crosses = [place[repr(level)] for level in failed], [0.03] * len(failed)
    axes.plot(*crosses, "x", color=INK, transform=axes.get_xaxis_transform())
    if is_scale:
        _label_scale(axes, parameter)
    else:
        axes.set_xlim(-0.5, len(levels) - 0.5)
        parameter.label(axes, "x")
    axes.set_title(title, wrap=True)
    figure.set_label(f"{title} of {len(trials) + len(failed)} trials, by {parameter.name}.")


def _label_scale(axes: Axes, parameter: Parameter) -> None:
    """Label the axis of numbers; it is logarithmic if they span a factor of 50."""
    axes.set_xlabel(broken(parameter.name, int(WIDTH * CHARACTERS)))
    low, high = parameter.levels[0], parameter.levels[-1]
    if low > 0 and high / low >= 50:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: value_text(float(value)))
        axes.xaxis.set_minor_formatter(lambda value, _: "")
