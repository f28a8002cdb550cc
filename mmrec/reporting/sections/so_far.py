"""How far a run has come that has not finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import ReportTable, make_table
from mmrec.runs.study import Study
from mmrec.runs.unfinished import RunningTrial, UnfinishedRun


@section("so_far", order=5)
def so_far(data: ReportData) -> Iterator[Section]:
    """Make the tables of the trials of an unfinished run; no section for a finished one."""
    run = data.unfinished
    if run is None:
        return
    tables = {"progress": count_table(run, data.studies)}
    if run.started:
        tables["started trials"] = started_table(run, data)
    notes = []
    if any(study.settings.meta.hyper_opt_alg != "grid" for study in data.studies):
        notes.append("A search other than grid may end with fewer trials than planned.")
    yield Section("Trials so far", "so-far", tables=tables, notes=notes)


def count_table(run: UnfinishedRun, studies: Sequence[Study]) -> ReportTable:
    """Return the numbers of trials of each model."""
    started = "running" if run.state == "running" else "started"
    head = ["model", "planned", "finished", "pruned", "failed", started, "remaining"]
    rows: list[list[object]] = []
    for study in studies:
        key = study.settings.key
        planned = run.manifest["models"][study.name]["n_trials"]
        ended = [run.count(key, status) for status in ("finished", "pruned", "failed")]
        n_started = sum(trial.trial.model == key for trial in run.started)
        rows.append([study.name, planned, *ended, n_started, planned - sum(ended) - n_started])
    return make_table("Trials of each model.", head, rows)


def started_table(run: UnfinishedRun, data: ReportData) -> ReportTable:
    """Return a row for each trial that has started and not ended."""
    names = {study.settings.key: study for study in data.studies}
    rows = [_row(trial, names[trial.trial.model]) for trial in run.started]
    which = "are running" if run.state == "running" else "had started and not ended"
    head = ["trial", "model", "number", "epochs", "of", "last loss"]
    head += [f"best {data.split} value", "selected by"]
    return make_table(f"The trials that {which}.", head, rows)


def _row(running: RunningTrial, study: Study) -> list[object]:
    trial, objective = running.trial, study.objective
    values = [
        value
        for epoch in running.epochs.values()
        if (value := objective.value(epoch.loss, epoch.validation or {})) is not None
    ]
    last = running.epochs[max(running.epochs)] if running.epochs else None
    return [
        trial.name,
        study.name,
        trial.index + 1,
        0 if last is None else last.epoch,
        trial.parameters.get("epochs"),
        None if last is None else last.loss,
        objective.best(values) if values else None,
        objective.label,
    ]
