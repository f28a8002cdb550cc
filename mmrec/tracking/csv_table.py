"""``tracking/epochs.csv``: the curves of all trials as one tidy table, for any tool."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmrec.files import write_atomically
from mmrec.tracking.run import TrackedRun

COLUMNS = ("trial", "model", "epoch", "split", "figure", "value")


def write(run: TrackedRun, folder: Path) -> None:
    """Write a row for every value of every curve, and for the test figures of the best epochs.

    Raises:
        DataError: the file cannot be written.
    """
    rows = [
        (trial.record.name, trial.record.model, *point)
        for trial in run.trials
        for point in dict.fromkeys((*trial.curves, *trial.best))
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_atomically(folder / "epochs.csv", table.to_csv(index=False, lineterminator="\n"))
