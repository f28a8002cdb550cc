"""The report on a run that has not finished, from the trials that have ended."""

from __future__ import annotations

import shutil
from pathlib import Path

from mmrec.errors import DataError
from mmrec.files import write_atomically
from mmrec.reporting.page import report_html
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.report_data import ReportData, activate_own_file
from mmrec.reporting.run_tables import RunTables
from mmrec.runs.finished import is_unfinished, read_settings
from mmrec.runs.folder import PARTIAL
from mmrec.runs.studies import read_unfinished_studies
from mmrec.runs.unfinished import UnfinishedRun
from mmrec.training.determinism import usual_modes


def report_run(path: str | Path) -> tuple[Path, str | None]:
    """Write tables and report of a run again, or those of an unfinished run so far.

    An unfinished run gets them in its folder ``partial``, which is removed when it finishes. It
    may be running: nothing is locked, and no file of the run is changed.

    Returns:
        The report, and what an unfinished run is doing; None for a finished one.

    Raises:
        DataError: it is not the folder of a run, or it is damaged.
    """
    folder = Path(path)
    if is_unfinished(folder):
        try:
            report, summary = _write(UnfinishedRun.open(folder))
        except DataError:
            if is_unfinished(folder):
                raise
        else:
            if is_unfinished(folder):
                return report, summary
        shutil.rmtree(folder / PARTIAL, ignore_errors=True)  # the run has finished in between
    return rebuild_report(folder).report, None


@usual_modes()
def _write(run: UnfinishedRun) -> tuple[Path, str]:
    experiment = read_settings(run)
    activate_own_file(experiment)
    studies = read_unfinished_studies(run)
    on_test = run.manifest["protocol"]["selected_on"] == "test"
    tables = RunTables.of(experiment, studies, on_test=on_test)
    page = report_html(ReportData(run.manifest, studies, tables.significance, unfinished=run))
    for table in (tables.best, tables.trials, tables.significance, tables.cold):
        table["run"] = f"partial: {run.n_ended}"  # a reader may not see the report
    folder = run.path / PARTIAL
    for name, text in tables.texts().items():
        write_atomically(folder / name, text)
    write_atomically(folder / "report.html", page)
    return folder / "report.html", run.summary
