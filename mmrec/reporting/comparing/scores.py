"""The figures of each model on each data set, from finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmrec.errors import DataError, listing, nearest
from mmrec.evaluation import Spread, spread
from mmrec.reporting.comparing.protocol import dataset_of
from mmrec.reporting.run_tables import tested
from mmrec.runs.finished import FinishedRun, read_settings
from mmrec.runs.records import TrialRecord
from mmrec.runs.studies import read_studies
from mmrec.runs.study import Repetition, Study


@dataclass(frozen=True, eq=False)
class ModelScores:
    """The test figures of the best point of a model on one data set."""

    study: Study
    path: Path
    """The folder of the run."""
    trials: Mapping[Repetition, TrialRecord]
    """The trials of the point by fold and seed."""

    def spread(self, label: str) -> Spread | None:
        """Return mean and deviation over folds and seeds; None if a trial lacks the figure."""
        values = [trial.test.get(label) for trial in self.trials.values()]
        known = [value for value in values if value is not None and np.isfinite(value)]
        return spread(known) if len(known) == len(values) else None


@dataclass(frozen=True, eq=False)
class Scores:
    """The figures of all models on all data sets."""

    datasets: Sequence[str]
    models: Sequence[str]
    labels: Sequence[str]
    cells: Mapping[tuple[str, str], ModelScores]
    """By data set and model; a model without a finished trial on a data set has no entry."""

    def sign(self, label: str) -> int:
        """Return 1 if higher values are better, else -1."""
        return 1 if self._first.settings.objective_of(label).higher_is_better else -1

    def means(self, dataset: str, label: str) -> dict[str, float]:
        """Return the mean of each model that has the figure."""
        found = {m: self.cells[dataset, m] for m in self.models if (dataset, m) in self.cells}
        spreads = {model: scores.spread(label) for model, scores in found.items()}
        return {model: x.mean for model, x in spreads.items() if x is not None}

    @property
    def _first(self) -> Study:
        return next(iter(self.cells.values())).study


def read_scores(
    runs: Sequence[FinishedRun], metrics: Sequence[str] | None, proposed: Sequence[str]
) -> Scores:
    """Read the best points of all models.

    Args:
        runs: finished runs whose protocols agree.
        metrics: labels such as ``Recall@20``; None for all labels of simple metrics that all runs
            have.
        proposed: the models that are put after all others.

    Raises:
        DataError: a name is unknown, a model is in two runs on one data set with different
            results, no trial finished, or a folder is damaged.
    """
    cells: dict[tuple[str, str], ModelScores] = {}
    for run in runs:
        for study in read_studies(run):
            if study.best is not None:
                _add(cells, dataset_of(run), study, run.path)
    if not cells:
        raise DataError("no trial of these runs has finished, so there is nothing to compare")
    models = list(dict.fromkeys(model for _, model in cells))
    _require("model", proposed, models)
    return Scores(
        datasets=list(dict.fromkeys(map(dataset_of, runs))),
        models=[*(m for m in models if m not in proposed), *(m for m in models if m in proposed)],
        labels=_labels(runs, cells, metrics),
        cells=cells,
    )


def _add(cells: dict[tuple[str, str], ModelScores], dataset: str, study: Study, path: Path) -> None:
    trials = study.best_by_repetition
    known = cells.get((dataset, study.name))
    if known is None:
        cells[dataset, study.name] = ModelScores(study, path, trials)
    elif _results(known.trials) != _results(trials):
        raise DataError(
            f"{study.name} has different results on {dataset} in {known.path} and in {path}; "
            "compare one of these runs, or train the model on several seeds in one run (meta.seeds)"
        )


def _results(trials: Mapping[Repetition, TrialRecord]) -> list[tuple[str, str | None]]:
    return [(trial.trial_id, trial.lists_sha256) for trial in trials.values()]


def _labels(
    runs: Sequence[FinishedRun],
    cells: Mapping[tuple[str, str], ModelScores],
    metrics: Sequence[str] | None,
) -> list[str]:
    """Return the labels that every run has, or those asked for."""
    by_run: dict[Path, list[str]] = {}
    for run in runs:
        evaluation = read_settings(run).evaluation
        for scores in cells.values():
            if scores.path == run.path:
                figures = dict.fromkeys(next(iter(scores.trials.values())).test, np.zeros(0))
                by_run[run.path] = list(tested(evaluation, figures))
    common = [
        x for x in next(iter(by_run.values())) if all(x in known for known in by_run.values())
    ]
    if metrics is not None:
        _require("metric", metrics, common)
        return list(dict.fromkeys(metrics))
    if not common:
        computed = "; ".join(f"{path}: {listing(known)}" for path, known in by_run.items())
        raise DataError(f"these runs have no metric in common: {computed}")
    return common


def _require(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise DataError(
                f"unknown {kind} {name!r}{nearest(name, known)}; all runs have: "
                f"{listing(known, len(known))}"
            )
