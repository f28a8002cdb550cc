"""What a run returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of a run, and where its files are."""

    best: pd.DataFrame
    """A row for the best trial of each model: test figures, then validation figures."""
    trials: pd.DataFrame
    """A row for every trial, finished or failed, with its parameters and digests."""
    folder: Path
    """The run's folder: manifest.json, trials.jsonl, tables and report.html."""

    @property
    def report(self) -> Path:
        """The report, to be opened in a browser."""
        return self.folder / "report.html"

    @property
    def n_failed(self) -> int:
        """The number of trials that failed."""
        return int((self.trials["status"] == "failed").sum())

    def __repr__(self) -> str:
        return f"{self.best.to_string(index=False)}\n\n{self.report}"

    def _repr_html_(self) -> str:
        """Show the best trials as a table in a notebook."""
        table: str = self.best.to_html(index=False, float_format="{:.4f}".format)
        return f"{table}<p>{self.report}</p>"
