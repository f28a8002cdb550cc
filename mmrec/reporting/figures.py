"""The figures and tables of a run for a notebook or a paper: ``results.plot``, ``results.tables``.

Everything is read from the run's folder when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.errors import DataError, listing, nearest
from mmrec.evaluation import GROUPS
from mmrec.reporting import model_tables, plots, trial_tables
from mmrec.reporting.csv_files import best_table
from mmrec.reporting.over_seeds import significance_table
from mmrec.reporting.per_user import shared_label, users_of
from mmrec.reporting.sections import curve_label, grouped
from mmrec.reporting.selection import told_parts, told_quantities
from mmrec.reporting.table import Table
from mmrec.runs.finished import FinishedRun, read_settings, read_studies
from mmrec.runs.study import Study
from mmrec.runs.winner import find_winner
from mmrec.text import install_hint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Drawings:
    """Draws a run with pyplot, so that a notebook shows the figures; each returns its axes.

    Where a model can be named, it is by default the first one of the file that has the data.

    Args:
        folder: of a finished run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def learning_curves(self, model: str | None = None) -> tuple[Axes, Axes]:
        """Draw loss and selected validation figure by epoch; return the axes of the two.

        Raises:
            DataError: there is no such model, or it was not trained.
        """
        study = self._study(model, _has_curves, "was trained by gradient")
        label = curve_label(study)
        assert label is not None
        figure = plots.learning_curves(study, label, split=self._split, figure=self._figure())
        above, below = figure.axes[:2]
        return above, below

    def search_heatmap(
        self, across: str | None = None, down: str | None = None, model: str | None = None
    ) -> Axes:
        """Draw the selected value over two hyper-parameters, by default the first two tried.

        Raises:
            DataError: there is no such model, or a parameter was not tried at several values.
        """
        study = self._study(model, _is_wide, "tried several values of two hyper-parameters")
        tried = study.tried
        for name in (across, down):
            _require(name, tried, f"{study.name}: hyper-parameter tried at several values")
        across = across or next(name for name in tried if name != down)
        down = down or next(name for name in tried if name != across)
        figure = self._figure()
        plots.search_heatmap(study, (across, down), split=self._split, figure=figure)
        return figure.axes[0]

    def parallel_coordinates(self, model: str | None = None) -> Axes:
        """Draw each trial as a line over all hyper-parameters tried.

        Raises:
            DataError: there is no such model, or it tried fewer than two hyper-parameters.
        """
        study = self._study(model, _is_wide, "tried several values of two hyper-parameters")
        figure = self._figure()
        plots.parallel_coordinates(study, study.tried, split=self._split, figure=figure)
        return figure.axes[0]

    def per_user(self, label: str | None = None) -> Axes:
        """Draw how a test metric is spread over the users of each model's best trial.

        Args:
            label: for example ``nDCG@20``; by default what the models are compared by.

        Raises:
            DataError: no trial has values of users for it.
        """
        known = dict.fromkeys(label for study in self._studies for label in study.best_per_user)
        _require(label, list(known), f"{self._folder}: metric with values of users")
        label = label or shared_label(self._studies, self._main_label)
        if label is None:
            raise DataError(f"{self._folder}: no trial has values of users")
        return plots.per_user(users_of(self._studies, label), label, figure=self._figure()).axes[0]

    def popularity(self, cutoff: int | None = None) -> tuple[Axes, Axes]:
        """Draw Recall of popular and rare items, and their share; return the axes of the two.

        Args:
            cutoff: of the lists, one of the experiment's; by default the first.

        Raises:
            DataError: no trial has figures by popularity, or none at this cutoff.
        """
        records = grouped(self._studies)
        if not records:
            raise DataError(f"{self._folder}: no trial has figures by popularity")
        first = next(iter(records.values())).groups[GROUPS[0]]
        cutoffs = [name.removeprefix("Recall@") for name in first if name.startswith("Recall@")]
        _require(None if cutoff is None else str(cutoff), cutoffs, f"{self._folder}: cutoff")
        figure = plots.popularity(records, cutoff or int(cutoffs[0]), figure=self._figure())
        above, below = figure.axes[:2]
        return above, below

    def modality_weights(self, model: str | None = None) -> Axes:
        """Draw the weight of each modality by epoch, for the best trial of a model.

        Raises:
            DataError: there is no such model, or it tells no such weights.
        """
        return self.diagnostics("modality_weights", model)

    def diagnostics(self, quantity: str, model: str | None = None) -> Axes:
        """Draw what a model tells of itself, see :meth:`mmrec.models.Model.diagnostics`.

        Raises:
            DataError: there is no such model, or it tells no such quantity.
        """
        study = self._study(
            model,
            lambda x: x.best is not None and bool(told_parts(x.best, quantity)),
            f"tells {quantity!r}",
            lambda x: told_quantities(x.best) if x.best else [],
        )
        assert study.best is not None
        return plots.diagnostics(study.best, quantity, figure=self._figure()).axes[0]

    @cached_property
    def _run(self) -> FinishedRun:
        return FinishedRun.open(self._folder)

    @cached_property
    def _studies(self) -> list[Study]:
        return read_studies(self._run)

    @property
    def _split(self) -> str:
        split: str = self._run.manifest["protocol"]["selected_on"]
        return split

    @property
    def _main_label(self) -> str:
        winner = find_winner(self._studies, self._split)
        return winner.label if winner else ""

    def _study(
        self,
        model: str | None,
        is_fit: Callable[[Study], bool],
        what: str,
        instead: Callable[[Study], list[str]] = lambda _: [],
    ) -> Study:
        """Return a model's study, by default the first that is fit."""
        _require(model, [study.name for study in self._studies], f"{self._folder}: model")
        asked = [study for study in self._studies if model in (None, study.name)]
        for study in asked:
            if is_fit(study):
                return study
        known = [x for study in asked for x in instead(study)]
        hint = f"; told: {listing(list(dict.fromkeys(known)))}" if known else ""
        raise DataError(f"{self._folder}: {model or 'no model'} {_never(model, what)}{hint}")

    def _figure(self) -> Figure:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise DataError(f"figures need matplotlib: {install_hint('report')}") from error
        return pyplot.figure()


def _never(model: str | None, what: str) -> str:
    return what if model is None else f"is not one that {what}"


def _has_curves(study: Study) -> bool:
    return curve_label(study) is not None and any(record.losses for record in study.records)


def _is_wide(study: Study) -> bool:
    return len(study.tried) > 1 and bool(study.ranked)


def _require(name: str | None, known: Sequence[str], what: str) -> None:
    if name is not None and name not in known:
        raise DataError(f"{what}: found {name!r}{nearest(name, known)}; known: {listing(known)}")


def read_tables(folder: Path) -> dict[str, Table]:
    """Return the tables of the report by name.

    Raises:
        DataError: the folder is not that of a finished run, or damaged.
    """
    run = FinishedRun.open(folder)
    studies, split = read_studies(run), run.manifest["protocol"]["selected_on"]
    compared = significance_table(read_settings(run), studies)
    best = best_table(studies)
    tables = {"best": model_tables.best_models(best, studies, compared, split)}
    seeds = model_tables.over_seeds(best)
    if seeds.rows:
        tables["seeds"] = seeds
    for (test, over), found in model_tables.p_values(compared, studies).items():
        tables[f"{test} over {over}"] = found
    winner = find_winner(studies, split)
    label = shared_label(studies, winner.label if winner else "")
    if label is not None:
        tables["users"] = model_tables.user_summary(users_of(studies, label), label)
    tables["costs"] = model_tables.costs(studies)
    for study in studies:
        tables[f"trials {study.name}"] = trial_tables.trials(study, split)
    return tables
