"""The tracker ``csv``: all learning curves as one tidy table, ``tracking/epochs.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from mmrec.files import encoded, path_errors, write_atomically
from mmrec.runs.journal import StartedTrial
from mmrec.tracking.run import Point, StartedRun, TrackedRun, TrackedTrial
from mmrec.tracking.tracker import LiveTracker, live_tracker

COLUMNS = ("trial", "model", "epoch", "split", "metric", "value")
_Row = tuple[str, str, int, str, str, float]


@live_tracker("csv")
class CsvTracker(LiveTracker):
    """Writes a row for each value of each curve and each test value of a best epoch.

    While the run goes on, the rows are in the order in which they are known; at its end, in that
    of the experiment, without those of failed trials.
    """

    def __init__(self, run: StartedRun, folder: Path) -> None:
        super().__init__(run, folder)
        self._path = folder / "epochs.csv"
        self._rows: dict[str, list[_Row]] = {}
        self._write([])

    def begin(self, trial: StartedTrial) -> None:
        """Remove the rows of a trial that is written again."""
        if self._rows.get(trial.name):
            del self._rows[trial.name]
            self._write(row for rows in self._rows.values() for row in rows)
        self._rows[trial.name] = []

    def add(self, trial: StartedTrial, points: Sequence[Point]) -> None:
        """Append rows.

        Raises:
            DataError: the file cannot be written.
        """
        self._append([(trial.name, trial.model, *point) for point in points])

    def end(self, trial: TrackedTrial) -> None:
        """Append the test values of the best epoch."""
        known = set(trial.curves)
        points = [point for point in trial.best if point not in known]
        self._append([(trial.record.name, trial.record.model, *point) for point in points])

    def finish(self, run: TrackedRun) -> None:
        """Write all rows in the order of the experiment.

        Raises:
            WriteError: the file cannot be written.
        """
        self._write(
            (trial.record.name, trial.record.model, *point)
            for trial in run.trials
            for point in dict.fromkeys((*trial.curves, *trial.best))
        )

    def _append(self, rows: Sequence[_Row]) -> None:
        for row in rows:
            self._rows[row[0]].append(row)
        with path_errors(self._path, "cannot be written"), self._path.open("ab") as file:
            file.write(encoded(_text(rows, header=False)))

    def _write(self, rows: Iterable[_Row]) -> None:
        write_atomically(self._path, _text(list(rows)))


def _text(rows: Sequence[_Row], *, header: bool = True) -> str:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    text: str = table.to_csv(index=False, header=header, lineterminator="\n")
    return text
