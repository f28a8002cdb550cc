"""Run the searches of a plan: each trial is recorded when it ends, and none runs twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mmrec.execution.executors import Executor, Queue, Task
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.execution.trial import TrialSpec
from mmrec.models import ModelConfig
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.planning.points import Values
from mmrec.runs.completion import check_kept
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.runs.selection import PointView, ValidationView, choose
from mmrec.runs.study import Study
from mmrec.search.algorithms import make_search
from mmrec.search.pruning import Pruning, set_thresholds


class ModelSearch:
    """The search of one model while it runs.

    Args:
        number: index of the model in the plan.
        model: its space and its algorithm.
        specs: makes the trials.
    """

    def __init__(self, number: int, model: ModelPlan, specs: SpecMaker) -> None:
        self._number, self._model, self._specs = number, model, specs
        self._search = make_search(model)
        self._objective = model.objective
        self._points: list[list[TrialSpec]] = []

    def advance(self, ended: Mapping[str, TrialRecord]) -> list[Task]:
        """Return the trials to run next; empty at the end.

        Args:
            ended: all trials that have ended, by trial_id, with those returned so far.
        """
        while True:
            views = self._views(ended)
            batch = self._search.next(views)
            if not batch:
                return []
            tasks = self._tasks(batch, views)
            pending = {t.spec.trial_id: t for t in tasks if t.spec.trial_id not in ended}
            if pending:
                return list(pending.values())

    def _tasks(self, batch: list[Values], earlier: list[PointView]) -> list[Task]:
        """Return the trials of a batch; a pruner compares all with the same earlier trials."""
        tasks = []
        for point in batch:
            trials = self._model.repetitions(point)
            first = len(self._points) * len(trials)
            made = [
                self._task(TrialRequest(self._number, first + n, values, fold=fold), earlier)
                for n, (fold, values) in enumerate(trials)
            ]
            self._points.append([task.spec for task in made])
            tasks += made
        return tasks

    def _task(self, request: TrialRequest, earlier: list[PointView]) -> Task:
        meta = self._model.meta
        spec = self._specs.make(request)
        if meta.pruner != "none" and isinstance(spec.config, ModelConfig):
            thresholds = set_thresholds(
                meta.pruner,
                self._of_fold(request.fold, earlier),
                self._objective,
                epochs=spec.config.epochs,
                validation_rate=meta.validation_rate,
            )
            request = replace(request, thresholds=thresholds)
            spec = replace(spec, pruning=Pruning(self._objective, thresholds))
        return Task(self._model, spec, request)

    def _of_fold(self, fold: int, points: list[PointView]) -> list[ValidationView]:
        """Return the trials of one fold: figures of different folds cannot be compared."""
        n_seeds = self._model.n_seeds
        chosen = slice(fold * n_seeds, (fold + 1) * n_seeds)
        return [trial for point in points for trial in point.trials[chosen]]

    def _views(self, ended: Mapping[str, TrialRecord]) -> list[PointView]:
        return [
            PointView(tuple(ValidationView.of(ended[spec.trial_id]) for spec in specs))
            for specs in self._points
        ]

    def study(self, ended: Mapping[str, TrialRecord], folder: RunFolder) -> Study:
        """Return the result of the search."""
        points = [[ended[spec.trial_id] for spec in specs] for specs in self._points]
        best_point = choose(self._views(ended), self._objective)
        best = [] if best_point is None else points[best_point]
        return Study(
            settings=self._model,
            records=[record for trials in points for record in trials],
            best=best[0] if best else None,
            best_per_user=folder.means_per_user(best) if best else {},
            points=points,
            best_point=best_point,
        )


def run_plan(plan: Plan, specs: SpecMaker, folder: RunFolder, executor: Executor) -> list[Study]:
    """Run the trials that have not ended yet, and return the trials of every model.

    A trial that fails is recorded and the others continue. The searches of the models are
    independent; none waits for another.

    Raises:
        DataError: a result cannot be written, or results were deleted during the run.
        Interrupted: the executor was asked to stop.
    """
    ended = {record.trial_id: record for record in folder.trials.read()}
    searches = [ModelSearch(number, model, specs) for number, model in enumerate(plan.models)]
    queue = Queue()
    running = [_advance(search, ended, queue) for search in searches]
    queue.expected = max(len(queue), plan.n_trials - len(ended))
    for record in executor.run(queue):
        folder.require_identity()
        folder.trials.append(record)
        ended[record.trial_id] = record
        folder.checkpoint(record.name, None).remove()
        for number, trials in enumerate(running):
            if record.trial_id in trials:
                trials.remove(record.trial_id)
                if not trials:
                    running[number] = _advance(searches[number], ended, queue)
    check_kept(folder, plan.experiment, plan.models, list(ended.values()))
    # A worker whose driver was killed may have saved its state after its trial had ended here.
    folder.remove_leftovers([record.name for record in ended.values()])
    return [search.study(ended, folder) for search in searches]


def _advance(search: ModelSearch, ended: Mapping[str, TrialRecord], queue: Queue) -> set[str]:
    """Queue the next trials of a search and return their ids."""
    tasks = search.advance(ended)
    queue.add(tasks)
    return {task.spec.trial_id for task in tasks}
