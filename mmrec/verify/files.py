"""Whether the files of a run are as it wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmrec.config import Experiment
from mmrec.files import is_file, sha256_of_file
from mmrec.runs.finished import FinishedRun
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.runs.recovery import damaged_files
from mmrec.verify.data import short_path


def changed_files(
    run: FinishedRun, experiment: Experiment, records: Sequence[TrialRecord]
) -> Iterator[str]:
    """Yield a sentence for each table, list or file of weights that has changed.

    Args:
        run: the run.
        experiment: has the folders of lists and weights.
        records: the trials whose files are compared.
    """
    expected = {trial["trial_id"]: trial for trial in run.manifest["trials"]}
    for record in records:
        for what in ("status", "weights_sha256", "lists_sha256", "lists_file_sha256"):
            if expected[record.trial_id][what] != getattr(record, what):
                yield f"trials.jsonl: {what} of {record.name} is not that of manifest.json"
    for folder, key in ((run.path.parent, "tables_sha256"), (run.path, "run_tables_sha256")):
        for name, digest in run.manifest[key].items():
            table = folder / name
            if is_file(table) and sha256_of_file(table) != digest:
                yield f"{short_path(table)}: not what the run wrote"
    for record in records:
        for path, problem in damaged_files(record, RunFolder(run.path), experiment):
            yield f"{short_path(path)}: {problem}"
