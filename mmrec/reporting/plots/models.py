"""Figures that hold models against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmrec.data import FloatArray
from mmrec.evaluation import GROUPS
from mmrec.reporting.per_user import share_at_most, value_grid
from mmrec.reporting.plots.style import INK, WIDTH, finite, legend, new_figure, series, styled
from mmrec.runs.records import TrialRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def per_user(
    values: Mapping[str, FloatArray], label: str, *, figure: Figure | None = None
) -> Figure:
    """Draw for each model which share of the users has at most a value of a metric.

    Args:
        values: by model, [U], NaN for users who do not count.
        label: the metric, for example ``Recall@20``.
        figure: an empty one to draw into.
    """
    grid = value_grid(list(values.values()))
    with styled():
        figure = new_figure(WIDTH, 3.3, figure)
        axes = figure.subplots()
        for place, (model, of_users) in enumerate(values.items()):
            look = series(place) | {"markersize": 4, "markevery": (place % 5, 20)}
            shares = share_at_most(of_users, grid)
            axes.plot(grid, shares, drawstyle="steps-post", label=model, linewidth=1.5, **look)
        axes.set_title(f"share of users with at most this test {label}", wrap=True)
        axes.set_xlabel(f"test {label} of a user")
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        legend(figure, axes, len(values))
        at_zero = [f"{model} {share_at_most(x, grid)[0]:.0%}" for model, x in values.items()]
        figure.set_label(
            f"Distribution of test {label} over the users. At {grid[0]:g}: {', '.join(at_zero)}."
        )
        return figure


def popularity(
    records: Mapping[str, TrialRecord], cutoff: int, *, figure: Figure | None = None
) -> Figure:
    """Draw Recall of popular, middling and rare items, and their share of the recommendations.

    Args:
        records: by model, a trial with figures by popularity.
        cutoff: of the lists.
        figure: an empty one to draw into.
    """
    with styled():
        figure = new_figure(WIDTH, 4.6, figure)
        above, below = figure.subplots(2, 1, sharex=True)
        for place, (model, record) in enumerate(records.items()):
            for axes, name in ((above, "Recall"), (below, "Share")):
                figures = [record.groups[group][f"{name}@{cutoff}"] for group in GROUPS]
                look = series(place) | {"markersize": 5, "linewidth": 1.5}
                axes.plot(range(len(GROUPS)), finite(figures), label=model, **look)
        first = next(iter(records.values()))
        wanted = [first.groups[group]["relevant"] for group in GROUPS]
        total = sum(wanted) or 1
        below.plot(
            *(range(len(GROUPS)), [count / total for count in wanted]),
            color=INK,
            linewidth=1,
            linestyle=(0, (3, 3)),
            alpha=0.8,
        )
        above.set_title(f"test Recall@{cutoff} of the group's items")
        below.set_title(f"share of the {cutoff} recommended items")
        _name_groups(below, [int(first.groups[group]["items"]) for group in GROUPS])
        for axes in (above, below):
            axes.set_ylim(bottom=0)
        below.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        legend(figure, above, len(records))
        told = [
            f"{model} " + ", ".join(f"{g} {r.groups[g][f'Recall@{cutoff}']:.4f}" for g in GROUPS)
            for model, r in records.items()
        ]
        figure.set_label(f"Test Recall@{cutoff} by popularity of the items. {'; '.join(told)}.")
        return figure


def _name_groups(axes: Axes, sizes: Sequence[int]) -> None:
    texts = [f"{name}\n{size:,} items" for name, size in zip(GROUPS, sizes, strict=True)]
    axes.set_xticks(range(len(GROUPS)), texts)
    axes.set_xlim(-0.3, len(GROUPS) - 0.7)
