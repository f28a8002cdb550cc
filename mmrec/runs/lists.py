"""The recommendation lists of a trial as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.evaluation import Ranking
from mmrec.runs.records import TrialRecord


def lists_path(experiment: Experiment, record: TrialRecord) -> Path:
    """Return the file of the recommendation lists of a trial.

    Its name contains the digest of the code, so that a model that is edited does not replace the
    lists of earlier runs; earlier versions wrote names without it.
    """
    name = record.lists_file or f"{record.name}_it={record.best_epoch}.tsv"
    return experiment.path_output_rec_result / name


def lists_name(record: TrialRecord, code: str) -> str:
    """Return the name of the file of the recommendation lists of a trial.

    Args:
        record: of the trial.
        code: digest of the code that ran it, see :func:`~mmrec.runs.environment.code_digest`.
    """
    return f"{record.name}_it={record.best_epoch}_code={code}.tsv"


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
