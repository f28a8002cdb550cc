"""The tables of a run as data frames: ``best.tsv``, ``trials.tsv`` and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from mmrec.config import Evaluation, Experiment
from mmrec.data import FloatArray
from mmrec.evaluation import SignificanceTest, compare_in_full
from mmrec.files import encoded
from mmrec.reporting.table import are_counts, make_table
from mmrec.runs.repetitions import spreads
from mmrec.runs.study import Study

_USER_TESTS: tuple[SignificanceTest, ...] = ("paired_ttest", "wilcoxon_test")


@dataclass(frozen=True, eq=False)
class RunTables:
    """The tables in the folder of a run."""

    best: pd.DataFrame
    trials: pd.DataFrame
    significance: pd.DataFrame
    """Empty if the experiment has no test."""
    cold: pd.DataFrame
    """Empty if no model ranked cold items."""

    @classmethod
    def of(cls, experiment: Experiment, studies: Sequence[Study], *, on_test: bool) -> RunTables:
        """Return the tables of a run.

        Args:
            experiment: its settings.
            studies: the trials of every model.
            on_test: whether the test split was selected on, without a validation split.
        """
        best, trials = best_table(studies), trials_table(studies)
        if on_test:
            for table in (best, trials):  # a reader may not see the warning of the log
                table["selected_on"] = "test"
        return cls(best, trials, significance_table(experiment, studies), cold_table(studies))

    def texts(self) -> dict[str, str]:
        """Return the content of each file by its name."""
        tables = {"best.tsv": self.best, "trials.tsv": self.trials}
        if len(self.significance):
            tables["significance.tsv"] = self.significance
        if len(self.cold):
            tables["cold.tsv"] = self.cold
        return {name: table.to_csv(sep="\t", index=False) for name, table in tables.items()}


def best_table(studies: Sequence[Study]) -> pd.DataFrame:
    """Return a row for the best trial of each model.

    Columns: model, trial, best_epoch, the test metrics by label, then the validation metrics as
    ``validation Recall@20``. A model that was run on several folds or seeds also has their number
    as ``folds`` and ``seeds``, and each test metric over them as ``Recall@20 mean``, ``Recall@20
    std`` and, for the 95 % interval, ``Recall@20 low`` and ``Recall@20 high``; its trial is the
    first of them.
    """
    rows = []
    for study in studies:
        if study.best is not None:
            best = study.best
            row: dict[str, Any] = {"model": study.name, "trial": best.name}
            row |= {"best_epoch": best.best_epoch} | best.test
            row |= {f"validation {label}": value for label, value in best.validation.items()}
            if study.repetitions:
                row |= study.repetitions | spreads(study.best_trials)
            rows.append(row)
    return make_frame(rows, ["model", "trial", "best_epoch"])


def trials_table(studies: Sequence[Study]) -> pd.DataFrame:
    """Return a row for every trial.

    Columns: status, metrics of its best epoch, parameters, digests, duration in seconds, error.
    """
    rows = []
    for study in studies:
        for record in study.records:
            row: dict[str, Any] = {"model": study.name, "trial": record.name}
            row |= {"fold": record.fold} if record.fold else {}
            row |= {"status": record.status, "best_epoch": record.best_epoch} | record.test
            row |= {f"validation {label}": value for label, value in record.validation.items()}
            row |= {name: one_cell(value) for name, value in record.parameters.items()}
            row |= {"weights_sha256": record.weights_sha256, "lists_sha256": record.lists_sha256}
            rows.append(row | {"seconds": round(record.seconds, 2), "error": record.error})
    return make_frame(rows)


def cold_table(studies: Sequence[Study]) -> pd.DataFrame:
    """Return a row for the best trial of each model that ranked cold items.

    Columns: model, trial, then the test metrics, such as ``cold/Recall@20`` of lists of cold items
    and ``all/Recall@20`` of lists of all items. For a model that was run on several folds or seeds
    they are means over them, and their number is in ``folds`` and ``seeds``.
    """
    rows = []
    for study in studies:
        figures = cold_means(study)
        if study.best is not None and figures:
            rows.append({"model": study.name, "trial": study.best.name, **study.repetitions})
            rows[-1] |= figures
    return make_frame(rows)


def cold_means(study: Study) -> dict[str, float]:
    """Return the test metrics of cold items, means over the best point; empty if it has none."""
    trials = [trial.cold for trial in study.best_trials]
    if not trials or not all(trials):
        return {}
    return {label: fmean(trial[label] for trial in trials) for label in trials[0]}


def make_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return rows as a data frame, with counts as integers.

    A column has integers if all its numbers are, also where a row has no value, and if it has
    floats that are counts: see :func:`~mmrec.reporting.table.are_counts`.

    Args:
        rows: {column: value}.
        columns: the columns of a frame without rows.
    """
    if not rows:
        return pd.DataFrame(columns=list(columns))
    # pandas refuses the bytes of a path that are not UTF-8, which are written as escapes.
    frame = pd.DataFrame(
        [
            {name: encoded(x).decode() if isinstance(x, str) else x for name, x in row.items()}
            for row in rows
        ]
    )
    for name in frame.columns:
        values = [row.get(name) for row in rows]
        known = [x for x in values if x is not None and x == x]
        is_partial = len(known) < len(values)
        if known and all(type(x) is int for x in known):
            is_changed = is_partial
        else:
            is_changed = all(isinstance(x, float) for x in known) and are_counts(known)
        if is_changed:
            integers = [None if x is None or x != x else int(x) for x in values]
            frame[name] = pd.array(integers, dtype="Int64" if is_partial else "int64")
    return frame


def readable(best: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of :func:`best_table` as texts, with numbers as in the report.

    A model that was run on several folds or seeds has means with their standard deviation in the
    place of the test metrics of its first trial, and nothing in the place of what has no mean: the
    epoch and the validation metrics of that trial.
    """
    columns = list(map(str, best.columns))
    means = {x.removesuffix(" mean") for x in columns if x.endswith(" mean")}
    hidden = {f"{label} {what}" for label in means for what in ("mean", "std", "low", "high")}
    shown = [name for name in columns if name not in hidden]
    of_trial = [name for name in shown if name == "best_epoch" or name.startswith("validation ")]
    values: list[dict[str, Any]] = []
    for row in best.to_dict("records"):
        known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        repeated = [label for label in means if known[f"{label} mean"] is not None]
        known |= {label: known[f"{label} mean"] for label in repeated}
        values.append(known | (dict.fromkeys(of_trial) if repeated else {}))
    rows = [[known[name] for name in shown] for known in values]
    cells = make_table("", shown, rows).rows
    texts = [
        [replace(c, spread=known.get(f"{x} std")).shown for c, x in zip(line, shown, strict=True)]
        for line, known in zip(cells, values, strict=True)
    ]
    return pd.DataFrame(texts, columns=shown)


def one_cell(value: object) -> object:
    """Return a list as one text."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def user_tests(evaluation: Evaluation) -> Iterator[SignificanceTest]:
    """Yield the tests over users that an experiment has."""
    return (test for test in _USER_TESTS if getattr(evaluation, test))


def tested(evaluation: Evaluation, values: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the values by label of ``simple_metrics``; complex metrics are not tested."""
    names = {name.strip().casefold() for name in evaluation.simple_metrics}
    return {label: x for label, x in values.items() if label.partition("@")[0].casefold() in names}


def significance_table(experiment: Experiment, studies: Sequence[Study]) -> pd.DataFrame:
    """Return the results of the tests, with what a paper reports: see :func:`compare_in_full`.

    Over users, the best points are compared on the first fold, by the mean over the seeds of each
    user. Over folds and seeds, they are compared if two models or more were run on several: with
    the paired test if all had the same folds and seeds, since equal folds have equal users and
    equal seeds draw equal samples, else with Welch's test. p-values are corrected over all pairs
    of models and all metrics of a test. Complex metrics are not tested, as in Elliot.

    Returns:
        The column ``over``, then those of :func:`compare_in_full`; no rows without a test.
    """
    tests = list(user_tests(experiment.evaluation))
    evaluation = experiment.evaluation
    per_user = {
        study.best.name: tested(evaluation, study.best_per_user)
        for study in studies
        if study.best is not None
    }
    tables = [_over("users", compare_in_full(per_user, test)) for test in tests]
    repeated = [study for study in studies if len(study.best_trials) > 1]
    if tests and repeated:
        is_paired = len({tuple(study.best_by_repetition) for study in repeated}) == 1
        test: SignificanceTest = "paired_ttest" if is_paired else "welch_ttest"
        values = {
            study.best_trials[0].name: tested(evaluation, _values_of_trials(study))
            for study in repeated
        }
        kinds = [x for x in ("folds", "seeds") if any(x in study.repetitions for study in repeated)]
        tables.append(_over(" and ".join(kinds), compare_in_full(values, test)))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _over(what: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(0, "over", what)
    return table


def _values_of_trials(study: Study) -> dict[str, FloatArray]:
    """Return the test values of the best point by label, in the order of its trials."""
    trials = list(study.best_by_repetition.values())
    return {label: np.array([trial.test[label] for trial in trials]) for label in trials[0].test}
