"""How long such trials took before: on this machine, on the same data, by the same protocol."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import ValidationError

from mmrec.errors import DataError
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.runs.finished import RecordedRun
from mmrec.runs.records import TrialRecord
from mmrec.search.cost import Cost, cost_of
from mmrec.search.estimate import ModelEstimate, PointEstimate

MAX_RUNS = 10
"""Earlier runs that are looked into at most, the latest first."""

_MACHINE = ("processor", "cores", "device", "threads", "propagation_backend")
"""What of the environment decides the speed; a run with another number of workers has, as a rule,
another number of threads."""


@dataclass(frozen=True)
class Trials:
    """What trials that cost alike took: means."""

    seconds: float
    epochs: float
    """That were run; 0 if nothing is trained."""
    run: str
    """The folder of their run."""

    def seconds_of(self, point: PointEstimate) -> float:
        """Return what a trial of a point takes, which may have more epochs or fewer."""
        if not self.epochs or not point.epochs:
            return self.seconds
        return self.seconds * point.epochs / self.epochs


@dataclass(frozen=True)
class Expectation:
    """What the trials of a model that are still to be run are expected to take."""

    seconds: float
    """One after the other, if none is stopped early."""
    runs: tuple[str, ...]
    """The folders of the runs that say so."""


class Experience:
    """The trials of earlier runs.

    Args:
        plan: what is going to be run.
        performance: the folder of all runs.
        ended: trials that an earlier session of this run has ended; they count too.
        fingerprint: of the data.
        environment: see :func:`mmrec.runs.environment.environment`.
    """

    def __init__(
        self,
        plan: Plan,
        performance: Path,
        ended: Sequence[TrialRecord],
        fingerprint: str,
        environment: Mapping[str, Any],
    ) -> None:
        self._ended = ended
        self._runs: list[tuple[str, Mapping[str, Any], Sequence[TrialRecord]]] = [
            (run.path.name, run.manifest["models"], run.trials)
            for run in _runs_alike(performance, plan, fingerprint, environment)
        ]

    def expect(self, model: ModelPlan, estimate: ModelEstimate) -> Expectation | None:
        """Return what the trials of a model take; None unless each has had one like it."""
        known = self._known(model)
        if any(point.cost not in known for point in estimate.points):
            return None
        by_point = [known[point.cost].seconds_of(point) for point in estimate.points]
        n_left = estimate.n_trials - len(_of_model(model, self._ended))
        share = max(0, n_left) / estimate.n_trials
        runs = dict.fromkeys(known[point.cost].run for point in estimate.points)
        return Expectation(share * estimate.expected(by_point), tuple(runs))

    def _known(self, model: ModelPlan) -> dict[Cost, Trials]:
        """Return the trials of a model by what they cost, each from the latest run that has any."""
        known = _trials(model, self._ended, "its earlier session")
        for run, models, records in self._runs:
            if _is_judged_alike(models.get(model.name), model):
                known = _trials(model, records, run) | known
        return known


def _runs_alike(
    performance: Path, plan: Plan, fingerprint: str, environment: Mapping[str, Any]
) -> Iterator[RecordedRun]:
    """Yield the finished runs of a folder under the same conditions, the latest first."""
    for path in sorted(performance.glob("run_*/manifest.json"), reverse=True)[:MAX_RUNS]:
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if _is_alike(manifest, plan, fingerprint, environment):
                yield RecordedRun.open(path.parent)
        except (DataError, OSError, ValueError, KeyError, TypeError):
            continue  # it is damaged or of another version, and has nothing to say


def _is_alike(
    manifest: Mapping[str, Any], plan: Plan, fingerprint: str, environment: Mapping[str, Any]
) -> bool:
    protocol = manifest["protocol"]
    then = (manifest["data"]["fingerprint"], protocol["top_k"], protocol["cutoffs"])
    cutoffs = list(plan.experiment.evaluation.cutoffs)
    if then != (fingerprint, plan.experiment.top_k, cutoffs):
        return False
    same_metrics = protocol["metrics"] == list(plan.metrics)
    was = manifest["environment"]
    return same_metrics and all(was.get(key) == environment.get(key) for key in _MACHINE)


def _is_judged_alike(facts: Mapping[str, Any] | None, model: ModelPlan) -> bool:
    if facts is None or facts["key"] != model.key:
        return False
    stopping = model.early_stopping
    told = None if stopping is None else stopping.model_dump(mode="json")
    meta = model.meta.model_dump(mode="json")
    keys = ("validation_rate", "restore", "pruner")
    return facts["early_stopping"] == told and all(facts["meta"][k] == meta[k] for k in keys)


def _of_model(model: ModelPlan, records: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [record for record in records if record.name.rpartition("_")[0] == model.name]


def _trials(model: ModelPlan, records: Sequence[TrialRecord], run: str) -> dict[Cost, Trials]:
    """Return what the trials of a model that have finished took, by what they cost."""
    alike: dict[Cost, list[TrialRecord]] = defaultdict(list)
    for record in _of_model(model, records):
        try:
            config = model.recommender.Config.model_validate(record.parameters)
        except ValidationError:  # the model has other hyper-parameters now
            continue
        if record.status == "finished":
            alike[cost_of(config)].append(record)
    return {
        cost: Trials(
            fmean(record.seconds for record in some),
            fmean(len(record.losses) for record in some),
            run,
        )
        for cost, some in alike.items()
    }
