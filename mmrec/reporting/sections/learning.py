"""Learning curves: training loss and validation metric by epoch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mmrec.errors import DataError
from mmrec.reporting.plots.style import (
    ACCENT,
    BEST_EPOCH,
    WIDTH,
    Drawing,
    epoch_axis,
    finite,
    pale,
)
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Plot, figure
from mmrec.reporting.sections.trials import best_first
from mmrec.reporting.table import ReportTable, make_table
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import repetitions_text
from mmrec.runs.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_COLUMNS = 10
"""Trials in the table; all are in trials.jsonl."""
_MAX_ROWS = 100
"""Epochs in a table, without the best ones."""
_MAX_CURVES = 50
"""Trials in the figure: the best of them."""


def learning_plots(study: Study, split: str) -> Iterator[Plot]:
    """Yield the figure of a model that was trained by gradient."""
    label = _label(study)
    if label is not None:
        yield Plot(
            _caption(study),
            curve_table(study, label, split),
            partial(_draw, study=study, label=label, split=split),
        )


@figure
def learning_curves(data: ReportData, model: str | None = None) -> Drawing:
    """Draw loss and validation metric by epoch, for all trials of a model: two axes.

    Args:
        data: of the run.
        model: its name; by default the first model that was trained by gradient.

    Raises:
        DataError: the model does not exist or was not trained by gradient.
    """

    def drawing(study: Study) -> Drawing:
        label = _label(study)
        if label is None:
            raise DataError("not trained by gradient")
        return partial(_draw, study=study, label=label, split=data.split)

    return data.first(model, drawing)


def _label(study: Study) -> str | None:
    """Return the validation metric of the curves: what is selected by, else the first."""
    if not study.ranked or not any(record.losses for record in study.records):
        return None
    labels = study.ranked[0].validation
    by = study.objective.label
    return by if by in labels else next(iter(labels), None)


def _caption(study: Study) -> str:
    if len(study.best_trials) > 1:
        over = repetitions_text(study.best_trials)
        return (
            f"Learning curves. The thick line is the mean of the best point over {over}; the thin "
            "lines are its trials, with a dot at the best epoch of each."
        )
    others = " The best trial is highlighted." if len(study.ranked) > 1 else ""
    return f"Learning curves.{others} The dashed line is the best epoch."


def mean_curve(curves: Sequence[Mapping[int, float | None]]) -> dict[int, float]:
    """Return the mean by epoch of several curves, for the epochs that all of them have."""
    shared = [epoch for epoch in curves[0] if all(epoch in curve for curve in curves)]
    values = {epoch: [curve[epoch] for curve in curves] for epoch in shared}
    return {
        epoch: fmean(x for x in found if x is not None)
        for epoch, found in values.items()
        if None not in found
    }


def _loss_curve(trial: TrialRecord) -> dict[int, float | None]:
    return dict(enumerate(trial.losses, 1))


def value_curve(trial: TrialRecord, label: str) -> dict[int, float]:
    """Return the values of the evaluated epochs that have one."""
    values = {entry["epoch"]: entry["validation"].get(label) for entry in trial.history}
    return {epoch: value for epoch, value in values.items() if value is not None}


def table_epochs(epochs: Collection[int], best: Iterable[int | None]) -> list[int]:
    """Return the epochs that a table shows, in order: all, or some at even distances.

    Args:
        epochs: those with a value.
        best: the best epochs, which are not left out; None for a trial that has none.
    """
    step = math.ceil(len(epochs) / _MAX_ROWS) or 1
    return sorted({*sorted(epochs)[::step], *(x for x in best if x is not None and x in epochs)})


def curve_table(study: Study, label: str, split: str) -> ReportTable:
    """Return loss and validation metric of the evaluated epochs, the best trial first."""
    trials = best_first(study)[:_MAX_COLUMNS]
    by_epoch: dict[int, dict[int, Mapping[str, Any]]] = {}
    for place, trial in enumerate(trials):
        for evaluated in trial.history:
            by_epoch.setdefault(evaluated["epoch"], {})[place] = evaluated
    point = [trial for trial in trials if trial in study.best_trials]
    best = [trial.best_epoch for trial in point or trials[:1]]
    head = ["epoch"]
    means: list[Mapping[int, float]] = []
    if len(point) > 1:
        head += ["mean loss of the best point", f"its mean {split} {label}"]
        means = [mean_curve([_loss_curve(trial) for trial in point])]
        means += [mean_curve([value_curve(trial, label) for trial in point])]
    for trial in trials:
        head += [f"trial {trial.index + 1}, loss", f"trial {trial.index + 1}, {split} {label}"]
    rows = []
    for epoch in table_epochs(by_epoch, best):
        row: list[object] = [str(epoch), *(curve.get(epoch) for curve in means)]
        for place in range(len(trials)):
            entry: Mapping[str, Any] = by_epoch[epoch].get(place, {})
            row += [entry.get("loss"), entry.get("validation", {}).get(label)]
        rows.append(row)
    more = f" of the {len(trials)} best trials" if len(trials) > 1 else ""
    caption = f"Loss and {split} {label} of evaluated epochs{more}. All are in trials.jsonl."
    return make_table(caption, head, rows)


def _draw(figure: Figure, *, study: Study, label: str, split: str) -> None:
    figure.set_size_inches(WIDTH, 4.1)
    above, below = figure.subplots(2, 1, sharex=True)
    trials = best_first(study)[:_MAX_CURVES]
    point = study.best_trials if len(study.best_trials) > 1 else []
    for trial in reversed(trials):
        is_best = trial is trials[0] and not point
        _draw_trial(above, below, trial, label, len(trials), is_best=is_best)
    title = f"{split} {label}"
    if point:
        _draw_point(above, below, point, label)
        values = [trial.validation.get(label, math.nan) for trial in point]
        title = f"mean {title}: {fmean(values):.4f} at the best epochs"
    elif trials and trials[0].best_epoch is not None:
        best = trials[0]
        value = best.validation.get(label, math.nan)
        for axes in (above, below):
            axes.axvline(best.best_epoch, **BEST_EPOCH)
        below.plot(best.best_epoch, value, "o", color=ACCENT, markersize=7)
        title += f": {value:.4f} at the best epoch, {best.best_epoch}"
    if max((len(trial.losses) for trial in trials), default=0) == 1:
        below.set_xlim(0, 2)
    above.set_title("mean training loss")
    below.set_title(title, wrap=True)
    epoch_axis(below)
    figure.set_label(f"Learning curves of {len(trials)} trials. Below, {title}.")


def _draw_point(above: Axes, below: Axes, point: Sequence[TrialRecord], label: str) -> None:
    """Draw the trials of a point as thin lines and their mean as a thick one."""
    for axes, curves in (
        (above, [_loss_curve(trial) for trial in point]),
        (below, [value_curve(trial, label) for trial in point]),
    ):
        for curve in curves:
            axes.plot(list(curve), finite(list(curve.values())), color=ACCENT, linewidth=0.8)
        mean = mean_curve(curves)
        look: dict[str, Any] = {"marker": "o", "markersize": 3} if len(mean) == 1 else {}
        axes.plot(list(mean), finite(list(mean.values())), color=ACCENT, linewidth=2.2, **look)
    for trial in point:
        value = trial.validation.get(label, math.nan)
        below.plot(trial.best_epoch or 0, value, "o", color=ACCENT, markersize=4)


def _draw_trial(
    above: Axes, below: Axes, trial: TrialRecord, label: str, n_trials: int, *, is_best: bool
) -> None:
    look: dict[str, Any] = pale(0.3 * min(1, 6 / n_trials) ** 0.5, linewidth=0.9)
    if is_best:
        look = {"color": ACCENT, "linewidth": 2}
    dot: dict[str, Any] = {"marker": "o", "markersize": 3}
    epochs = range(1, len(trial.losses) + 1)
    above.plot(epochs, finite(trial.losses), **look, **(dot if len(epochs) == 1 else {}))
    known = value_curve(trial, label)
    is_marked = len(known) == 1 or (is_best and len(known) <= 40)
    below.plot(list(known), finite(list(known.values())), **look, **(dot if is_marked else {}))
