"""Metrics of popular, middling and rare items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

from mmrec.errors import DataError
from mmrec.evaluation import GROUPS
from mmrec.reporting.plots.style import INK, WIDTH, Drawing, finite, legend, series
from mmrec.reporting.report_data import ReportData, require
from mmrec.reporting.sections.base import Plot, Section, figure, section
from mmrec.reporting.table import ReportTable, count, decimal, make_table, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Groups = Mapping[str, Mapping[str, float]]
"""Metrics and counts by group of items and name."""
_POPULAR, _MIDDLING, _RARE = GROUPS
_INTRO = (
    "Items are ordered by their training interactions, ties by id, and cut where these reach one "
    f"and two thirds of all: {_POPULAR} items are the few with the first third, {_MIDDLING} items "
    f"have the second, {_RARE} items are all others. Recall of a group counts the relevant test "
    "items in the group, over the users who have one. The share is that of the group in all "
    "recommendations to users with a relevant test item. The dashed line is the group's share of "
    "the relevant test items."
)


@section("popularity", order=50)
def popular_and_rare(data: ReportData) -> Iterator[Section]:
    """Make a figure for each cutoff; no section if no trial has metrics of groups."""
    models = _models(data)
    means = " Means over folds and seeds where a model was run on several."
    is_repeated = any(study.is_repeated for study in data.finished)
    plots = [
        Plot(
            f"Recall and share of each group, in lists of {cutoff}.{means if is_repeated else ''}",
            group_table(models, cutoff),
            partial(_draw, models=models, cutoff=cutoff),
        )
        for cutoff in _cutoffs(models)
    ]
    if plots:
        yield Section("Popular and rare items", "popularity", intro=[_INTRO], plots=plots)


@figure
def popularity(data: ReportData, cutoff: int | None = None) -> Drawing:
    """Draw the Recall of popular and rare items and their share of the recommendations: two axes.

    Args:
        data: of the run.
        cutoff: one of the experiment's; by default the first.

    Raises:
        DataError: no trial has metrics of groups, or none at this cutoff.
    """
    models = _models(data)
    cutoffs = _cutoffs(models)
    if not cutoffs:
        raise DataError("no trial has metrics of popular and rare items")
    require(None if cutoff is None else str(cutoff), list(map(str, cutoffs)), "cutoff")
    return partial(_draw, models=models, cutoff=cutoff or cutoffs[0])


def _models(data: ReportData) -> dict[str, Groups]:
    """Return the metrics of groups of each model that has some: means over its best point."""
    return {
        study.name: _means([trial.groups for trial in study.best_trials])
        for study in data.finished
        if all(set(trial.groups) >= set(GROUPS) for trial in study.best_trials)
    }


def _means(groups: Sequence[Groups]) -> Groups:
    return {
        name: {key: fmean(one[name][key] for one in groups) for key in groups[0][name]}
        for name in GROUPS
    }


def _cutoffs(models: Mapping[str, Groups]) -> list[int]:
    """Return the cutoffs at which all models have metrics."""
    labels = [set(groups[_POPULAR]) for groups in models.values()]
    shared = set.intersection(*labels) if labels else set()
    return sorted(int(x.removeprefix("Recall@")) for x in shared if x.startswith("Recall@"))


def group_table(models: Mapping[str, Groups], cutoff: int) -> ReportTable:
    """Return Recall and share of the recommendations of each group."""
    first = next(iter(models.values()))
    counts = {"items": "items", "interactions": "training rows", "relevant": "relevant test rows"}
    rows: list[list[object]] = [
        [f"{text} of the group", *(count(round(first[group][key])) for group in GROUPS)]
        for key, text in counts.items()
    ]
    rows.append(["share of the relevant test rows", *map(share, _relevant(first))])
    for name, number_format in (("Recall", decimal), ("Share", share)):
        for model, groups in models.items():
            label = f"{name}@{cutoff}"
            values = [number_format(groups[group][label]) for group in GROUPS]
            rows.append([f"{model}, {label}", *values])
    caption = f"{_POPULAR.capitalize()}, {_MIDDLING} and {_RARE} items, lists of {cutoff}."
    return make_table(caption, ["quantity", *GROUPS], rows)


def _relevant(groups: Groups) -> list[float]:
    """Return the share of each group in the relevant test rows."""
    counts = [groups[group]["relevant"] for group in GROUPS]
    return [n / (sum(counts) or 1) for n in counts]


def _draw(figure: Figure, *, models: Mapping[str, Groups], cutoff: int) -> None:
    figure.set_size_inches(WIDTH, 4.6)
    above, below = figure.subplots(2, 1, sharex=True)
    places = range(len(GROUPS))
    for place, (model, values_of) in enumerate(models.items()):
        for axes, name in ((above, "Recall"), (below, "Share")):
            values = [values_of[group][f"{name}@{cutoff}"] for group in GROUPS]
            look = series(place) | {"markersize": 5, "linewidth": 1.5}
            axes.plot(places, finite(values), label=model, **look)
    first = next(iter(models.values()))
    dashed = {"color": INK, "linewidth": 1, "linestyle": (0, (3, 3)), "alpha": 0.8}
    below.plot(places, _relevant(first), **dashed)
    above.set_title(f"test Recall@{cutoff} of the group's items")
    below.set_title(f"share of the {cutoff} recommended items")
    sizes = [round(first[group]["items"]) for group in GROUPS]
    names = [f"{name}\n{size:,} items" for name, size in zip(GROUPS, sizes, strict=True)]
    below.set_xticks(places, names)
    below.set_xlim(-0.3, len(GROUPS) - 0.7)
    for axes in (above, below):
        axes.set_ylim(bottom=0)
    below.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    legend(figure, above)
    texts = [
        f"{model} " + ", ".join(f"{g} {x[g][f'Recall@{cutoff}']:.4f}" for g in GROUPS)
        for model, x in models.items()
    ]
    figure.set_label(f"Test Recall@{cutoff} by popularity of the items. {'; '.join(texts)}.")
