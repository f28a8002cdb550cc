"""The searches of a finished run as they were, from what it has recorded; no data are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmrec.config import Loaded, read_experiment
from mmrec.data import FloatArray
from mmrec.errors import DataError
from mmrec.reporting import from_json
from mmrec.search import (
    ModelPlan,
    Objective,
    Plan,
    PointView,
    RunFolder,
    Study,
    TrialRecord,
    ValidationView,
    choose,
    plan_searches,
)
from mmrec.verify import RecordedRun


@dataclass(frozen=True, eq=False)
class RecordedStudies:
    """A run with its experiment and its searches."""

    run: RecordedRun
    loaded: Loaded
    """The experiment as it was read."""
    plan: Plan
    """Without loaders."""
    studies: list[Study]


def recorded_studies(path: Path, base_dir: Path | None = None) -> RecordedStudies:
    """Read a finished run.

    Args:
        path: its folder.
        base_dir: where relative paths of the experiment start, if they have moved since.

    Raises:
        DataError: the folder is not that of a finished run, or a part of it is missing.
        ConfigError: this version or this machine cannot read the experiment, for example because
            the file of its external models is gone.
    """
    run = RecordedRun.open(path)
    written = run.manifest["written"]
    start = Path(written["base_dir"]) if base_dir is None else base_dir
    loaded = read_experiment(from_json(written["document"]), start)
    plan = plan_searches(loaded)
    return RecordedStudies(run, loaded, plan, [_study(run, model) for model in plan.models])


def _study(run: RecordedRun, model: ModelPlan) -> Study:
    records = [
        record
        for record in run.trials
        if record.model == model.key and record.name == f"{model.name}_{record.trial_id}"
    ]
    told = run.manifest["models"].get(model.name, {}).get("n_trials", 0)
    if len(records) != told:
        raise DataError(
            f"{run.path}: {model.name} has {len(records)} trials, the manifest tells of {told}"
        )
    n_seeds = len(model.seeds) or 1
    points = [records[start : start + n_seeds] for start in range(0, len(records), n_seeds)]
    views = [PointView(tuple(map(ValidationView.of, trials))) for trials in points]
    best_point = choose(views, Objective.of(model.select_by))
    best = None if best_point is None else points[best_point][0]
    return Study(
        plan=model,
        records=records,
        best=best,
        best_per_user={} if best is None else _per_user(run, best),
        points=points,
        best_point=best_point,
    )


def _per_user(run: RecordedRun, best: TrialRecord) -> dict[str, FloatArray]:
    try:
        return RunFolder(run.path).per_user(best.name)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{run.path}: the users' values of {best.name} are gone: {error}"
        ) from error
