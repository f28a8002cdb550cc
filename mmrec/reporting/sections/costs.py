"""Time and memory of the trials."""

from __future__ import annotations

from collections.abc import Iterator

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import ReportTable, make_table, mebibytes, seconds


@section("costs", order=60)
def costs(data: ReportData) -> Iterator[Section]:
    """Make the table of costs; no section if no trial finished."""
    if data.finished:
        yield Section(
            "Time and memory",
            "costs",
            tables={"costs": cost_table(data)},
            notes=[
                "Seconds from building a model to its last lists. Memory is the peak of a trial: "
                "on a GPU that of its tensors, else the resident size of the process with "
                "interpreter and data."
            ],
        )


def cost_table(data: ReportData) -> ReportTable:
    """Return seconds, epochs and peak memory of each model's trials."""
    rows: list[list[object]] = []
    for study in data.studies:
        ran = [record for record in study.records if record.status != "failed"]
        n_epochs = sum(len(record.losses) for record in ran)
        trained = sum(record.seconds for record in ran if record.losses)
        took = [record.seconds for record in study.records]
        peaks = [record.peak_bytes for record in ran if record.peak_bytes is not None]
        row = [study.name, len(took), seconds(sum(took)), seconds(max(took, default=0.0))]
        per_epoch = seconds(trained / n_epochs if n_epochs else None, decimals=3)
        rows.append([*row, n_epochs or None, per_epoch, mebibytes(max(peaks, default=None))])
    head = ["model", "trials", "seconds in all", "longest trial", "epochs"]
    head += ["seconds per epoch", "peak MiB"]
    return make_table("Time and memory of the trials.", head, rows)
