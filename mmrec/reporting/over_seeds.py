"""What points that were run on several seeds come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmrec.config import Experiment
from mmrec.data import FloatArray
from mmrec.evaluation import SignificanceTest, compare_in_full, spread
from mmrec.search import Objective, PointView, Study, TrialRecord, ValidationView
from mmrec.training import LOSS

USER_TESTS: tuple[SignificanceTest, ...] = ("paired_ttest", "wilcoxon_test")
"""The tests that a file can ask for."""


def has_seeds(study: Study) -> bool:
    """Say whether the points of a model were run on several seeds."""
    return any(len(trials) > 1 for trials in study.points)


def spreads(trials: Sequence[TrialRecord]) -> dict[str, float]:
    """Return ``Recall@20 mean``, ``... std``, ``... low`` and ``... high`` of each test figure.

    ``low`` and ``high`` are the ends of the 95 % interval for the mean over seeds. Trials that
    did not finish are left out.
    """
    finished = [trial for trial in trials if trial.status == "finished"]
    columns: dict[str, float] = {}
    for label in dict.fromkeys(label for trial in finished for label in trial.test):
        found = spread([trial.test[label] for trial in finished if label in trial.test])
        columns |= {f"{label} {name}": value for name, value in found._asdict().items()}
        del columns[f"{label} n"]
    return columns


def seeds_table(study: Study, cutoff: int) -> pd.DataFrame:
    """Return a row for every point of a search: its first trial, its seeds and its figures.

    The selected value is the mean that the best point was chosen by, empty where a seed did not
    finish.
    """
    objective = Objective.of(study.plan.select_by)
    selected = "" if objective.label == LOSS else "validation "
    rows = []
    for trials in study.points:
        view = PointView(tuple(map(ValidationView.of, trials)))
        first = trials[0]
        row: dict[str, Any] = {
            "model": first.name,
            "status": view.status,
            "seeds": ", ".join(str(trial.parameters["seed"]) for trial in trials),
            "finished": sum(trial.status == "finished" for trial in trials),
            f"{selected}{objective.label} mean": None
            if view.status != "finished"
            else view.value(objective),
        }
        row |= _at(cutoff, spreads(trials))
        rows.append(row | {k: v for k, v in first.parameters.items() if k != "seed"})
    return pd.DataFrame(rows)


def _at(cutoff: int, columns: Mapping[str, float]) -> dict[str, float]:
    """Keep the columns of one cutoff, without it in their names."""
    return {
        label.replace(f"@{cutoff} ", " "): value
        for label, value in columns.items()
        if f"@{cutoff} " in label
    }


def significance_table(experiment: Experiment, studies: Sequence[Study]) -> pd.DataFrame:
    """Return the tests asked for with what a paper reports: see :func:`compare_in_full`.

    Over users, the best trials are compared; over seeds, where two models or more were run on
    several, the figures of the best points: paired if all had the same seeds, since equal seeds
    draw equal triplets, else by Welch's test. p-values are corrected over all pairs of models and
    all figures of a test.

    Returns:
        The column ``over``, then those of :func:`compare_in_full`; no rows without a test.
    """
    asked = [test for test in USER_TESTS if getattr(experiment.evaluation, test)]
    per_user = {s.best.name: s.best_per_user for s in studies if s.best is not None}
    tables = [_over("users", compare_in_full(per_user, test)) for test in asked]
    seeded = [study for study in studies if len(study.best_trials) > 1]
    if asked:
        same = len({tuple(sorted(study.plan.seeds)) for study in seeded}) == 1
        test: SignificanceTest = "paired_ttest" if same else "welch_ttest"
        values = {study.best_trials[0].name: _by_seed(study) for study in seeded}
        tables.append(_over("seeds", compare_in_full(values, test)))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _over(what: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(0, "over", what)
    return table


def _by_seed(study: Study) -> dict[str, FloatArray]:
    """Return the test figures of the best point, ordered by seed."""
    trials = sorted(study.best_trials, key=lambda trial: int(trial.parameters["seed"]))
    return {label: np.array([trial.test[label] for trial in trials]) for label in trials[0].test}
