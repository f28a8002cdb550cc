"""Tables and report of a run, written at its end or again from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrec.errors import DataError
from mmrec.files import encoded, is_file, sha256, sha256_of_file, write_atomically
from mmrec.reporting.examples.collect import read_examples
from mmrec.reporting.importance import Importance, importance_frame
from mmrec.reporting.page import report_html
from mmrec.reporting.report_data import ReportData, activate_own_file
from mmrec.reporting.results import Results
from mmrec.reporting.run_tables import RunTables, best_table, trials_table
from mmrec.runs.finished import FinishedRun, read_settings
from mmrec.runs.studies import read_studies
from mmrec.runs.study import Study
from mmrec.training.determinism import usual_modes


def write_report(
    folder: Path,
    manifest: Mapping[str, Any],
    tables: RunTables,
    studies: Sequence[Study],
    examples: Mapping[str, Any] | None,
) -> Results:
    """Write the tables of a run and report.html.

    The tables are best.tsv, trials.tsv, significance.tsv (if there is a test) and importance.tsv
    (if a search is large enough). The manifest has no digest of the last one, since its method
    depends on the installed packages.

    Args:
        folder: of the run.
        manifest: of the run.
        tables: of the run.
        studies: the trials of every model.
        examples: what :func:`~mmrec.reporting.examples.collect.read_examples` returns.

    Raises:
        WriteError: a file cannot be written.
    """
    data = ReportData(manifest, studies, tables.significance, examples)
    page = report_html(data)
    for name, text in tables.texts().items():
        write_atomically(folder / name, text)
    importances = {k: x for k, x in data.importances.items() if isinstance(x, Importance)}
    if importances:
        table = importance_frame(importances).to_csv(sep="\t", index=False)
        write_atomically(folder / "importance.tsv", table)
    results = Results(tables.best, tables.trials, folder)
    write_atomically(results.report, page)
    return results


@usual_modes()
def rebuild_report(path: str | Path) -> Results:
    """Write tables and report of a finished run again from its folder.

    Neither data nor models of the experiment are needed. With the same versions of mmrec and
    matplotlib, the files are the same, byte for byte.

    Raises:
        DataError: it is not the folder of a finished run, or it is damaged; nothing was written.
    """
    run = FinishedRun.open(Path(path))
    experiment = read_settings(run)
    activate_own_file(experiment)
    studies = read_studies(run)
    on_test = run.manifest["protocol"]["selected_on"] == "test"
    tables = RunTables.of(experiment, studies, on_test=on_test)
    if not run.has_digests:
        _check_tables(run, tables)
    examples = read_examples(run.path, experiment)
    return write_report(run.path, run.manifest, tables, studies, examples)


def _check_tables(run: FinishedRun, tables: RunTables) -> None:
    """Refuse to replace tables that are as the run wrote them by others.

    Raises:
        DataError: the records give other tables.
    """
    for name, text in tables.texts().items():
        path, digest = run.path / name, run.manifest["run_tables_sha256"].get(name)
        if sha256(encoded(text)) != digest and is_file(path) and sha256_of_file(path) == digest:
            raise DataError(
                f"{path}: the records of the run give another table, so they are damaged, or the "
                "version that made the run wrote other tables; the table is kept"
            )


def read_results(path: str | Path) -> Results:
    """Return what a run returned, from its folder. Nothing is written.

    Raises:
        DataError: it is not the folder of a finished run, or it is damaged.
    """
    run = FinishedRun.open(Path(path))
    studies = read_studies(run)
    return Results(best_table(studies), trials_table(studies), run.path)
