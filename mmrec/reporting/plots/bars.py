"""Bars: a share for each of several names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mmrec.reporting.plots.style import ACCENT, WIDTH, broken, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME = 20
"""Characters of a line of a name."""


def draw_shares(figure: Figure, shares: Mapping[str, float | None], *, title: str) -> None:
    """Draw a bar for each share, the first at the top.

    Args:
        figure: an empty one.
        shares: by name; None for one that is not known.
        title: what the shares are of.
    """
    names = [broken(shortened(name, 3 * _NAME), _NAME) for name in shares]
    n_lines = sum(1 + name.count("\n") for name in names)
    figure.set_size_inches(WIDTH, 0.9 + 0.1 * len(names) + 0.16 * n_lines)
    axes = figure.subplots()
    known = [0.0 if share is None else share for share in shares.values()]
    axes.barh(range(len(names)), known, color=ACCENT, height=0.6)
    for place, share in enumerate(shares.values()):
        text = "not known" if share is None else f"{share:.0%}"
        axes.text(known[place] + 0.015, place, text, va="center")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.12 if max(known) > 0.8 else 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, wrap=True, loc="left")
    texts = ", ".join(f"{k} {'not known' if x is None else f'{x:.0%}'}" for k, x in shares.items())
    figure.set_label(f"{title}: {texts}.")
