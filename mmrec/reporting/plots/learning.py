"""Figures of training: how trials learned, and what a model told of itself meanwhile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmrec.reporting.plots.style import (
    ACCENT,
    WIDTH,
    finite,
    legend,
    new_figure,
    pale,
    series,
    styled,
)
from mmrec.reporting.selection import told_parts
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_CURVES = 50
"""Trials that are drawn at most; the best of them."""


def learning_curves(
    study: Study,
    label: str,
    *,
    split: str = "validation",
    figure: Figure | None = None,
) -> Figure:
    """Draw loss and a held-out figure by epoch; the best trial stands out, the others are pale.

    Args:
        study: the trials of one model; those that failed are passed over.
        label: the figure to draw, for example ``Recall@20``.
        split: where the figure was taken.
        figure: an empty one to draw into.
    """
    with styled():
        from matplotlib.ticker import MaxNLocator

        figure = new_figure(WIDTH, 4.1, figure)
        above, below = figure.subplots(2, 1, sharex=True)
        drawn = study.ranked[:MAX_CURVES]
        faint = pale(0.3 * min(1, 6 / max(1, len(drawn))) ** 0.5, linewidth=0.9)
        for record in reversed(drawn):
            is_best = record is drawn[0]
            line = {"color": ACCENT, "linewidth": 2} if is_best else faint
            dot = {"marker": "o", "markersize": 3} if len(record.losses) == 1 else {}
            above.plot(range(1, len(record.losses) + 1), finite(record.losses), **line, **dot)
            history = [(h["epoch"], h["validation"].get(label)) for h in record.history]
            evaluated = [pair for pair in history if pair[1] is not None]
            is_marked = len(evaluated) == 1 or (is_best and len(evaluated) <= 40)
            mark = {"marker": "o", "markersize": 3} if is_marked else {}
            epochs, values = zip(*evaluated, strict=True) if evaluated else ((), ())
            below.plot(epochs, finite(values), **line, **mark)
        text = f"{split} {label}"
        if drawn and drawn[0].best_epoch is not None:
            best = drawn[0]
            value = best.validation.get(label, math.nan)
            for axes in (above, below):
                axes.axvline(best.best_epoch, color=ACCENT, linewidth=0.8, linestyle=(0, (3, 3)))
            below.plot(best.best_epoch, value, "o", color=ACCENT, markersize=7)
            text += f": {value:.4f} at the best epoch, {best.best_epoch}"
        if max((len(record.losses) for record in drawn), default=0) == 1:
            below.set_xlim(0, 2)
        above.set_title("mean training loss")
        below.set_title(text, wrap=True)
        below.set_xlabel("epoch")
        below.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        figure.set_label(f"Learning curves of {len(drawn)} trials. Below, {text}.")
        return figure


def diagnostics(record: TrialRecord, quantity: str, *, figure: Figure | None = None) -> Figure:
    """Draw the parts of a quantity that a model told of itself, by epoch.

    Args:
        record: the trial.
        quantity: for example ``modality_weights``.
        figure: an empty one to draw into.
    """
    with styled():
        from matplotlib.ticker import MaxNLocator

        figure = new_figure(WIDTH, 2.9, figure)
        axes = figure.subplots()
        parts = told_parts(record, quantity)
        for place, (part, told) in enumerate(parts.items()):
            look = series(place) | ({} if len(told) <= 40 else {"marker": ""})
            axes.plot(list(told), finite(list(told.values())), label=part, markersize=4, **look)
        if record.best_epoch:
            axes.axvline(record.best_epoch, color=ACCENT, linewidth=0.8, linestyle=(0, (3, 3)))
        axes.set_title(quantity.replace("_", " "), wrap=True)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        legend(figure, axes, len(parts))
        last = ", ".join(f"{part} {list(told.values())[-1]:.4f}" for part, told in parts.items())
        figure.set_label(f"{quantity.replace('_', ' ')} by epoch; at the last one {last}.")
        return figure
