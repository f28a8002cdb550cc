"""Running an experiment, from its file to its report.

    from mmrec import run_experiment
    results = run_experiment("config.yml")

or ``python -m mmrec.run config.yml``.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from mmrec.config import Loaded, read_experiment
from mmrec.data import Dataset
from mmrec.execution.executors import EXECUTORS, Executor, RunContext, check_executor
from mmrec.execution.runner import run_plan
from mmrec.execution.signals import RunInterrupted, StopRequest, stop_on_signals
from mmrec.execution.specs import SpecMaker
from mmrec.execution.workbench import threads_of_trial, unsaved
from mmrec.execution.worker import WorkerSetup
from mmrec.files import write_atomically
from mmrec.models import Model
from mmrec.planning.counts import count_trials
from mmrec.planning.datasets import load_datasets
from mmrec.planning.outline import Outline
from mmrec.planning.plan import Plan, make_plan
from mmrec.progress.display import Progress
from mmrec.reporting.elliot_files import elliot_files
from mmrec.reporting.examples.collect import (
    ItemInfo,
    check_examples,
    find_item_info,
    read_examples,
    write_examples,
)
from mmrec.reporting.report import write_report
from mmrec.reporting.results import Results
from mmrec.reporting.run_tables import RunTables
from mmrec.runs.folder import RunFolder
from mmrec.runs.identity import RunIdentity
from mmrec.runs.log import SHOWN, log_to_folder
from mmrec.runs.manifest import Origin, item_digests, make_manifest
from mmrec.runs.records import TrialRecord
from mmrec.runs.sessions import begin_session
from mmrec.runs.study import Study
from mmrec.runs.weights import restored_notes
from mmrec.tracking.tracker import check_trackers, write_tracking
from mmrec.training.trainer import Interrupted

logger = logging.getLogger(__name__)


def run_experiment(
    config: str | Path | Mapping[str, Any],
    *,
    base_dir: Path | None = None,
    progress: bool = True,
    verbose: bool = False,
    workers: int | None = None,
    fresh: bool = False,
) -> Results:
    """Run all trials of an experiment and write its results.

    A run of the same experiment that was interrupted or killed is gone on with: trials that have
    ended are not repeated, the interrupted one goes on from its checkpoint, and the results are
    those of a run without interruption, bit for bit.

    Args:
        config: the path of an experiment file, its text, or the same as a dict.
        base_dir: where relative paths start, for a text or a dict; by default the working
            directory. Those of a file start at its folder.
        progress: show the plan of the run, then bars over trials and epochs.
        verbose: also show a line of every evaluated epoch.
        workers: how many trials are run side by side; by default the file's ``execution``.
        fresh: start anew; an unfinished run stays where it is.

    Returns:
        The tables of the run and the folder of its files.

    Raises:
        ConfigError: the experiment is wrong; nothing was trained, the message lists every problem.
        DataError: a split or a feature file cannot be used, or a result cannot be written.
        RunInterrupted: SIGINT or SIGTERM came; the message says how to go on.
    """
    started = datetime.now().astimezone()
    loaded, plan, item_info = check_experiment(config, base_dir)
    execution = plan.experiment.execution
    n_workers = workers or execution.workers
    executor = EXECUTORS.find(execution.backend)
    devices, notes = executor.devices(plan.experiment)
    threads = threads_of_trial(execution, n_workers)
    with ExitStack() as stack:
        log = stack.enter_context(log_to_folder())
        datasets = load_datasets(plan, save=True)
        check_examples(plan.experiment, datasets[0], item_info, loaded.problems)
        specs = SpecMaker(plan, datasets)
        notes += [*loaded.notes, *_notes(plan, datasets)]
        origin = Origin.of(loaded, plan, devices, threads, started.isoformat(timespec="seconds"))
        performance = plan.experiment.path_output_rec_performance
        folder = RunFolder.open(performance, RunIdentity.of(plan, datasets), started, fresh=fresh)
        stack.callback(folder.release)
        log.write_to(folder.path / "run.log")
        sessions, session_notes = begin_session(folder.path, origin)
        ended = folder.trials.read()
        notes += [*session_notes, *dict.fromkeys(unsaved(plan.experiment, plan.models, ended))]
        with (
            stop_on_signals() as stop,
            _progress(plan, ended, enabled=progress, verbose=verbose) as observer,
        ):
            widths = {name: matrix.shape[1] for name, matrix in datasets[0].features.items()}
            counts = count_trials(plan, datasets)
            outline = Outline(plan, counts, datasets, widths, devices, n_workers, threads)
            lines = outline.lines()
            lines.append(f"results: {folder.path}")
            if ended:
                lines.append(f"resuming: {len(ended):,} of {plan.n_trials:,} trials have finished")
            observer.say("\n".join(lines))
            for line in lines:
                logger.info("%s", line.strip(), extra=SHOWN if progress else None)
            for note in notes:
                logger.warning("%s", note)
            setup = WorkerSetup(
                loaded.document.data, loaded.base_dir, folder.path, threads, plan.experiment.gpu
            )
            context = RunContext(plan.experiment, datasets, setup, n_workers, observer, stop)
            studies = _run(plan, specs, folder, executor(context), stop)
        for warning in restored_notes(plan, studies):
            logger.warning("%s", warning)
            notes.append(warning)
        notes += write_examples(folder.path, plan.experiment, datasets[0], studies, item_info)
        return _write(origin, plan, datasets, studies, folder, notes, sessions)


def check_experiment(
    config: str | Path | Mapping[str, Any], base_dir: Path | None = None
) -> tuple[Loaded, Plan, ItemInfo]:
    """Read an experiment and check all of it that can be checked before its data are read.

    Args:
        config: as for :func:`run_experiment`.
        base_dir: as for :func:`run_experiment`.

    Raises:
        ConfigError: the experiment is wrong; the message lists every problem.
    """
    loaded = read_experiment(config, base_dir)
    item_info = find_item_info(loaded)
    check_executor(loaded)
    plan = make_plan(loaded)
    check_trackers(plan.experiment, loaded.problems)
    return loaded, plan, item_info


def _progress(
    plan: Plan, ended: Sequence[TrialRecord], *, enabled: bool, verbose: bool
) -> Progress:
    left: Counter[str] = Counter()
    for model in plan.models:
        if issubclass(model.recommender, Model):
            left[model.key] += model.n_trials
    left.subtract(record.model for record in ended if record.model in left)
    return Progress(enabled=enabled, verbose=verbose, expected=left)


def _run(
    plan: Plan,
    specs: SpecMaker,
    folder: RunFolder,
    executor: Executor,
    stop: StopRequest,
) -> list[Study]:
    try:
        return run_plan(plan, specs, folder, executor)
    except Interrupted:
        assert stop.signal is not None
        raise RunInterrupted(
            f"interrupted; {len(folder.trials.read())} of {plan.n_trials} trials have ended. Run "
            f"the same experiment again to go on with {folder.path}",
            stop.signal,
        ) from None


def _notes(plan: Plan, datasets: Sequence[Dataset]) -> list[str]:
    strategy = plan.experiment.data_config.strategy
    notes = [
        f"{key} is without effect, as in Elliot: data_config.strategy is {strategy}, so the splits "
        "are taken as they are"
        for key in ("prefiltering", "splitting")
        if getattr(plan.experiment, key) and strategy != "dataset"
    ]
    if datasets[0].validation is None:
        notes.append(
            "there is no validation split: epochs and trials are selected on the test split, "
            "so the test figures are too good"
        )
    notes.extend(
        f"{split}: all of its {counts.rows_kept} rows are also in training, so every figure on it "
        "is 0; is it another file by mistake?"
        for split, counts in datasets[0].report.splits.items()
        if counts.trained_pairs and counts.trained_pairs == counts.rows_kept
    )
    notes.extend(
        f"{model.key}: a grid has no points of a distribution; they are drawn at random"
        for model in plan.models
        if model.meta.hyper_opt_alg == "grid" and model.is_drawn
    )
    return notes


def _write(
    origin: Origin,
    plan: Plan,
    datasets: Sequence[Dataset],
    studies: Sequence[Study],
    folder: RunFolder,
    notes: Sequence[str],
    sessions: Sequence[Mapping[str, Any]],
) -> Results:
    """Write the tables and the report; the manifest comes last and says that all is there."""
    tables = elliot_files(plan, studies, folder.stamp)
    for name, content in tables.items():
        write_atomically(plan.experiment.path_output_rec_performance / name, content)
    digests = item_digests(datasets, plan.loaders)
    write_atomically(folder.path / "features.json", json.dumps(digests) + "\n")
    on_test = datasets[0].validation is None
    run_tables = RunTables.of(plan.experiment, studies, on_test=on_test)
    manifest = make_manifest(
        origin,
        plan,
        datasets,
        studies,
        tables,
        run_tables.texts(),
        notes=notes,
        sessions=sessions,
        ended=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
    examples = read_examples(folder.path, plan.experiment)
    results = write_report(folder.path, manifest, run_tables, studies, examples)
    write_tracking(manifest, plan.experiment, studies, results)
    write_atomically(folder.path / "manifest.json", json.dumps(manifest, indent=2) + "\n")
    return results
