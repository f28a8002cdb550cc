"""Means and deviations over the folds and seeds that models were run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import Cell, ReportTable, make_table, number_format
from mmrec.runs.repetitions import spreads


@section("repetitions", order=20)
def repetitions(data: ReportData) -> Iterator[Section]:
    """Make the table of means; no section if no model was run on several folds or seeds."""
    table = mean_table(data)
    if table.rows:
        yield Section("Folds and seeds", "repetitions", tables={"seeds": table})


def mean_table(data: ReportData) -> ReportTable:
    """Return a row for each model that was run on several folds or seeds."""
    repeated = [study for study in data.finished if study.repetitions]
    over = [x for x in ("folds", "seeds") if any(x in study.repetitions for study in repeated)]
    found = {study.name: spreads(study.best_trials) for study in repeated}
    names = dict.fromkeys(name for values in found.values() for name in values)
    labels = [name.removesuffix(" mean") for name in names if name.endswith(" mean")]
    formats = {
        label: number_format([values.get(f"{label} mean") for values in found.values()])
        for label in labels
    }
    rows = [
        [
            study.name,
            *(study.repetitions.get(x) for x in over),
            *(_mean(found[study.name], label, formats[label]) for label in labels),
        ]
        for study in repeated
    ]
    head = ["model", *over, *(f"test {label}" for label in labels)]
    return make_table("Mean and standard deviation over the trials of the best point.", head, rows)


def _mean(
    found: Mapping[str, float], label: str, number: Callable[[float | None], Cell]
) -> Cell | None:
    if f"{label} mean" not in found:
        return None
    mean, std, low, high = (found[f"{label} {x}"] for x in ("mean", "std", "low", "high"))
    title = f"95 % interval: {number(low).text} to {number(high).text}"
    return replace(number(mean), title=title, spread=std)
