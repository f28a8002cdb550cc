"""Figures of a search: what was tried, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mmrec.reporting.plots.style import (
    ACCENT,
    CHARACTERS,
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


def search_heatmap(
    study: Study,
    parameters: tuple[str, str],
    *,
    split: str = "validation",
    figure: Figure | None = None,
) -> Figure:
    """Draw the selected value over two parameters, the best over all others.

    Args:
        study: the trials of one model.
        parameters: the one across and the one down.
        split: where it was taken.
        figure: an empty one to draw into.
    """
    across, down = map(study.levels, parameters)
    cells = study.best_values(*parameters)
    values = [value for value in cells.values() if value is not None]
    best = study.objective.best(values) if values else math.nan
    spread = max(values, default=0) - min(values, default=0)
    with styled():
        from matplotlib.patches import Rectangle

        width, height = max(WIDTH, 1.2 + 0.68 * len(across)), 1.1 + 0.42 * max(2, len(down))
        figure = new_figure(width, height, figure)
        axes = figure.subplots()
        for (x, y), value in _placed(cells, across, down):
            is_best = value == best
            share = abs(value - best) / spread if value is not None and spread else 0
            alpha = 0 if value is None else 0.06 + 0.4 * (1 - share)
            # Opacity, not a colour map: the ink on it stays readable on either ground.
            axes.add_patch(
                Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=ACCENT, alpha=alpha, linewidth=0)
            )
            told = "failed" if value is None else f"{value:.4f}"
            weight = "bold" if is_best else "normal"
            axes.text(x, y, told, ha="center", va="center", fontsize=8.5, fontweight=weight)
        axes.set_xlim(-0.5, len(across) - 0.5)
        axes.set_ylim(len(down) - 0.5, -0.5)
        _name_levels(axes, "y", parameters[1], down)
        _name_levels(axes, "x", parameters[0], across)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        repeated = len({r.trial_id for r in study.records}) > len(cells)
        text = study.objective.title(split) + (
            ", the best over all other parameters" if repeated else ""
        )
        axes.set_title(text, wrap=True)
        figure.set_label(f"{text}, by {parameters[0]} and {parameters[1]}; the best is {best:.4f}.")
        return figure


def search_scatter(
    study: Study,
    parameter: str,
    *,
    split: str = "validation",
    figure: Figure | None = None,
) -> Figure:
    """Draw the selected value of every trial over one parameter; crosses are failed trials.

    Args:
        study: the trials of one model.
        parameter: its name.
        split: where it was taken.
        figure: an empty one to draw into.
    """
    values = study.levels(parameter)
    places = {repr(value): float(place) for place, value in enumerate(values)}
    is_scale = len(values) > MAX_CATEGORIES and all(map(is_number, values))
    if is_scale:
        places = {repr(value): float(value) for value in values}
    with styled():
        figure = new_figure(WIDTH, 2.8, figure)
        axes = figure.subplots()
        for record in reversed(study.ranked):
            x, y = places[repr(record.parameters.get(parameter))], study.value(record)
            assert y is not None
            is_best = record is study.ranked[0]
            look = {"color": ACCENT, "markersize": 8} if is_best else pale(0.5, markersize=5)
            axes.plot(x, y, "o", **look)
        failed = [
            places[repr(r.parameters.get(parameter))]
            for r in study.records
            if study.value(r) is None
        ]
        axes.plot(
            *(failed, [0.03] * len(failed), "x"), color=INK, transform=axes.get_xaxis_transform()
        )
        if is_scale:
            axes.set_xlabel(broken(parameter, int(WIDTH * CHARACTERS)))
            if values[0] > 0 and values[-1] / values[0] >= 50:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(lambda value, _: value_text(float(value)))
                axes.xaxis.set_minor_formatter(lambda value, _: "")
        else:
            axes.set_xlim(-0.5, len(values) - 0.5)
            _name_levels(axes, "x", parameter, values)
        text = study.objective.title(split)
        axes.set_title(text, wrap=True)
        figure.set_label(f"{text} of {len(study.records)} trials, by {parameter}.")
        return figure


def _placed(
    cells: dict[tuple[str, str], float | None], across: Sequence[Any], down: Sequence[Any]
) -> Iterator[tuple[tuple[int, int], float | None]]:
    """Yield column and row of each cell with its value."""
    columns = {repr(value): place for place, value in enumerate(across)}
    rows = {repr(value): place for place, value in enumerate(down)}
    for (x, y), value in cells.items():
        yield (columns[x], rows[y]), value


def _name_levels(axes: Axes, which: str, parameter: str, values: Sequence[Any]) -> None:
    """Label the places of an axis with the values of a parameter, and the axis with its name."""
    texts = [shortened(value_text(value), 24) for value in values]
    longest = max(map(len, texts), default=0)
    figure = axes.get_figure(root=True)
    assert figure is not None
    turned: dict[str, Any] = {}
    if which == "x" and len(texts) * longest > 45:
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        grow(figure, longest / CHARACTERS * math.sin(math.radians(35)))
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(range(len(texts)), texts, **turned)
    width, height = figure.get_size_inches()
    room = width - 1.2 if which == "x" else height - 0.9
    axis.set_label_text(broken(parameter, int(room * CHARACTERS)))
