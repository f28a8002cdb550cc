"""The files of the ``performance`` folder, with the names and layouts of Elliot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from mmrec.evaluation import compare
from mmrec.planning.objectives import metric_and_cutoff
from mmrec.planning.plan import Plan
from mmrec.reporting.run_tables import make_frame, one_cell, tested, user_tests
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import folds_of, means, seeds_of, spreads
from mmrec.runs.selection import PointView
from mmrec.runs.study import Study
from mmrec.training.objective import LOSS


def elliot_files(plan: Plan, studies: Sequence[Study], stamp: str) -> dict[str, str]:
    """Return {file name: content}.

    Args:
        plan: the experiment.
        studies: the trials of every model.
        stamp: date and time, at the end of every name.
    """
    evaluation = plan.experiment.evaluation
    threshold = f"relthreshold_{evaluation.relevance_threshold:g}_{stamp}"
    files, columns = {}, list(plan.columns)
    for cutoff in evaluation.cutoffs:
        suffix = f"cutoff_{cutoff}_{threshold}"
        best = _best(studies, cutoff, columns)
        files[f"rec_{suffix}.tsv"] = _tsv(best)
        if plan.experiment.print_results_as_triplets:
            values = best.astype(object)  # a column of counts stays one of counts
            triplets = values.melt("model", var_name="metric").sort_values("model", kind="stable")
            files[f"triplets_rec_{suffix}.tsv"] = _tsv(triplets, header=False)
        for study in studies:
            if study.settings.searched:
                trials = _finished_trials(study, cutoff, columns)
                files[f"rec_{study.name}_{suffix}.tsv"] = _tsv(trials)
            if study.has_folds or study.has_seeds:
                over = "folds" if study.has_folds else "seeds"
                files[f"rec_{study.name}_{over}_{suffix}.tsv"] = _tsv(_points(study, cutoff))
        per_user = {
            study.best.name: _at(cutoff, tested(evaluation, study.best_per_user))
            for study in studies
            if study.best is not None
        }
        for test in user_tests(evaluation) if len(per_user) > 1 else ():
            files[f"stat_{test}_{suffix}.tsv"] = _tsv(compare(per_user, test), header=False)
    name = f"bestmodelparams_cutoff_{evaluation.cutoffs[0]}_{threshold}.json"
    files[name] = json.dumps(list(_best_parameters(plan, studies)), indent=2) + "\n"
    return files


def _best(studies: Sequence[Study], cutoff: int, metrics: Sequence[str]) -> pd.DataFrame:
    """Return a row for each model: means over folds, else the metrics of its best trial."""
    rows = [
        {"model": study.best.name}
        | _at(cutoff, means(study.best_trials) if study.has_folds else study.best.test)
        for study in studies
        if study.best is not None
    ]
    columns = ["model", *metrics]
    return make_frame(rows, columns).reindex(columns=columns)


def _finished_trials(study: Study, cutoff: int, metrics: Sequence[str]) -> pd.DataFrame:
    """Return a row for each finished trial: metrics and parameters."""
    rows = [
        {"model": record.name}
        | ({"fold": record.fold} if record.fold else {})
        | _at(cutoff, record.test)
        | _parameters(record)
        for record in study.records
        if record.status == "finished"
    ]
    parameters = study.records[0].parameters if study.records else {}
    return make_frame(rows, ["model", *metrics, *parameters])


def _points(study: Study, cutoff: int) -> pd.DataFrame:
    """Return a row for each point: its first trial, folds, seeds and metrics.

    The selected value is the mean that points were compared by; it is empty where a trial did not
    finish.
    """
    objective = study.objective
    selected = "" if objective.label == LOSS else "validation "
    rows = []
    for trials in study.points:
        row: dict[str, Any] = {"model": trials[0].name, "status": PointView.of(trials).status}
        if study.has_folds:
            row["folds"] = ", ".join(folds_of(trials))
        if study.has_seeds:
            row["seeds"] = ", ".join(map(str, seeds_of(trials)))
        row["finished"] = sum(trial.status == "finished" for trial in trials)
        row[f"{selected}{objective.label} mean"] = study.point_value(trials)
        row |= {
            label.replace(f"@{cutoff} ", " "): value
            for label, value in spreads(trials).items()
            if f"@{cutoff} " in label
        }
        parameters = _parameters(trials[0])
        if study.has_seeds:
            del parameters["seed"]
        rows.append(row | parameters)
    return make_frame(rows)


def _best_parameters(plan: Plan, studies: Sequence[Study]) -> Iterator[dict[str, Any]]:
    evaluation, selecting = plan.experiment.evaluation, plan.experiment.validation_metric
    metric, cutoff = metric_and_cutoff(selecting, plan.metrics, evaluation.cutoffs)
    yield {
        "default_validation_metric": metric,
        "default_validation_cutoff": cutoff,
        "rel_threshold": evaluation.relevance_threshold,
    }
    for study in studies:
        if study.best is None:
            continue
        extra: dict[str, Any] = {"name": study.best.name, "best_iteration": study.best.best_epoch}
        if study.has_folds:
            extra["folds"] = folds_of(study.best_trials)
        if study.has_seeds:
            extra["seeds"] = seeds_of(study.best_trials)
        yield {
            "meta": study.settings.meta.model_dump(mode="json"),
            "recommender": study.settings.key,
            "configuration": study.best.parameters | extra,
        }


def _at(cutoff: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of one cutoff by the name of the metric alone."""
    ending = f"@{cutoff}"
    return {
        label.removesuffix(ending): value
        for label, value in values.items()
        if label.endswith(ending)
    }


def _parameters(record: TrialRecord) -> dict[str, object]:
    return {name: one_cell(value) for name, value in record.parameters.items()}


def _tsv(table: pd.DataFrame, *, header: bool = True) -> str:
    text: str = table.to_csv(sep="\t", index=False, header=header, lineterminator="\n")
    return text
