"""Run an experiment on several data sets, and compare the runs.

from mmrec import run_experiments
done = run_experiments("config.yml")  # with dataset: [office, toys]
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmrec.config import (
    Document,
    Loaded,
    Source,
    dataset_names,
    documents_of,
    open_document,
    read_experiment,
)
from mmrec.errors import ConfigError
from mmrec.experiment import check_experiment, run_experiment
from mmrec.files import parse_json, path_errors, read_bytes, write_atomically
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan
from mmrec.reporting.comparing.comparison import Comparison, compare
from mmrec.reporting.report import read_results
from mmrec.reporting.results import Results
from mmrec.runs.folder import RunFolder
from mmrec.runs.identity import RunIdentity

logger = logging.getLogger(__name__)

_INTERACTIONS = ("train_path", "validation_path", "test_path", "dataset_path", "root_folder")
"""Keys of ``data_config`` with the files of interactions."""
_STATE = "runs.json"
_PAGE = "comparison.html"


@dataclass(frozen=True, eq=False)
class ExperimentResults:
    """What an experiment on one data set or several returns."""

    results: Mapping[str, Results]
    """By data set."""
    comparison: Comparison | None
    """Of all data sets; None for one, and if no trial finished."""
    page: Path | None
    """The page of the comparison."""


def run_experiments(
    config: Source,
    *,
    base_dir: Path | None = None,
    progress: bool = True,
    verbose: bool = False,
    workers: int | None = None,
    fresh: bool = False,
) -> ExperimentResults:
    """Run an experiment on each of its data sets, in order, and compare the runs.

    Each name of ``dataset`` replaces ``{0}`` in all paths, and its run is that of a file with this
    name alone. An interrupted experiment is resumed; data sets that have finished are not run
    again.

    Args:
        config: as for :func:`~mmrec.run_experiment`; ``dataset`` may be a list.
        base_dir: as for :func:`~mmrec.run_experiment`, as are all other arguments.
        progress: show progress.
        verbose: also show a line for each evaluated epoch.
        workers: how many trials run at the same time.
        fresh: start new runs.

    Raises:
        ConfigError: the experiment is wrong on a data set; nothing was trained.
        DataError: as for :func:`~mmrec.run_experiment`.
        RunInterrupted: SIGINT or SIGTERM stopped a run, which can be resumed.
    """
    document, folder = open_document(config)
    base_dir = Path.cwd() / (folder if base_dir is None else base_dir)

    def run(one: Document) -> Results:
        return run_experiment(
            one,
            base_dir=base_dir,
            progress=progress,
            verbose=verbose,
            workers=workers,
            fresh=fresh,
        )

    documents = documents_of(document)
    if len(documents) == 1:
        results = run(documents[0])
        name = documents[0].experiment["dataset"]
        return ExperimentResults({name: results}, None, None)
    check_all(documents, base_dir)
    performance = _performance(document, base_dir)
    state = {} if fresh else _finished(performance, documents, base_dir)
    found: dict[str, Results] = {}
    for one in documents:
        (name,) = dataset_names(one)
        if name in state:
            logger.info("%s: finished: %s", name, state[name])
            found[name] = read_results(state[name])
        else:
            found[name] = run(one)
            state[name] = found[name].folder
            _write_state(_folder(performance, documents, state), state)
    return _compared(found, _folder(performance, documents, state))


def check_all(
    documents: Sequence[Document], base_dir: Path | None = None
) -> list[tuple[Loaded, Plan]]:
    """Check an experiment on each of its data sets.

    Raises:
        ConfigError: with every problem, each once; it is one if two names mean the same files.
    """
    problems: dict[str, None] = {}
    checked = []
    names: dict[tuple[Path | None, ...], str] = {}
    for document in documents:
        try:
            loaded, plan, _ = check_experiment(document, base_dir)
            checked.append((loaded, plan))
            data, name = plan.experiment.data_config, plan.experiment.dataset
            first = names.setdefault(tuple(getattr(data, key) for key in _INTERACTIONS), name)
            if first != name:
                message = (
                    f"{first!r} and {name!r} mean the same files of interactions; write {{0}} "
                    "in their paths, which is replaced by the name"
                )
                problem = document.problem(("experiment", "dataset"), message)
                problems[document.describe(problem)] = None
        except ConfigError as error:
            problems |= dict.fromkeys(str(error).splitlines())
    if problems:
        raise ConfigError("\n".join(problems))
    return checked


def _performance(document: Document, base_dir: Path) -> Path:
    """Return the performance folder in which all names replace ``{0}``."""
    names = "+".join(dataset_names(document))
    written = {**document.experiment, "dataset": names}
    loaded = read_experiment(replace(document, data={"experiment": written}), base_dir)
    assert loaded.experiment is not None  # it is valid on each data set
    return loaded.experiment.path_output_rec_performance


def _folder(performance: Path, documents: Sequence[Document], state: Mapping[str, Path]) -> Path:
    """Return the folder of the comparison, named after the start of the first run."""
    (first,) = dataset_names(documents[0])
    return performance / f"comparison_{RunFolder(state[first]).stamp}"


def _write_state(folder: Path, state: Mapping[str, Path]) -> None:
    paths = {name: str(path) for name, path in state.items()}
    write_atomically(folder / _STATE, json.dumps(paths, indent=2) + "\n")


def _finished(performance: Path, documents: Sequence[Document], base_dir: Path) -> dict[str, Path]:
    """Return the finished runs of the latest unfinished comparison of this experiment.

    A run counts if its experiment, its data and the code are those of now.
    """
    by_name = {name: one for one in documents for name in dataset_names(one)}
    with path_errors(performance):
        paths = sorted(performance.glob(f"comparison_*/{_STATE}"), reverse=True)
    identities: dict[str, RunIdentity] = {}
    for path in paths:
        state = {} if path.with_name(_PAGE).exists() else _read_state(path)
        if not state or next(iter(by_name)) not in state or not state.keys() <= by_name.keys():
            continue
        for name in state.keys() - identities.keys():
            _, plan, _ = check_experiment(by_name[name], base_dir)
            identities[name] = RunIdentity.of(plan, load_datasets(plan, save=True))
        folders = {name: RunFolder(folder) for name, folder in state.items()}
        if all(x.is_finished and x.identity == identities[name] for name, x in folders.items()):
            return state
    return {}


def _read_state(path: Path) -> dict[str, Path]:
    try:
        state = parse_json(read_bytes(path))
        return {name: Path(folder) for name, folder in state.items()}
    except (OSError, ValueError, AttributeError, TypeError):  # damaged: start again
        return {}


def _compared(found: Mapping[str, Results], folder: Path) -> ExperimentResults:
    if not any(len(results.best) for results in found.values()):
        (folder / _STATE).unlink(missing_ok=True)
        return ExperimentResults(found, None, None)
    comparison = compare(list(found.values()))
    return ExperimentResults(found, comparison, comparison.write(folder))
