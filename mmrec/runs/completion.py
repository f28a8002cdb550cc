"""What must be there at the end of a run, so that every command can read it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mmrec.config import Experiment
from mmrec.errors import DataError, listing
from mmrec.planning.model_plan import ModelPlan
from mmrec.runs.folder import RunFolder
from mmrec.runs.names import MANIFEST
from mmrec.runs.records import TrialRecord
from mmrec.runs.recovery import missing_files
from mmrec.runs.sealed import write_sealed

logger = logging.getLogger(__name__)


def check_kept(
    folder: RunFolder,
    experiment: Experiment,
    models: Sequence[ModelPlan],
    records: Sequence[TrialRecord],
) -> None:
    """Require that everything that a run has kept is there at its end.

    Records that are not on the disk any more are written again.

    Args:
        folder: of the run.
        experiment: has the folders of lists and weights.
        models: of the plan.
        records: all trials of the run.

    Raises:
        DataError: files of trials were deleted.
    """
    missing = [path for r in records for path in missing_files(r, folder, experiment, models)]
    if missing:
        raise DataError(
            f"{listing(missing)}: deleted while the run was going on. Run the same experiment "
            "again: the trials whose files are missing run again"
        )
    if {r.trial_id for r in folder.trials.read()} != {r.trial_id for r in records}:
        logger.warning(
            "%s: records were deleted while the run was going on; they are written again",
            folder.trials.path,
        )
        folder.trials.replace(records)


def finish(folder: RunFolder, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, which marks the run as finished.

    Raises:
        DataError: the folder, or a file that the manifest has a digest of, was changed since.
    """
    folder.require_identity()
    if folder.digests() != manifest["files_sha256"]:
        raise DataError(
            f"{folder.path}: its files were changed while the report was written; run the same "
            "experiment again to complete the run"
        )
    write_sealed(folder.path / MANIFEST, manifest)
    folder.remove_unfinished()
