"""The critical-difference diagram of mean ranks (Demšar 2006, figure 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mmrec.reporting.plots.style import CHARACTERS, INK, WIDTH, shortened
from mmrec.text import value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP = 0.22
"""Inches between the names of two models."""


def cliques(ranks: Mapping[str, float], critical_difference: float) -> list[tuple[float, float]]:
    """Return the ends of the largest groups of models that do not differ significantly."""
    ordered = sorted(ranks.values())
    found: list[tuple[float, float]] = []
    for place, low in enumerate(ordered):
        high = max(x for x in ordered if x - low < critical_difference)
        is_inside = bool(found) and high <= found[-1][1]
        if high > low and not is_inside and high != ordered[place]:
            found.append((low, high))
    return found


def draw_diagram(figure: Figure, label: str, ranks: Mapping[str, float], critical: float) -> None:
    """Draw the mean ranks on an axis, and a bar over each group that does not differ.

    Args:
        figure: an empty one.
        label: the metric.
        ranks: mean rank of each model.
        critical: the critical difference.
    """
    ordered = sorted(ranks.items(), key=lambda item: item[1])
    groups = cliques(ranks, critical)
    n_left = (len(ordered) + 1) // 2
    n_rows = n_left + len(groups)
    texts = {model: f"{shortened(model, 24)} {rank:.2f}" for model, rank in ordered}
    margin = max(map(len, texts.values())) / CHARACTERS + 0.3
    width = max(WIDTH, 2 * margin + 2)
    outside = margin * (len(ordered) - 1) / (width - 2 * margin)
    figure.set_size_inches(width, 0.9 + _STEP * (n_rows + 1))
    axes = figure.subplots()
    bottom = -(n_rows + 1.0)
    axes.set_xlim(1 - outside, len(ordered) + outside)
    axes.set_ylim(bottom, 2.4)
    axes.axis("off")
    _draw_axis(axes, len(ordered))
    axes.plot([1, 1 + critical], [1.5, 1.5], color=INK, linewidth=1.5)
    axes.text(1, 1.7, f"critical difference {critical:.2f}", ha="left", va="bottom")
    for row, (low, high) in enumerate(groups, 1):
        axes.plot([low - 0.03, high + 0.03], [-0.6 * row] * 2, color=INK, linewidth=3)
    start = -0.6 * len(groups) - 1
    for place, (model, rank) in enumerate(ordered):
        is_left = place < n_left
        height = start - (place if is_left else len(ordered) - 1 - place)
        end = 0.9 if is_left else len(ordered) + 0.1
        axes.plot([rank, rank, end], [0, height, height], color=INK, linewidth=0.8)
        axes.text(end, height, f" {texts[model]} ", ha="right" if is_left else "left", va="center")
    said = ", ".join(f"{model} {value_text(rank)}" for model, rank in ordered)
    figure.set_label(f"Mean ranks by {label}: {said}; critical difference {critical:.2f}")


def _draw_axis(axes: Axes, n_models: int) -> None:
    axes.plot([1, n_models], [0, 0], color=INK, linewidth=0.8)
    for rank in range(1, n_models + 1):
        axes.plot([rank, rank], [0, 0.2], color=INK, linewidth=0.8)
        axes.text(rank, 0.3, str(rank), ha="center", va="bottom")
