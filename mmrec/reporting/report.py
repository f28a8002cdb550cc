"""Tables and report of a run, written at its end or again from its folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mmrec.config import Experiment
from mmrec.files import write_atomically
from mmrec.reporting.csv_files import best_table, trials_table
from mmrec.reporting.examples.collect import read_shown
from mmrec.reporting.over_seeds import significance_table
from mmrec.reporting.page import report_html
from mmrec.reporting.results import Results
from mmrec.runs.finished import FinishedRun, read_settings, read_studies
from mmrec.runs.study import Study


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
        shown: the users whose recommendations are shown, see
            :mod:`mmrec.reporting.examples.collect`.

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
    run = FinishedRun.open(Path(path))
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
    run = FinishedRun.open(Path(path))
    studies = read_studies(run)
    best, trials = best_table(studies), trials_table(studies)
    return Results(best, trials, run.path)
