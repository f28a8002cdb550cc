"""Running an experiment, from its file to its report.

    from mmrec import run_experiment
    results = run_experiment("config.yml")

or ``python -m mmrec.run config.yml``.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.files import write_atomically
from mmrec.progress import Progress
from mmrec.reporting import (
    Results,
    best_table,
    elliot_files,
    make_manifest,
    report_html,
    significance,
    trials_table,
)
from mmrec.search import Plan, Study, TrialStore, load_dataset, make_plan, run_plan
from mmrec.training import resolve_device

logger = logging.getLogger(__name__)


def run_experiment(
    config: str | Path | Mapping[str, Any],
    *,
    base_dir: Path | None = None,
    progress: bool = True,
) -> Results:
    """Run all trials of an experiment and write its results.

    Args:
        config: the path of an experiment file, its text, or the same as a dict.
        base_dir: where relative paths start, for a text or a dict; by default the working
            directory. Those of a file start at its folder.
        progress: show bars over trials and epochs.

    Returns:
        The tables of the run and the folder of its files.

    Raises:
        ConfigError: the experiment is wrong; nothing was trained, the message lists every problem.
        DataError: a split or a feature file cannot be used, or a result cannot be written.
    """
    plan = make_plan(read_experiment(config, base_dir))
    device, fallback = resolve_device(plan.experiment.gpu)
    dataset = load_dataset(plan.experiment, plan.loaders)
    notes = [*([fallback] if fallback else []), *_notes(plan, dataset)]
    started = datetime.now().astimezone()
    folder = _make_run_folder(plan.experiment.path_output_rec_performance, started)
    with _log_to(folder / "run.log"):
        for line in (repr(dataset), *dataset.report.lines()):
            logger.info("%s", line)
        for note in notes:
            logger.warning("%s", note)
        with Progress(enabled=progress) as observer:
            studies = run_plan(plan, dataset, device, TrialStore(folder / "trials.jsonl"), observer)
    tables = elliot_files(plan, studies, folder.name.removeprefix("run_"))
    results = Results(best_table(studies), trials_table(studies), folder)
    manifest = make_manifest(
        plan,
        dataset,
        device,
        studies,
        tables,
        notes=notes,
        started=started.isoformat(timespec="seconds"),
        ended=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
    for name, content in tables.items():
        write_atomically(plan.experiment.path_output_rec_performance / name, content)
    command = "run_experiment(config)"
    if isinstance(config, Path) or (isinstance(config, str) and "\n" not in config):
        command = f"mmrec run {config}"
    _write_run_folder(results, manifest, plan, studies, command)
    return results


def _notes(plan: Plan, dataset: Dataset) -> list[str]:
    notes = []
    if dataset.validation is None:
        notes.append(
            "there is no validation split: epochs and trials are selected on the test split, "
            "so the test figures are too good"
        )
    notes.extend(
        f"{model.key}: a grid has no points of a distribution; they are drawn at random"
        for model in plan.models
        if model.meta.hyper_opt_alg == "grid" and model.is_drawn
    )
    return notes


def _make_run_folder(performance: Path, started: datetime) -> Path:
    """Make a folder that no other run has, also when two start in the same second."""
    stamp = started.strftime("%Y_%m_%d_%H_%M_%S")
    for attempt in range(1, 1000):
        folder = performance / f"run_{stamp}{'' if attempt == 1 else f'_{attempt}'}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not performance.is_dir():
                raise DataError(f"{performance}: is not a folder") from None
        except OSError as error:
            raise DataError(f"{folder}: cannot be made: {error.strerror or error}") from error
        else:
            return folder
    raise DataError(f"{performance}: a thousand runs have started in this second")


def _write_run_folder(
    results: Results,
    manifest: Mapping[str, Any],
    plan: Plan,
    studies: Sequence[Study],
    command: str,
) -> None:
    write_atomically(results.folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")
    for name, table in (("best.tsv", results.best), ("trials.tsv", results.trials)):
        write_atomically(results.folder / name, table.to_csv(sep="\t", index=False))
    tests = {
        f"{test}, cutoff {cutoff}": table
        for cutoff in plan.experiment.evaluation.cutoffs
        for test, table in significance(plan.experiment, studies, cutoff)
    }
    page = report_html(manifest, studies, results.best, tests, command)
    write_atomically(results.report, page)


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Write mmrec's log into the run's folder while the run lasts."""
    package = logging.getLogger("mmrec")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    was_level = package.level
    package.addHandler(handler)
    package.setLevel(min(was_level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(was_level)
        handler.close()


if __name__ == "__main__":
    from mmrec.cli import main

    sys.exit(main(["run", *sys.argv[1:]]))
