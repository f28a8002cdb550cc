"""The sections of the report that have figures: models side by side, and each by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from mmrec.evaluation import GROUPS
from mmrec.reporting import model_tables, plots, trial_tables
from mmrec.reporting.per_user import shared_label, users_of
from mmrec.reporting.plots.style import MAX_CATEGORIES
from mmrec.reporting.selection import told_quantities
from mmrec.reporting.table import Table
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import repetitions_text
from mmrec.runs.study import Study
from mmrec.text import is_number, value_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A figure of the report: its picture, if it can be drawn, and its data."""

    caption: str
    svg: Markup | None
    data: Table


class Drawer:
    """Draws the figures of a page, whose ids are then all different."""

    def __init__(self) -> None:
        self._n_figures = 0
        self._is_able = plots.is_available()

    def draw(self, caption: str, data: Table, figure: Callable[[], Figure]) -> Plot:
        """Return a figure with its data; without matplotlib, the data alone."""
        self._n_figures += 1
        if not self._is_able:
            return Plot(caption, None, data)
        # to_svg has escaped every text that comes from outside, so its markup may stand as it is.
        return Plot(caption, Markup(plots.to_svg(figure(), f"f{self._n_figures}-")), data)


def user_section(studies: Sequence[Study], preferred: str, drawer: Drawer) -> dict[str, Any] | None:
    """Return how a metric is spread over users; None if no model has values of users."""
    label = shared_label(studies, preferred)
    if label is None:
        return None
    values = users_of(studies, label)
    plot = drawer.draw(
        f"Users by their test {label}, for the best trial of each model. A curve further down "
        "is better: fewer users have so little.",
        model_tables.user_shares(values, label),
        partial(plots.per_user, values, label),
    )
    return {"label": label, "summary": model_tables.user_summary(values, label), "plots": [plot]}


def popularity_section(
    studies: Sequence[Study], cutoffs: Sequence[int], drawer: Drawer
) -> dict[str, Any] | None:
    """Return figures of popular and rare items; None if no trial has any."""
    records = grouped(studies)
    cutoffs = [k for k in cutoffs if all(f"Recall@{k}" in x for x in _heads(records))]
    if not records or not cutoffs:
        return None
    shown = [
        drawer.draw(
            f"Recall of each group, and its share of the recommendations, lists of {cutoff}. "
            "Dashed: its share of the relevant test items.",
            model_tables.popularity(records, cutoff),
            partial(plots.popularity, records, cutoff),
        )
        for cutoff in cutoffs
    ]
    return {"plots": shown}


def grouped(studies: Sequence[Study]) -> dict[str, TrialRecord]:
    """Return by model the best trial, where it has figures by popularity."""
    best = {study.name: study.best for study in studies if study.best is not None}
    return {name: record for name, record in best.items() if set(record.groups) >= set(GROUPS)}


def _heads(records: dict[str, TrialRecord]) -> list[dict[str, float]]:
    return [record.groups[GROUPS[0]] for record in records.values()]


def model_section(study: Study, split: str, anchor: str, drawer: Drawer) -> dict[str, Any]:
    """Return what the section of a model shows."""
    failures = defaultdict(list)
    for record in study.records:
        if record.status == "failed":
            failures[record.error or "no message"].append(record.index + 1)
    searched = {x: _tried(study.levels(x)) for x in study.searched}
    return {
        "name": study.name,
        "anchor": anchor,
        "best": study.best,
        "selected_by": study.objective.title(split),
        "value": study.best and study.value(study.best),
        "n_trials": len(study.records),
        "n_failed": sum(map(len, failures.values())),
        "repetitions": repetitions_text(study.best_trials),
        "failures": dict(failures),
        "searched": searched,
        "fixed": study.fixed,
        "plots": [*_learning(study, split, drawer), *_search(study, split, drawer)],
        "trials": trial_tables.trials(study, split),
    }


def _tried(values: Sequence[Any]) -> str:
    texts = [value_text(value) for value in values]
    if len(texts) <= MAX_CATEGORIES:
        return " \N{MIDDLE DOT} ".join(texts)
    if all(map(is_number, values)):
        return f"{len(texts)} values from {texts[0]} to {texts[-1]}"
    return f"{len(texts)} values"


def curve_label(study: Study) -> str | None:
    """Return the figure that learning curves show: what is selected by, else the first."""
    shown = study.ranked[0].validation if study.ranked else {}
    by = study.objective.label
    return by if by in shown else next(iter(shown), None)


def _learning(study: Study, split: str, drawer: Drawer) -> Iterator[Plot]:
    label = curve_label(study)
    if label is not None and any(record.losses for record in study.records):
        yield drawer.draw(
            "Learning curves."
            + (" The best trial stands out, the others are pale." if len(study.ranked) > 1 else "")
            + " The dashed line is the best epoch.",
            trial_tables.curves(study, label, split),
            partial(plots.learning_curves, study, label, split=split),
        )
    best = study.best
    if best is not None:
        for quantity in told_quantities(best):
            yield drawer.draw(
                f"{quantity.replace('_', ' ').capitalize()} of the best trial. The dashed line is "
                "its best epoch.",
                trial_tables.told(best, quantity),
                partial(plots.diagnostics, best, quantity),
            )


def _search(study: Study, split: str, drawer: Drawer) -> Iterator[Plot]:
    """Yield the figures that say something about a search."""
    tried = study.tried
    if not study.ranked:
        return
    is_grid = all(len(study.levels(name)) <= MAX_CATEGORIES for name in tried)
    pairs = list(combinations(tried, 2)) if is_grid and len(tried) <= 3 else []
    for pair in pairs:
        yield drawer.draw(
            f"Search over {pair[0]} and {pair[1]}. A stronger colour is a better value.",
            trial_tables.grid(study, pair, split),
            partial(plots.search_heatmap, study, pair, split=split),
        )
    for name in () if pairs else tried:
        yield drawer.draw(
            f"Search over {name}. The best trial is marked; a cross is a trial that failed.",
            trial_tables.points(study, name, split),
            partial(plots.search_scatter, study, name, split=split),
        )
    if len(tried) > 1 and len(study.ranked) > 2:
        yield drawer.draw(
            "The search at once: each line is a trial. The best one stands out, and the better "
            "one of two is the stronger.",
            trial_tables.coordinates(study, tried, split),
            partial(plots.parallel_coordinates, study, tried, split=split),
        )
