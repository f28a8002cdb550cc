"""The recommendation lists of a trial as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.evaluation import Ranking
from mmrec.files import encoded
from mmrec.runs.environment import code_digest
from mmrec.runs.kept_files import write_beside
from mmrec.runs.records import TrialRecord


def lists_path(experiment: Experiment, record: TrialRecord) -> Path:
    """Return the file of the recommendation lists of a trial.

    Its name contains the digest of the code, so that a model that is edited does not replace the
    lists of earlier runs; earlier versions wrote names without it.
    """
    name = record.lists_file or f"{record.name}_it={record.best_epoch}.tsv"
    return experiment.path_output_rec_result / name


def save_lists(
    experiment: Experiment, record: TrialRecord, lists: str, code: Mapping[str, str]
) -> TrialRecord:
    """Write the recommendation lists of a trial.

    Args:
        experiment: has the folder.
        record: the trial.
        lists: the text of the file.
        code: the versions of the sources that ran the trial, by name.

    Returns:
        The record with the name of the file.

    Raises:
        WriteError: the file cannot be written.
    """
    name = f"{record.name}_it={record.best_epoch}_code={code_digest(code)}.tsv"
    path = write_beside(experiment.path_output_rec_result / name, encoded(lists))
    return replace(record, lists_file=path.name)


def lists_as_tsv(ranking: Ranking, dataset: Dataset) -> str:
    """Return recommendation lists as lines of user, item and score, with the ids of the files."""
    item_ids = np.array(dataset.items.ids, dtype=object)
    lines: list[str] = []
    for user_id, items, scores in zip(
        dataset.users.ids, ranking.items, ranking.scores, strict=True
    ):
        listed = items >= 0
        lines.extend(
            f"{user_id}\t{item_id}\t{score}\n"  # numpy: the shortest exact form
            for item_id, score in zip(item_ids[items[listed]], scores[listed], strict=True)
        )
    return "".join(lines)
