"""Compare finished runs: one table of data sets, models and metrics, for a paper.

from mmrec import compare
comparison = compare(["results/office/performance/run_...", "results/toys/..."])
print(comparison.to_latex())
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from mmrec.errors import DataError
from mmrec.files import write_atomically
from mmrec.reporting.comparing.diagram import draw_diagram
from mmrec.reporting.comparing.mean_ranks import MIN_DATASETS, MIN_MODELS, MeanRanks, mean_ranks
from mmrec.reporting.comparing.protocol import check_comparable, dataset_of, notes_on
from mmrec.reporting.comparing.scores import Scores, read_scores
from mmrec.reporting.comparing.tables import (
    markdown,
    nemenyi_table,
    ranks_table,
    results_table,
    tidy_frame,
)
from mmrec.reporting.comparing.verdicts import judge
from mmrec.reporting.page import render_page
from mmrec.reporting.results import Results
from mmrec.reporting.sections.base import Plot, Section
from mmrec.reporting.table import Cell, ReportTable, make_table
from mmrec.runs.finished import FinishedRun
from mmrec.text import counted, moment


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs compared; the same runs give the same files in a folder."""

    table: ReportTable
    """Data sets, models and metrics; see ``to_latex()`` and ``to_markdown()``."""
    frame: pd.DataFrame
    """A row for each data set, model and metric, with all digits: mean, std, trials, gain,
    p_users, p_seeds, trial, run."""
    ranks: Sequence[MeanRanks]
    """For each metric, the mean ranks of the models that have it on every data set; empty on one
    data set."""
    notes: Sequence[str]
    """What a reader should know."""
    runs: ReportTable
    """The compared runs."""
    datasets: Sequence[str]
    models: Sequence[str]

    def to_latex(self) -> str:
        """Return the table for the LaTeX package booktabs."""
        return self.table.to_latex()

    def to_csv(self) -> str:
        """Return :attr:`frame` as CSV."""
        text: str = self.frame.to_csv(index=False, lineterminator="\n")
        return text

    def to_markdown(self) -> str:
        """Return the table, the mean ranks and the notes in Markdown."""
        parts = [markdown(self.table), *map(markdown, self._ranks())]
        parts += [f"- {note}\n" for note in self.notes]
        return "\n".join(parts)

    def to_html(self, folder: str | Path = ".") -> str:
        """Return a page of HTML that loads nothing and runs no script.

        Args:
            folder: where the page will be; its links to the reports of the runs start there.
        """
        return render_page(
            "comparison.html.j2",
            title=f"{counted(len(self.models), 'model')} on {', '.join(self.datasets)}",
            sections=list(self._sections(folder)),
            notes=self.notes,
        )

    def write(self, folder: str | Path) -> Path:
        """Write comparison.html, comparison.tex, comparison.csv and comparison.md.

        Returns:
            The path of the page.

        Raises:
            WriteError: a file cannot be written.
        """
        page = Path(folder) / "comparison.html"
        texts = {".tex": self.to_latex(), ".csv": self.to_csv(), ".md": self.to_markdown()}
        for suffix, text in (texts | {".html": self.to_html(folder)}).items():
            write_atomically(page.with_suffix(suffix), text)
        return page

    def __repr__(self) -> str:
        return self.to_markdown()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _ranks(self) -> list[ReportTable]:
        return [ranks_table(self.ranks, self.models)] if self.ranks else []

    def _sections(self, folder: str | Path) -> Iterator[Section]:
        yield Section("Results", "results", tables={"results": self.table})
        if self.ranks:
            tested = [ranks for ranks in self.ranks if ranks.critical_difference is not None]
            tables = {"ranks": self._ranks()[0]}
            tables |= {f"nemenyi {ranks.label}": nemenyi_table(ranks) for ranks in tested}
            note = (
                "Rank 1 is the best; equal values share the mean of their ranks. Only models with "
                "results on every data set are ranked."
            )
            if not tested:
                note += (
                    f" The tests of Friedman and Nemenyi need at least {MIN_DATASETS} data sets "
                    f"and {MIN_MODELS} models."
                )
            yield Section(
                "Mean ranks", "ranks", tables=tables, notes=[note], plots=list(map(_plot, tested))
            )
        yield Section("Runs", "runs", tables={"runs": _linked(self.runs, folder)})


def compare(
    runs: Sequence[str | Path | Results],
    *,
    metrics: Sequence[str] | None = None,
    proposed: Sequence[str] = (),
) -> Comparison:
    """Compare finished runs on one data set or several.

    On each data set the figures of a model are those of its best point, which validation
    selected: the mean over its folds and seeds. A model may be in several runs on the same data
    set only with the same results.

    Args:
        runs: the folders of the runs, or what they returned.
        metrics: labels such as ``Recall@20``, in the order of the columns; by default those of all
            simple metrics that every run has.
        proposed: the models whose best is compared with the best of the others; they are the last
            rows. By default the best model is compared with the second.

    Raises:
        DataError: the protocols of the runs differ (cutoffs, relevance threshold, candidates,
            splits), a folder is not that of a finished run, or a name is unknown.
    """
    paths = [run.folder if isinstance(run, Results) else Path(run) for run in runs]
    if not paths:
        raise DataError("no run was given; name the folders of the runs")
    found = [FinishedRun.open(path) for path in paths]
    opened = list({run.path.resolve(): run for run in found}.values())
    check_comparable(opened)
    scores = read_scores(opened, metrics, proposed)
    verdicts = judge(scores, proposed)
    return Comparison(
        table=results_table(scores, verdicts),
        frame=tidy_frame(scores, verdicts),
        ranks=mean_ranks(scores),
        notes=[*notes_on(opened), *_missing(scores)],
        runs=_runs(opened),
        datasets=scores.datasets,
        models=scores.models,
    )


def _missing(scores: Scores) -> Iterator[str]:
    for model in scores.models:
        without = [dataset for dataset in scores.datasets if (dataset, model) not in scores.cells]
        if without:
            yield f"{model} has no result on {', '.join(without)}, so it is not ranked."


def _runs(runs: Sequence[FinishedRun]) -> ReportTable:
    rows = []
    for run in runs:
        path = Cell(run.path.resolve().name, str(run.path), data=str(run.path))
        sizes = [run.manifest["data"][key] for key in ("users", "items")]
        started = Cell(moment(run.manifest["started"]), kind="number")  # not broken into lines
        rows.append([dataset_of(run), path, *sizes, len(run.trials), started])
    header = ["data set", "run", "users", "items", "trials", "started"]
    return make_table("The compared runs, with their reports.", header, rows)


def _linked(runs: ReportTable, folder: str | Path) -> ReportTable:
    """Return the runs with links from a folder to their reports."""
    rows = []
    for dataset, run, *others in runs.rows:
        report = os.path.relpath(Path(run.title) / "report.html", folder)
        rows.append([dataset, replace(run, link=quote(os.fsencode(report))), *others])
    return replace(runs, rows=rows)


def _plot(ranks: MeanRanks) -> Plot:
    assert ranks.critical_difference is not None
    return Plot(
        f"Mean ranks by {ranks.label}. A bar joins models whose ranks differ by less than the "
        "critical difference.",
        make_table(ranks.label, ["model", "mean rank"], [list(x) for x in ranks.ranks.items()]),
        partial(
            draw_diagram,
            label=ranks.label,
            ranks=ranks.ranks,
            critical=ranks.critical_difference,
        ),
    )
