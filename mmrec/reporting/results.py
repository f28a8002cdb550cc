"""What a run returns."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mmrec.reporting.run_tables import readable

if TYPE_CHECKING:
    from mmrec.reporting.figures import Figures
    from mmrec.reporting.table import ReportTable


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of a run and the folder of its files."""

    best: pd.DataFrame
    """A row for the best trial of each model, test metrics before validation metrics."""
    trials: pd.DataFrame
    """A row for every trial, finished or failed, with its parameters and digests."""
    folder: Path
    """The run's folder, with manifest.json, trials.jsonl, tables and report.html."""

    @property
    def report(self) -> Path:
        """The report, an HTML page for a browser."""
        return self.folder / "report.html"

    @property
    def n_failed(self) -> int:
        """The number of failed trials."""
        return int((self.trials["status"] == "failed").sum())

    @cached_property
    def plot(self) -> Figures:
        """The figures of the report with matplotlib, for example ``plot.per_user("nDCG@20")``."""
        from mmrec.reporting.figures import Figures

        return Figures(self.folder)

    @cached_property
    def tables(self) -> dict[str, ReportTable]:
        """The tables of the report by name, each with ``frame``, ``to_latex()`` and ``to_csv()``.

        For example ``best``, ``costs``, ``splits``, ``trials MODEL``, and where the run has them
        ``seeds``, ``users`` and ``paired_ttest over users``.
        """
        from mmrec.reporting.report_data import ReportData
        from mmrec.reporting.sections.base import sections_of

        sections = sections_of(ReportData.read(self.folder))
        return {name: table for made in sections for name, table in made.tables.items()}

    def __repr__(self) -> str:
        return f"{readable(self.best).to_string(index=False)}\n\n{self.report}"

    def _repr_html_(self) -> str:
        """Return the best trials as a table for a notebook."""
        table: str = readable(self.best).to_html(index=False)
        return f"{table}<p>{html.escape(str(self.report))}</p>"
