"""Run an experiment, from its file to its report.

    from mmrec import run_experiment
    results = run_experiment("config.yml")

or ``python -m mmrec.run config.yml``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mmrec.config import Loaded, Source, read_experiment
from mmrec.data import Dataset
from mmrec.execution.executors import Executor, RunContext, check_executor
from mmrec.execution.observers import JournalObserver, Observers
from mmrec.execution.resources import Resources
from mmrec.execution.runner import run_plan
from mmrec.execution.signals import (
    RunInterrupted,
    StopRequest,
    describing_interrupts,
    stop_on_signals,
)
from mmrec.execution.specs import SpecMaker
from mmrec.execution.workbench import unsaved
from mmrec.execution.worker import WorkerSetup
from mmrec.files import write_atomically
from mmrec.interruption import Interrupted
from mmrec.planning.counts import count_trials
from mmrec.planning.datasets import load_datasets
from mmrec.planning.notes import plan_notes
from mmrec.planning.outline import Outline
from mmrec.planning.outputs import check_outputs
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
from mmrec.runs.completion import finish
from mmrec.runs.folder import RunFolder
from mmrec.runs.inputs import FileStates, RunInputs
from mmrec.runs.journal import JournalWriter
from mmrec.runs.log import SHOWN, log_to_folder
from mmrec.runs.manifest import Origin, item_digests, make_manifest
from mmrec.runs.names import FEATURES
from mmrec.runs.records import TrialRecord
from mmrec.runs.recovery import recover
from mmrec.runs.sessions import begin_session
from mmrec.runs.study import Study
from mmrec.runs.trust import note_trusted
from mmrec.runs.unfinished import write_unfinished
from mmrec.runs.weights import restored_notes
from mmrec.runs.zero_figures import zero_notes
from mmrec.tracking.tracker import check_trackers
from mmrec.tracking.tracking import Tracking
from mmrec.training.determinism import usual_modes

logger = logging.getLogger(__name__)


@usual_modes()
def run_experiment(
    config: Source,
    *,
    base_dir: Path | None = None,
    progress: bool = True,
    verbose: bool = False,
    workers: int | None = None,
    fresh: bool = False,
) -> Results:
    """Run all trials of an experiment and write its results.

    An interrupted or killed run of the same experiment is resumed: finished trials are not
    repeated, running ones resume from their checkpoints, and the results are those of a run
    without interruption, bit for bit.

    Args:
        config: the path of an experiment file, its text, or the experiment as a dict.
        base_dir: the folder that relative paths start from, for a text or a dict; by default the
            working directory. Paths in a file start from the file's folder.
        progress: show the plan of the run, then progress bars.
        verbose: also show a line for each evaluated epoch.
        workers: how many trials run at the same time; by default that of the file.
        fresh: start a new run; an unfinished one remains as it is.

    Returns:
        The tables of the run and the folder of its files.

    Raises:
        ConfigError: the experiment is wrong; the message lists every problem, and nothing was
            trained.
        DataError: a split or a feature file cannot be used, a file that the run was started with
            has changed, or a result cannot be written.
        RunInterrupted: SIGINT or SIGTERM stopped the run, which can be resumed.
    """
    started = datetime.now().astimezone()
    loaded, plan, item_info = check_experiment(config, base_dir)
    note_trusted(loaded.external_models_path)
    with log_to_folder() as log:
        states = FileStates.of(plan)
        datasets = load_datasets(plan, save=True)
        widths = {name: matrix.shape[1] for name, matrix in datasets[0].features.items()}
        resources = Resources.of(plan.experiment, datasets[0], widths, workers)
        check_examples(plan.experiment, datasets[0], item_info, loaded.problems)
        specs = SpecMaker(plan, datasets)
        origin = Origin.of(loaded, plan, resources.devices, resources.threads, _iso(started))
        performance = plan.experiment.path_output_rec_performance
        inputs = RunInputs.of(plan, datasets, states)
        with RunFolder.open(performance, inputs.identity, started, fresh=fresh) as folder:
            log.write_to(folder.path / "run.log")
            sessions, session_notes = begin_session(folder.path, origin)
            session_notes += recover(folder, plan.experiment, plan.models)
            ended = folder.trials.read()
            notes = [*resources.notes, *loaded.notes, *plan_notes(plan, datasets), *session_notes]
            notes += dict.fromkeys(unsaved(plan.experiment, plan.models, ended))
            write_unfinished(folder.path, origin, plan, datasets, notes=notes, sessions=sessions)
            with (
                Tracking.of(
                    plan.experiment, folder.path, ended, started=origin.started, data=datasets[0]
                ) as tracking,
                JournalWriter(folder.path) as journal,
            ):
                with (
                    stop_on_signals() as stop,
                    Progress.of(
                        plan, ended, enabled=progress, verbose=verbose, log=logger
                    ) as display,
                ):
                    lines = _outline(plan, datasets, widths, resources, folder, ended)
                    _announce(lines, notes, display, shown=progress)
                    observer = Observers(display, JournalObserver(journal), tracking)
                    setup = _setup(loaded, folder, inputs, resources.threads)
                    run = RunContext(
                        plan.experiment, datasets, setup, resources.workers, observer, stop
                    )
                    studies = _run(plan, specs, folder, resources.executor(run), stop)
                warnings = [*restored_notes(plan, studies), *zero_notes(plan, datasets, studies)]
                for warning in warnings:
                    logger.warning("%s", warning)
                    notes.append(warning)
                with describing_interrupts(folder.path):
                    notes += write_examples(
                        folder.path, plan.experiment, datasets[0], studies, item_info
                    )
                    return _write(
                        origin, plan, datasets, studies, folder, notes, sessions, tracking
                    )


def check_experiment(config: Source, base_dir: Path | None = None) -> tuple[Loaded, Plan, ItemInfo]:
    """Read an experiment and check everything that does not need its data.

    Args:
        config: as for :func:`run_experiment`.
        base_dir: as for :func:`run_experiment`.

    Raises:
        ConfigError: the experiment is wrong; the message lists every problem.
    """
    loaded = read_experiment(config, base_dir)
    item_info = find_item_info(loaded)
    plan = make_plan(loaded, checks=(check_executor, check_trackers, check_outputs))
    return loaded, plan, item_info


def _setup(loaded: Loaded, folder: RunFolder, inputs: RunInputs, threads: int) -> WorkerSetup:
    """Return what the processes of a run need to start."""
    assert loaded.experiment is not None
    document, gpu = loaded.document.data, loaded.experiment.gpu
    return WorkerSetup(document, loaded.base_dir, folder.path, threads, gpu, inputs)


def _outline(
    plan: Plan,
    datasets: Sequence[Dataset],
    widths: Mapping[str, int],
    resources: Resources,
    folder: RunFolder,
    ended: Sequence[TrialRecord],
) -> list[str]:
    """Return the lines that describe what the run is about to do."""
    counts = count_trials(plan, datasets)
    outline = Outline(
        plan, counts, datasets, widths, resources.devices, resources.workers, resources.threads
    )
    lines = [*outline.lines(), f"results: {folder.path}"]
    if ended:
        lines.append(f"resuming: {len(ended):,} of {plan.n_trials:,} trials have finished")
    return lines


def _announce(
    lines: Sequence[str], notes: Sequence[str], display: Progress, *, shown: bool
) -> None:
    """Show and log the lines that describe a run, and log its notes as warnings."""
    display.say("\n".join(lines))
    for line in lines:
        logger.info("%s", line.strip(), extra=SHOWN if shown else None)
    for note in notes:
        logger.warning("%s", note)


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
            f"the same experiment again to resume {folder.path}",
            stop.signal,
        ) from None


def _write(
    origin: Origin,
    plan: Plan,
    datasets: Sequence[Dataset],
    studies: Sequence[Study],
    folder: RunFolder,
    notes: Sequence[str],
    sessions: Sequence[Mapping[str, Any]],
    tracking: Tracking,
) -> Results:
    """Write the tables and the report, then the manifest, which marks the run as finished."""
    tables = elliot_files(plan, studies, folder.stamp)
    for name, content in tables.items():
        write_atomically(plan.experiment.path_output_rec_performance / name, content)
    digests = item_digests(datasets, plan.loaders)
    write_atomically(folder.path / FEATURES, json.dumps(digests) + "\n")
    on_test = datasets[0].validation is None
    run_tables = RunTables.of(plan.experiment, studies, on_test=on_test)
    manifest = make_manifest(
        origin,
        plan,
        datasets,
        studies,
        tables,
        run_tables.texts(),
        files=folder.digests(),
        notes=notes,
        sessions=sessions,
        ended=_iso(datetime.now().astimezone()),
    )
    examples = read_examples(folder.path, plan.experiment)
    results = write_report(folder.path, manifest, run_tables, studies, examples)
    tracking.finish(studies, results)
    finish(folder, manifest)
    return results


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
