"""What a run returns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from mmrec.reporting.figures import Drawings
    from mmrec.reporting.table import Table


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of a run, and where its files are."""

    best: pd.DataFrame
    """A row for the best trial of each model, test figures before validation figures."""
    trials: pd.DataFrame
    """A row for every trial, finished or failed, with its parameters and digests."""
    folder: Path
    """The run's folder, with manifest.json, trials.jsonl, tables and report.html."""

    @property
    def report(self) -> Path:
        """The report, to be opened in a browser."""
        return self.folder / "report.html"

    @property
    def n_failed(self) -> int:
        """The number of trials that failed."""
        return int((self.trials["status"] == "failed").sum())

    @cached_property
    def plot(self) -> Drawings:
        """The figures of the report as matplotlib's, for example ``plot.per_user("nDCG@20")``."""
        from mmrec.reporting.figures import Drawings

        return Drawings(self.folder)

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Tables of the report, each with ``to_latex()`` and ``to_csv()``, by name.

        ``best``, ``costs``, ``trials MODEL``, and where there is something to tell ``seeds``,
        ``users`` and ``paired_ttest over users``, for example.
        """
        from mmrec.reporting.figures import read_tables

        return read_tables(self.folder)

    def __repr__(self) -> str:
        return f"{self.best.to_string(index=False)}\n\n{self.report}"

    def _repr_html_(self) -> str:
        """Show the best trials as a table in a notebook."""
        table: str = self.best.to_html(index=False, float_format="{:.4f}".format)
        return f"{table}<p>{self.report}</p>"
