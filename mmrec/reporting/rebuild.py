"""Tables and report of a run, written at its end or again from its folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

from mmrec.config import EarlyStopping, Experiment, ModelMeta
from mmrec.errors import ConfigError, DataError
from mmrec.files import write_atomically
from mmrec.reporting.html import report_html
from mmrec.reporting.over_seeds import significance_table
from mmrec.reporting.recorded import RecordedRun, read_written
from mmrec.reporting.results import Results
from mmrec.reporting.showing import read_shown
from mmrec.reporting.tables import best_table, trials_table
from mmrec.search import RunFolder, Study, TrialRecord


@dataclass(frozen=True, eq=False)
class RunTables:
    """The tables in the folder of a run."""

    best: pd.DataFrame
    trials: pd.DataFrame
    significance: pd.DataFrame
    """No rows if no test is asked for."""

    @classmethod
    def of(cls, experiment: Experiment, studies: Sequence[Study], *, on_test: bool) -> RunTables:
        """Make them.

        Args:
            experiment: says which tests are asked for.
            studies: the trials of every model.
            on_test: whether, for want of a validation split, the test split was selected on.
        """
        best, trials = best_table(studies), trials_table(studies)
        if on_test:
            for table in (best, trials):  # they may be read far from the log that warns of it
                table["selected_on"] = "test"
        return cls(best, trials, significance_table(experiment, studies))

    def texts(self) -> dict[str, str]:
        """Return the content of each file by its name."""
        tables = {"best.tsv": self.best, "trials.tsv": self.trials}
        if len(self.significance):
            tables["significance.tsv"] = self.significance
        return {name: table.to_csv(sep="\t", index=False) for name, table in tables.items()}


def write_report(
    folder: Path,
    manifest: Mapping[str, Any],
    tables: RunTables,
    studies: Sequence[Study],
    shown: Mapping[str, Any] | None,
) -> Results:
    """Write best.tsv, trials.tsv, significance.tsv (if a test is asked for) and report.html.

    Args:
        folder: of the run.
        manifest: what :func:`~mmrec.reporting.make_manifest` returns.
        tables: of the run.
        studies: the trials of every model.
        shown: the users whose recommendations are shown, see :mod:`mmrec.reporting.showing`.

    Raises:
        WriteError: a file cannot be written.
    """
    page = report_html(manifest, studies, tables.significance, shown)
    for name, text in tables.texts().items():
        write_atomically(folder / name, text)
    results = Results(tables.best, tables.trials, folder)
    write_atomically(results.report, page)
    return results


def rebuild_report(path: str | Path) -> Results:
    """Write tables and report of a finished run again, from what its folder has recorded.

    Neither the data nor the models of the experiment are needed. With the same version of mmrec
    and matplotlib, the files are the same, byte for byte.

    Raises:
        DataError: the folder is not that of a finished run, or damaged; nothing was written.
    """
    run = RecordedRun.open(Path(path))
    studies = read_studies(run)
    on_test = run.manifest["protocol"]["selected_on"] == "test"
    experiment = read_settings(run)
    tables = RunTables.of(experiment, studies, on_test=on_test)
    shown = read_shown(run.path, experiment)
    return write_report(run.path, run.manifest, tables, studies, shown)


def read_results(path: str | Path) -> Results:
    """Return what a run returned, from its folder; nothing is written.

    Raises:
        DataError: the folder is not that of a finished run, or damaged.
    """
    run = RecordedRun.open(Path(path))
    studies = read_studies(run)
    best, trials = best_table(studies), trials_table(studies)
    return Results(best, trials, run.path)


def read_settings(run: RecordedRun) -> Experiment:
    """Return the experiment of a run.

    Raises:
        DataError: this version does not accept it.
    """
    try:
        loaded = read_written(run)
        loaded.problems.raise_if_any()
    except ConfigError as error:
        raise DataError(f"{run.path}: its experiment is not accepted any more: {error}") from error
    assert loaded.experiment is not None
    return loaded.experiment


@dataclass(frozen=True)
class RecordedModel:
    """What the manifest tells of the search of a model, see :class:`mmrec.search.ModelFacts`."""

    name: str
    key: str
    searched: tuple[str, ...]
    seeds: tuple[int, ...]
    meta: ModelMeta
    early_stopping: EarlyStopping | None
    select_by: str
    monitor: str

    @classmethod
    def of(cls, name: str, facts: Mapping[str, Any], seeds: Sequence[int]) -> RecordedModel:
        """Read an entry of the manifest's ``models``."""
        stopping = facts["early_stopping"]
        return cls(
            name=name,
            key=facts["key"],
            searched=tuple(facts["searched"]),
            seeds=tuple(seeds) if len(seeds) > 1 and "seed" not in facts["searched"] else (),
            meta=ModelMeta.model_validate(facts["meta"]),
            early_stopping=None if stopping is None else EarlyStopping.model_validate(stopping),
            select_by=facts["select_by"],
            monitor=facts["monitor"],
        )


def read_studies(run: RecordedRun) -> list[Study]:
    """Return the trials of every model of a run.

    Raises:
        DataError: the folder is damaged.
    """
    folder, studies, first = RunFolder(run.path), [], 0
    for name, facts in run.manifest["models"].items():
        records = list(run.trials[first : first + facts["n_trials"]])
        first += facts["n_trials"]
        model = RecordedModel.of(name, facts, run.manifest["seeds"]["models"][name])
        studies.append(_study(model, records, facts["best_trial"], folder))
    return studies


def _study(
    model: RecordedModel, records: list[TrialRecord], best_id: str | None, folder: RunFolder
) -> Study:
    n_folds = len({record.fold for record in records})
    size = (len(model.seeds) or 1) * max(1, n_folds)
    points = [records[start : start + size] for start in range(0, len(records), size)]
    places = [place for place, trials in enumerate(points) if trials[0].trial_id == best_id]
    if not places:
        return Study(model, records, points=points)
    best = points[places[0]][0]
    try:
        per_user = folder.per_user(best.name)
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(
            f"{folder.path}: the run is damaged: the users' values of {best.name} cannot be read: "
            f"{error}"
        ) from error
    return Study(model, records, best, per_user, points, places[0])
