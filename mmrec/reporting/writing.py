"""Writing the tables and the report of a run, when it ends and whenever they are wanted again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrec.files import write_atomically
from mmrec.reporting.html import report_html
from mmrec.reporting.over_seeds import significance_table
from mmrec.reporting.results import Results
from mmrec.reporting.tables import best_table, elliot_files, significance, trials_table
from mmrec.search import Plan, Study

VALIDATION = "validation"
"""The split that is selected on, where there is one."""


def write_tables(
    plan: Plan, studies: Sequence[Study], folder: Path, performance: Path, selected_on: str
) -> tuple[Results, dict[str, str]]:
    """Write the tables of Elliot's layout, and those of the run's own folder.

    Args:
        plan: the experiment.
        studies: what has become of it.
        folder: of the run; its name holds the stamp of the other names.
        performance: takes Elliot's tables.
        selected_on: the split that epochs and trials were selected on.

    Returns:
        The results, and {name: content} of Elliot's tables.

    Raises:
        DataError: a table cannot be written.
    """
    tables = elliot_files(plan, studies, folder.name.removeprefix("run_"))
    for name, content in tables.items():
        write_atomically(performance / name, content)
    best, trials = best_table(studies), trials_table(studies)
    if selected_on != VALIDATION:  # a table may be read far from the log that warns of it
        for table in (best, trials):
            table["selected_on"] = selected_on
    own = {"best.tsv": best, "trials.tsv": trials}
    compared = significance_table(plan.experiment, studies)
    if len(compared):
        own["significance.tsv"] = compared
    for name, table in own.items():
        write_atomically(folder / name, table.to_csv(sep="\t", index=False))
    return Results(best, trials, folder), tables


def write_report(
    manifest: Mapping[str, Any], plan: Plan, studies: Sequence[Study], folder: Path
) -> None:
    """Write ``report.html`` and, after it, ``manifest.json``, which says that all is there.

    Args:
        manifest: what :func:`~mmrec.reporting.make_manifest` returns, or a run has recorded.
        plan: the experiment.
        studies: what has become of it.
        folder: of the run.

    Raises:
        DataError: a file cannot be written.
    """
    tests = {
        f"{test}, cutoff {cutoff}": table
        for cutoff in plan.experiment.evaluation.cutoffs
        for test, table in significance(plan.experiment, studies, cutoff)
    }
    page = report_html(manifest, studies, best_table(studies), tests, _command(manifest))
    write_atomically(folder / "report.html", page)
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")


def _command(manifest: Mapping[str, Any]) -> str:
    """Return what runs the experiment again."""
    source = manifest["written"]["source"]
    return "run_experiment(config)" if source in ("<dict>", "<text>") else f"mmrec run {source}"
