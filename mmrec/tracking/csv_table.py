"""The tracker ``csv``: all learning curves as one tidy table, ``tracking/epochs.csv``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmrec.files import write_atomically
from mmrec.tracking.run import TrackedRun
from mmrec.tracking.tracker import tracker

COLUMNS = ("trial", "model", "epoch", "split", "metric", "value")


@tracker("csv")
def write(run: TrackedRun, folder: Path) -> None:
    """Write a row for each value of each curve and each test value of a best epoch.

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
