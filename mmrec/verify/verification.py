"""``mmrec verify``: run a finished run again and compare it bit for bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrec.config import Loaded
from mmrec.data import Dataset
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan
from mmrec.progress.display import Progress
from mmrec.runs.differences import Change, as_text, changes
from mmrec.runs.environment import describe_environment
from mmrec.runs.finished import FinishedRun, read_plan
from mmrec.runs.manifest import all_fingerprint, describe_data, item_digests, split_files
from mmrec.runs.protocol import metric_files
from mmrec.text import counted
from mmrec.training.determinism import resolve_device, usual_modes
from mmrec.verify.data import DataDifference, DataFacts, data_differences
from mmrec.verify.files import changed_files
from mmrec.verify.rerun import Rerun
from mmrec.verify.trials import Difference


@dataclass(frozen=True)
class Verification:
    """The result of running a run again."""

    run: Path
    trials: Mapping[str, Difference] = field(default_factory=dict)
    """The first difference of each trial that has one, by the trial's name."""
    data: tuple[DataDifference, ...] = ()
    """Parts of the data that differ; if there are any, no trial was run again."""
    files: tuple[str, ...] = ()
    """Files of the run that have changed since it wrote them, each as a sentence."""
    environment: tuple[Change, ...] = ()
    """What differs in machine, versions and code; this alone is no failure."""
    notes: tuple[str, ...] = ()
    """Trials that could not be run again, and why."""
    n_trials: int = 0
    """Trials that were compared."""
    n_epochs: int = 0
    """Evaluated epochs in the records of these trials."""

    @property
    def is_identical(self) -> bool:
        """Whether everything that was compared is the same, bit for bit."""
        return not (self.data or self.files or self.trials)

    def __str__(self) -> str:
        lines = [self._verdict()]
        lines += [f"  data: {line}" for line in self.data]
        lines += [f"  file: {line}" for line in self.files]
        lines += [f"  {name}: {difference}" for name, difference in self.trials.items()]
        lines += [f"  {note}" for note in self.notes]
        if self.environment:
            lines.append("environment (recorded -> now):")
            lines += [f"  {change}" for change in self.environment]
        return "\n".join(lines)

    def _verdict(self) -> str:
        n_trials = counted(self.n_trials, "trial")
        if self.is_identical:
            n_epochs = counted(self.n_epochs, "evaluated epoch")
            return f"identical: {self.run.name}: {n_trials}, {n_epochs}"
        if self.data:
            return f"different: {self.run.name}: other data, so no trial was run again"
        files = ", and files" if self.files else ""
        return (
            f"different: {self.run.name}: {len(self.trials)} of {n_trials}{files} (recorded -> now)"
        )


@usual_modes()
def verify_run(
    path: str | Path,
    trial: str | None = None,
    *,
    base_dir: Path | None = None,
    progress: bool = False,
    trust: bool = False,
) -> Verification:
    """Run the trials of a finished run again and compare losses, weights, lists and figures.

    The data are compared first; if they differ, nothing is run. A trial is run with the recorded
    parameters and number of threads, up to the first epoch that differs. Nothing is written.

    Args:
        path: the folder of the run.
        trial: only this one, by its trial_id or name.
        base_dir: where relative paths of the experiment start, if the data have moved since.
        progress: show bars over trials and epochs.
        trust: execute the external models of the run even if no experiment of this user has.

    Raises:
        DataError: the folder is not that of a finished run, it has no such trial, or its data
            cannot be read.
        TrustError: its external models are not trusted.
        ConfigError: the experiment cannot be run here, for example because a path is missing.
    """
    run = FinishedRun.open(Path(path))
    records = run.trials if trial is None else (run.trial(trial),)
    # The files themselves are verified, not their packed copies.
    loaded, plan = read_plan(run, base_dir, use_cache=False, trust=trust)
    datasets = load_datasets(plan)
    threads = run.manifest["environment"]["threads"]
    devices = [resolve_device(gpu)[0] for gpu in plan.experiment.gpus]
    now = describe_environment(devices, threads, plan.experiment.external_models_path)
    data = [*_compare_data(run, plan, datasets), *_compare_metric_files(run, plan)]
    differences: dict[str, Difference] = {}
    notes: list[str] = []
    if not data:
        rerun = Rerun(plan, datasets, devices[0], threads, is_moved=_is_moved(run, loaded))
        trained = Counter(record.model for record in records if record.losses)
        with Progress(enabled=progress, expected=trained) as observer:
            differences, notes = rerun.check(records, observer)
    return Verification(
        run.path,
        trials=differences,
        data=tuple(data),
        files=tuple(changed_files(run, plan.experiment, records)),
        environment=tuple(changes({key: run.manifest[key] for key in now}, now)),
        notes=tuple(notes),
        n_trials=len(records) - len(notes),
        n_epochs=sum(len(record.history) for record in records),
    )


def _compare_metric_files(run: FinishedRun, plan: Plan) -> Iterator[DataDifference]:
    """Yield the files of metrics whose content differs."""
    then = run.manifest["protocol"].get("metric_files", {})
    for key, one, other in changes(then, metric_files(plan)):
        yield DataDifference(f"evaluation.{key}", f"{as_text(one)} -> {as_text(other)}")


def _is_moved(run: FinishedRun, loaded: Loaded) -> bool:
    return bool(str(loaded.base_dir) != run.manifest["written"]["base_dir"])


def _compare_data(
    run: FinishedRun, plan: Plan, datasets: Sequence[Dataset]
) -> list[DataDifference]:
    then = run.manifest["data"]
    if all_fingerprint(datasets) == then["fingerprint"]:
        return []
    now: dict[str, Any] = {"folds": []}
    for dataset, files in zip(datasets, split_files(plan.folds), strict=True):
        described = {"name": dataset.fold} | describe_data(dataset, files)
        now = described | now
        now["folds"] += [described] if dataset.fold else []
    digests = item_digests(datasets, plan.loaders)["loaders"]
    return data_differences(DataFacts(then, run.item_digests), DataFacts(now, digests))
