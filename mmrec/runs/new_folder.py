"""The folder of a new run, named by its date and time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mmrec.errors import DataError
from mmrec.files import path_errors


def make_folder(performance: Path, started: datetime) -> Path:
    """Make a folder that no other run has, also when two start in the same second.

    Args:
        performance: the folder that contains the runs.
        started: names the folder.

    Raises:
        DataError: it cannot be made.
    """
    stamp = started.strftime("%Y_%m_%d_%H_%M_%S")
    for attempt in range(1, 1000):
        folder = performance / f"run_{stamp}{'' if attempt == 1 else f'_{attempt}'}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            with path_errors(performance):
                is_folder = performance.is_dir()
            if not is_folder:
                raise DataError(f"{performance}: is not a folder") from None
        except OSError as error:
            raise DataError(f"{folder}: cannot be made: {error.strerror or error}") from error
        else:
            return folder
    raise DataError(f"{performance}: a thousand runs have started in this second")
