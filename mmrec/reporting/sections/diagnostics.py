"""Diagnostics of a model by epoch, such as the weight of each modality."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from mmrec.errors import DataError, listing, nearest
from mmrec.reporting.plots.style import (
    BEST_EPOCH,
    WIDTH,
    Drawing,
    epoch_axis,
    finite,
    legend,
    series,
)
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Plot, figure
from mmrec.reporting.sections.learning import table_epochs
from mmrec.reporting.table import ReportTable, make_table
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def diagnostics_plots(study: Study) -> Iterator[Plot]:
    """Yield a figure for each quantity of the best trial."""
    trial = study.best
    which = "the best trial"
    if study.is_repeated and trial is not None:
        which = f"trial {trial.index + 1} alone, the first of the best point"
    for quantity in quantities(trial) if trial is not None else ():
        assert trial is not None
        yield Plot(
            f"{quantity.replace('_', ' ').capitalize()} of {which}. The dashed line is its best "
            "epoch.",
            series_table(trial, quantity),
            partial(_draw, trial=trial, quantity=quantity),
        )


@figure
def diagnostics(data: ReportData, quantity: str, model: str | None = None) -> Drawing:
    """Draw a quantity that a model reports, see :meth:`mmrec.models.Model.diagnostics`.

    Args:
        data: of the run.
        quantity: the part of the names before the slash, for example ``modality_weights``.
        model: the model's name; by default the first model that reports it.

    Raises:
        DataError: the model does not exist or does not report the quantity.
    """

    def drawing(study: Study) -> Drawing:
        known = quantities(study.best) if study.best is not None else []
        if study.best is None or quantity not in known:
            hint = f"{nearest(quantity, known)}; accepted: {listing(known) or 'none'}"
            raise DataError(f"no diagnostics {quantity!r}{hint}")
        return partial(_draw, trial=study.best, quantity=quantity)

    return data.first(model, drawing)


@figure
def modality_weights(data: ReportData, model: str | None = None) -> Drawing:
    """Draw the weight of each modality by epoch, for the best trial of a model.

    Args:
        data: of the run.
        model: its name; by default the first model that reports such weights.

    Raises:
        DataError: the model does not exist or does not report such weights.
    """
    return diagnostics(data, "modality_weights", model)


def quantities(trial: TrialRecord) -> list[str]:
    """Return what a model reported, such as ``modality_weights``."""
    names = (name for entry in trial.history for name in entry.get("diagnostics", {}))
    return list(dict.fromkeys(name.partition("/")[0] for name in names))


def series_of(trial: TrialRecord, quantity: str) -> dict[str, dict[int, float]]:
    """Return the values of a quantity by name and epoch.

    The names are what follows the slash, such as ``visual`` in ``modality_weights/visual``; a
    quantity without a slash has its own name.
    """
    found: dict[str, dict[int, float]] = {}
    for entry in trial.history:
        for full_name, value in entry.get("diagnostics", {}).items():
            of, _, name = full_name.partition("/")
            if of == quantity:
                found.setdefault(name or of, {})[entry["epoch"]] = value
    return found


def series_table(trial: TrialRecord, quantity: str) -> ReportTable:
    """Return the values of a quantity, a row for each epoch of :func:`table_epochs`."""
    found = series_of(trial, quantity)
    epochs = {epoch for values in found.values() for epoch in values}
    rows = [
        [str(epoch), *(values.get(epoch) for values in found.values())]
        for epoch in table_epochs(epochs, [trial.best_epoch])
    ]
    caption = f"{quantity.replace('_', ' ').capitalize()} of trial {trial.index + 1} by epoch."
    return make_table(caption, ["epoch", *found], rows)


def _draw(figure: Figure, *, trial: TrialRecord, quantity: str) -> None:
    figure.set_size_inches(WIDTH, 2.9)
    axes = figure.subplots()
    found = series_of(trial, quantity)
    for place, (name, values) in enumerate(found.items()):
        look = series(place) | ({} if len(values) <= 40 else {"marker": ""})
        axes.plot(list(values), finite(list(values.values())), label=name, markersize=4, **look)
    if trial.best_epoch:
        axes.axvline(trial.best_epoch, **BEST_EPOCH)
    title = quantity.replace("_", " ")
    axes.set_title(title, wrap=True)
    epoch_axis(axes)
    legend(figure, axes)
    last = ", ".join(f"{name} {list(values.values())[-1]:.4f}" for name, values in found.items())
    figure.set_label(f"{title} by epoch; at the last one {last}.")
