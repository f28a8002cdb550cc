"""What points that were run several times, on several folds or seeds, come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmrec.config import Experiment
from mmrec.data import FloatArray
from mmrec.evaluation import SignificanceTest, compare_in_full
from mmrec.runs.repetitions import folds_of, seeds_of, spreads
from mmrec.runs.selection import PointView
from mmrec.runs.study import Study
from mmrec.training.objective import LOSS

USER_TESTS: tuple[SignificanceTest, ...] = ("paired_ttest", "wilcoxon_test")
"""The tests that a file can ask for."""


def seeds_table(study: Study, cutoff: int) -> pd.DataFrame:
    """Return a row for every point of a search: its first trial, folds, seeds and figures.

    The selected value is the mean that the best point was chosen by, empty where a trial did not
    finish.
    """
    objective = study.objective
    selected = "" if objective.label == LOSS else "validation "
    rows = []
    for trials in study.points:
        first = trials[0]
        row: dict[str, Any] = {"model": first.name, "status": PointView.of(trials).status}
        if study.has_folds:
            row["folds"] = ", ".join(folds_of(trials))
        if study.has_seeds:
            row["seeds"] = ", ".join(map(str, seeds_of(trials)))
        row |= {
            "finished": sum(trial.status == "finished" for trial in trials),
            f"{selected}{objective.label} mean": study.point_value(trials),
        }
        row |= _at(cutoff, spreads(trials))
        parameters = first.parameters.items()
        rows.append(row | {k: v for k, v in parameters if not (study.has_seeds and k == "seed")})
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

    Over users, the best trials are compared, on the first fold; over folds and seeds, where two
    models or more were run on several, the figures of the best points: paired if all had the same,
    since equal folds have equal users and equal seeds draw equal triplets, else by Welch's test.
    p-values are corrected over all pairs of models and all figures of a test.

    Returns:
        The column ``over``, then those of :func:`compare_in_full`; no rows without a test.
    """
    asked = [test for test in USER_TESTS if getattr(experiment.evaluation, test)]
    per_user = {s.best.name: s.best_per_user for s in studies if s.best is not None}
    tables = [_over("users", compare_in_full(per_user, test)) for test in asked]
    repeated = [study for study in studies if len(study.best_trials) > 1]
    if asked and repeated:
        same = len({tuple(study.best_by_repetition) for study in repeated}) == 1
        test: SignificanceTest = "paired_ttest" if same else "welch_ttest"
        values = {study.best_trials[0].name: _figures(study) for study in repeated}
        kinds = ("folds", "seeds")
        over = " and ".join(x for x in kinds if any(x in study.repetitions for study in repeated))
        tables.append(_over(over, compare_in_full(values, test)))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _over(what: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(0, "over", what)
    return table


def _figures(study: Study) -> dict[str, FloatArray]:
    """Return the test figures of the best point, trial by trial."""
    trials = list(study.best_by_repetition.values())
    return {label: np.array([trial.test[label] for trial in trials]) for label in trials[0].test}
