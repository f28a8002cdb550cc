"""The studies of a run, from its manifest and its trials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from mmrec.config import EarlyStopping, ModelMeta
from mmrec.planning.model_plan import ModelSettings
from mmrec.runs.finished import FinishedRun
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.runs.selection import PointView, choose
from mmrec.runs.study import Study
from mmrec.runs.unfinished import UnfinishedRun


def read_studies(run: FinishedRun) -> list[Study]:
    """Return the trials of every model of a run.

    Raises:
        DataError: the folder is damaged.
    """
    folder, studies, first = RunFolder(run.path), [], 0
    for name, facts in run.manifest["models"].items():
        records = list(run.trials[first : first + facts["n_trials"]])
        first += facts["n_trials"]
        settings = _settings(name, run.manifest)
        studies.append(_study(settings, records, facts["best_trial"], folder))
    return studies


def read_unfinished_studies(run: UnfinishedRun) -> list[Study]:
    """Return the ended trials of every model of a run that has not finished.

    A point on several folds or seeds is only compared with others if all its trials have ended.

    Raises:
        DataError: the folder is damaged.
    """
    folder, studies = RunFolder(run.path), []
    n_folds = len(run.manifest["data"]["folds"]) or 1
    for name, facts in run.manifest["models"].items():
        settings = _settings(name, run.manifest)
        size = settings.n_seeds * n_folds
        records = sorted(
            (record for record in run.records if record.model == facts["key"]),
            key=lambda record: record.index,
        )
        by_point = defaultdict(list)
        for record in records:
            by_point[record.index // size].append(record)
        points = [trials for trials in by_point.values() if len(trials) == size]
        chosen = choose([PointView.of(trials) for trials in points], settings.objective)
        if chosen is None:
            studies.append(Study(settings, records, points=points))
        else:
            best = points[chosen]
            per_user = folder.means_per_user(best)
            studies.append(Study(settings, records, best[0], per_user, points, chosen))
    return studies


def _settings(name: str, manifest: Mapping[str, Any]) -> ModelSettings:
    """Read an entry of a manifest's ``models``."""
    facts, seeds = manifest["models"][name], manifest["seeds"]["models"][name]
    stopping = facts["early_stopping"]
    return ModelSettings(
        name=name,
        key=facts["key"],
        searched=tuple(facts["searched"]),
        seeds=tuple(seeds) if len(seeds) > 1 and "seed" not in facts["searched"] else (),
        meta=ModelMeta.model_validate(facts["meta"]),
        early_stopping=None if stopping is None else EarlyStopping.model_validate(stopping),
        select_by=facts["select_by"],
        monitor=facts["monitor"],
        lower_is_better=frozenset(manifest["protocol"]["lower_is_better"]),
        neither_is_better=frozenset(manifest["protocol"].get("neither_is_better", ())),
    )


def _study(
    settings: ModelSettings, records: list[TrialRecord], best_id: str | None, folder: RunFolder
) -> Study:
    n_folds = len({record.fold for record in records})
    size = settings.n_seeds * max(1, n_folds)
    points = [records[start : start + size] for start in range(0, len(records), size)]
    places = [place for place, trials in enumerate(points) if trials[0].trial_id == best_id]
    if not places:
        return Study(settings, records, points=points)
    best = points[places[0]]
    return Study(settings, records, best[0], folder.means_per_user(best), points, places[0])
