"""What an unfinished run has kept is examined before the run resumes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmrec.config import Experiment
from mmrec.errors import TrialError
from mmrec.files import append_bytes, is_file, path_errors, sha256_of_file
from mmrec.planning.model_plan import ModelPlan
from mmrec.runs.folder import RunFolder
from mmrec.runs.lists import lists_path
from mmrec.runs.records import TrialRecord, describe
from mmrec.runs.weights import read_weights, weights_path
from mmrec.training.digests import digest_of_state


def recover(folder: RunFolder, experiment: Experiment, models: Sequence[ModelPlan]) -> list[str]:
    """Set aside what is damaged in an unfinished run, so that its trials run again.

    Damaged lines and files are kept in the folder ``damaged`` of the run. Checkpoints of trials
    that have ended and temporary files of killed processes are removed.

    Args:
        folder: of the run, locked by this process.
        experiment: has the folders of lists and weights.
        models: of the plan.

    Returns:
        A sentence on each line or file that was set aside.

    Raises:
        DataError: the records cannot be read, or a damaged file cannot be moved.
    """
    records, lines = folder.trials.examine()
    notes, good = [], []
    if lines:
        notes.append(
            f"{folder.trials.path}: damaged records are set aside, and their trials run again: "
            f"{describe(lines)}"
        )
        folder.damaged.mkdir(exist_ok=True)
        text = b"".join(line.text + b"\n" for line in lines)
        append_bytes(folder.damaged / folder.trials.path.name, text)
    keeping = {m.key for m in models if m.meta.save_weights and not m.meta.restore}
    for record in records:
        kept = record.model in keeping
        wrong = list(damaged_files(record, folder, experiment, weights=kept))
        wrong += [
            (path, "it is missing") for path in missing_files(record, folder, experiment, models)
        ]
        for path, problem in dict(wrong).items():
            aside = "the file is set aside, and " if path.exists() else ""
            notes.append(f"{path}: {problem}; {aside}its trial runs again")
            _set_aside(path, folder.damaged)
        good += [] if wrong else [record]
    if len(good) < len(records) or lines:
        folder.trials.replace(good)
    folder.remove_leftovers([record.name for record in good])
    return notes


def damaged_files(
    record: TrialRecord, folder: RunFolder, experiment: Experiment, *, weights: bool = True
) -> Iterator[tuple[Path, str]]:
    """Yield the kept files of a trial that are not what was written, each with its problem.

    Args:
        record: the trial.
        folder: of the run.
        experiment: has the folders of lists and weights.
        weights: whether the trial may have kept its weights.
    """
    values, digest = folder.per_user_path(record.name), record.per_user_sha256
    if digest is not None and not is_file(values):
        yield values, "the users' values of the trial are missing"
    elif digest is not None and sha256_of_file(values) != digest:
        yield values, "not the users' values of the trial"
    lists, digest = lists_path(experiment, record), record.lists_file_sha256
    if digest is not None and is_file(lists) and sha256_of_file(lists) != digest:
        yield lists, "not the lists of the trial"
    path = weights_path(experiment, record)
    if weights and is_file(path) and not _has_weights(path, record):
        yield path, "not the weights of the trial"


def missing_files(
    record: TrialRecord, folder: RunFolder, experiment: Experiment, models: Sequence[ModelPlan]
) -> Iterator[Path]:
    """Yield the files of a trial that are not there, although they were and are to be kept."""
    metas = [model.meta for model in models if model.key == record.model]
    paths = {
        folder.per_user_path(record.name): record.per_user_sha256 is not None,
        lists_path(experiment, record): record.lists_file is not None
        and any(meta.save_recs for meta in metas),
        weights_path(experiment, record): record.weights_file is not None
        and any(meta.save_weights and not meta.restore for meta in metas),
    }
    yield from (path for path, is_kept in paths.items() if is_kept and not is_file(path))


def _has_weights(path: Path, record: TrialRecord) -> bool:
    """Return whether a file has the weights of a trial."""
    try:
        return digest_of_state(read_weights(path).state) == record.weights_sha256
    except TrialError:  # damaged
        return False


def _set_aside(path: Path, folder: Path) -> None:
    with path_errors(path, "cannot be set aside"):
        folder.mkdir(exist_ok=True)
        if path.exists():
            shutil.move(path, folder / path.name)
