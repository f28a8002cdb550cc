"""A heat map: a value for each pair of values of two hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mmrec.reporting.plots.parameter import Parameter
from mmrec.reporting.plots.style import ACCENT, WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_heatmap(
    figure: Figure,
    across: Parameter,
    down: Parameter,
    values: Mapping[tuple[str, str], float | None],
    deviations: Mapping[tuple[str, str], float | None],
    *,
    best: float,
    title: str,
) -> None:
    """Draw a cell for each pair; a stronger colour is a better value.

    Args:
        figure: an empty one.
        across: the parameter of the horizontal axis.
        down: the parameter of the vertical axis.
        values: by the ``repr`` of a value of each; None for a pair that failed.
        deviations: by the same, for values that are means; else None.
        best: the best of the values.
        title: what the values are.
    """
    from matplotlib.patches import Rectangle

    height = 1.1 + 0.42 * max(2, len(down.levels))
    figure.set_size_inches(max(WIDTH, 1.2 + 0.68 * len(across.levels)), height)
    axes = figure.subplots()
    size = 8.5 if all(x is None for x in deviations.values()) else 7.5
    known = [value for value in values.values() if value is not None]
    spread = max(known, default=0) - min(known, default=0)
    for (of_across, of_down), value in values.items():
        x, y = across.places[of_across], down.places[of_down]
        share = abs(value - best) / spread if value is not None and spread else 0
        # Opacity, not a colour map: the text on it stays readable in light and in dark.
        alpha = 0 if value is None else 0.06 + 0.4 * (1 - share)
        axes.add_patch(
            Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=ACCENT, alpha=alpha, linewidth=0)
        )
        deviation = deviations.get((of_across, of_down))
        text = "failed" if value is None else f"{value:.4f}"
        text += "" if deviation is None else f"\n± {deviation:.4f}"
        weight = "bold" if value == best else "normal"
        axes.text(x, y, text, ha="center", va="center", fontsize=size, fontweight=weight)
    axes.set_xlim(-0.5, len(across.levels) - 0.5)
    axes.set_ylim(len(down.levels) - 0.5, -0.5)
    down.label(axes, "y")
    across.label(axes, "x")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, wrap=True)
    figure.set_label(f"{title}, by {across.name} and {down.name}; the best is {best:.4f}.")
