"""The tables and files of a run, under the names and in the layout of Elliot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from mmrec.config import Experiment
from mmrec.evaluation import compare
from mmrec.planning.plan import Plan
from mmrec.reporting.over_seeds import USER_TESTS, seeds_table
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import folds_of, means, seeds_of, spreads
from mmrec.runs.study import Study


def best_table(studies: Sequence[Study]) -> pd.DataFrame:
    """Return a row for the best trial of each model.

    Columns: model, trial, best_epoch, the test figures by label, then the validation figures as
    ``validation Recall@20``. For a model that was run on several folds or seeds also their number
    as ``folds`` and ``seeds``, and each test figure over them as ``Recall@20 mean``, ``Recall@20
    std`` and, for the 95 % interval, ``Recall@20 low`` and ``Recall@20 high``; the trial is the
    first of them.
    """
    rows = []
    for study in studies:
        if study.best is not None:
            best = study.best
            row: dict[str, Any] = {"model": study.name, "trial": best.name}
            row |= {"best_epoch": best.best_epoch} | best.test
            row |= {f"validation {k}": v for k, v in best.validation.items()}
            if study.repetitions:
                row |= study.repetitions | spreads(study.best_trials)
            rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else ["model", "trial", "best_epoch"])


def trials_table(studies: Sequence[Study]) -> pd.DataFrame:
    """Return a row for every trial: status, figures of its best epoch, parameters, and digests."""
    rows = []
    for study in studies:
        for record in study.records:
            row: dict[str, Any] = {"model": study.name, "trial": record.name}
            row |= _fold(record)
            row |= {"status": record.status, "best_epoch": record.best_epoch} | record.test
            row |= {f"validation {label}": value for label, value in record.validation.items()}
            row |= {name: _plain(value) for name, value in record.parameters.items()}
            row |= {"weights_sha256": record.weights_sha256, "lists_sha256": record.lists_sha256}
            rows.append(row | {"error": record.error})
    return pd.DataFrame(rows)


def elliot_files(plan: Plan, studies: Sequence[Study], stamp: str) -> dict[str, str]:
    """Return the files of the ``performance`` folder, {name: content}.

    Args:
        plan: the experiment.
        studies: what has become of it.
        stamp: date and time, the last part of every name.
    """
    files = {}
    threshold = f"{plan.experiment.evaluation.relevance_threshold:g}"
    for cutoff in plan.experiment.evaluation.cutoffs:
        suffix = f"cutoff_{cutoff}_relthreshold_{threshold}_{stamp}"
        best = pd.DataFrame(
            [
                {"model": study.best.name} | _at(cutoff, _headline_figures(study, study.best))
                for study in studies
                if study.best is not None
            ],
            columns=["model", *plan.metrics],
        )
        files[f"rec_{suffix}.tsv"] = _tsv(best)
        if plan.experiment.print_results_as_triplets:
            triplets = best.melt("model", var_name="metric").sort_values("model", kind="stable")
            files[f"triplets_rec_{suffix}.tsv"] = _tsv(triplets, header=False)
        for study in studies:
            if study.settings.searched:
                files[f"rec_{study.name}_{suffix}.tsv"] = _tsv(
                    _search_table(study, cutoff, plan.metrics)
                )
            if study.has_folds or study.has_seeds:
                over = "folds" if study.has_folds else "seeds"
                table = seeds_table(study, cutoff).map(_plain)
                files[f"rec_{study.name}_{over}_{suffix}.tsv"] = _tsv(table)
        for test, pairs in significance(plan.experiment, studies, cutoff):
            files[f"stat_{test}_{suffix}.tsv"] = _tsv(pairs, header=False)
    first = plan.experiment.evaluation.cutoffs[0]
    name = f"bestmodelparams_cutoff_{first}_relthreshold_{threshold}_{stamp}.json"
    files[name] = json.dumps(_best_parameters(plan, studies), indent=2) + "\n"
    return files


def _headline_figures(study: Study, best: TrialRecord) -> Mapping[str, float]:
    """Return what a model is reported by: means over folds, else the figures of its best trial."""
    return means(study.best_trials) if study.has_folds else best.test


def _fold(record: TrialRecord) -> dict[str, str]:
    return {"fold": record.fold} if record.fold else {}


def _search_table(study: Study, cutoff: int, metrics: Sequence[str]) -> pd.DataFrame:
    rows = [
        {"model": record.name}
        | _fold(record)
        | _at(cutoff, record.test)
        | {name: _plain(value) for name, value in record.parameters.items()}
        for record in study.records
        if record.status == "finished"
    ]
    parameters = study.records[0].parameters if study.records else {}
    return pd.DataFrame(rows, columns=None if rows else ["model", *metrics, *parameters])


def significance(
    experiment: Experiment, studies: Sequence[Study], cutoff: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each test asked for with its table: model, model, metric and p of every pair."""
    per_user = {
        study.best.name: _at(cutoff, study.best_per_user)
        for study in studies
        if study.best is not None
    }
    for test in USER_TESTS:
        if getattr(experiment.evaluation, test) and len(per_user) > 1:
            yield test, compare(per_user, test)


def _best_parameters(plan: Plan, studies: Sequence[Study]) -> list[dict[str, Any]]:
    settings = plan.experiment.evaluation
    facts: list[dict[str, Any]] = [
        {
            "default_validation_metric": plan.metrics[0],
            "default_validation_cutoff": settings.cutoffs[0],
            "rel_threshold": settings.relevance_threshold,
        }
    ]
    for study in studies:
        if study.best is not None:
            extra: dict[str, Any] = {
                "name": study.best.name,
                "best_iteration": study.best.best_epoch,
            }
            if study.has_folds:
                extra["folds"] = folds_of(study.best_trials)
            if study.has_seeds:
                extra["seeds"] = seeds_of(study.best_trials)
            facts.append(
                {
                    "meta": study.settings.meta.model_dump(mode="json"),
                    "recommender": study.settings.key,
                    "configuration": study.best.parameters | extra,
                }
            )
    return facts


def _at(cutoff: int, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the figures of one cutoff, by the bare name of the metric."""
    ending = f"@{cutoff}"
    return {
        label.removesuffix(ending): value
        for label, value in figures.items()
        if label.endswith(ending)
    }


def _plain(value: object) -> object:
    """Write a list in one cell."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _tsv(table: pd.DataFrame, *, header: bool = True) -> str:
    text: str = table.to_csv(sep="\t", index=False, header=header, lineterminator="\n")
    return text
