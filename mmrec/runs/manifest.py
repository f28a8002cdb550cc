"""What the figures of a run depend on, and digests of results: docs/manifest.schema.json."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from mmrec.config import Loaded
from mmrec.data import ColdItems, Dataset, FoldFiles
from mmrec.data.vocabulary import sort_ids
from mmrec.features import Loader
from mmrec.files import encoded, sha256, sha256_of_file
from mmrec.planning.plan import Plan
from mmrec.runs.environment import describe_environment
from mmrec.runs.protocol import describe_protocol
from mmrec.runs.study import Study

SCHEMA_VERSION = 2
"""Increased whenever the meaning of a key changes or a key is removed."""

_TUPLE = "__tuple__"


@dataclass(frozen=True)
class Origin:
    """What a run starts from, known before its first trial."""

    started: str
    """ISO date and time."""
    written: dict[str, Any]
    """The experiment as it was given: ``source``, ``base_dir`` and ``document``."""
    files: list[dict[str, dict[str, str]]]
    """For each fold, path and digest of each split's file."""
    environment: dict[str, Any]
    """As returned by :func:`~mmrec.runs.environment.describe_environment`."""

    @classmethod
    def of(
        cls,
        loaded: Loaded,
        plan: Plan,
        devices: Sequence[torch.device],
        threads: int,
        started: str,
    ) -> Origin:
        """Return what an experiment starts from."""
        external = plan.experiment.external_models_path
        return cls(
            started=started,
            written={
                "source": loaded.document.source,
                "base_dir": str(loaded.base_dir),
                "document": to_json(loaded.document.data),
                **({"options": [*options]} if (options := loaded.document.options) else {}),
            },
            files=split_files(plan.folds),
            environment=describe_environment(devices, threads, external),
        )


def make_manifest(
    origin: Origin,
    plan: Plan,
    datasets: Sequence[Dataset],
    studies: Sequence[Study],
    tables: Mapping[str, str],
    run_tables: Mapping[str, str],
    *,
    files: Mapping[str, str],
    notes: Sequence[str],
    sessions: Sequence[Mapping[str, Any]],
    ended: str,
) -> dict[str, Any]:
    """Describe a run as plain data.

    Args:
        origin: what the run was started from.
        plan: the experiment.
        datasets: what it was run on, fold by fold.
        studies: the trials of every model.
        tables: {name: content} of the tables in the performance folder.
        run_tables: the same of those in the folder of the run.
        files: digests of other files in it.
        notes: the warnings of the run.
        sessions: of a resumed run, when each session started and its environment.
        ended: ISO date and time.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "started": origin.started,
        "ended": ended,
        "notes": list(notes),
        "written": origin.written,
        "experiment": plan.experiment.model_dump(mode="json"),
        "models": {study.name: _model(study) for study in studies},
        "protocol": describe_protocol(plan, datasets[0], studies),
        "data": _data(origin, plan, datasets),
        "seeds": {
            "experiment": plan.experiment.random_seed,
            "models": {
                study.name: sorted({record.parameters["seed"] for record in study.records})
                for study in studies
            },
        },
        **origin.environment,
        "sessions": [dict(session) for session in sessions],
        "trials": [
            {
                "trial_id": record.trial_id,
                "name": record.name,
                "fold": record.fold,
                "status": record.status,
                "seconds": record.seconds,
                "weights_sha256": record.weights_sha256,
                "lists_sha256": record.lists_sha256,
                "lists_file_sha256": record.lists_file_sha256,
            }
            for study in studies
            for record in study.records
        ],
        "tables_sha256": _digests(tables),
        "run_tables_sha256": _digests(run_tables),
        "files_sha256": dict(files),
    }


def _digests(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: sha256(encoded(text)) for name, text in texts.items()}


def item_digests(datasets: Sequence[Dataset], loaders: Sequence[Loader]) -> dict[str, Any]:
    """Return ``features.json``: a digest of every item's vector, to find the file that changed.

    Items without a vector are in ``missing``, whether they were dropped or filled in.
    """
    described = {}
    for loader in loaders:
        digests: dict[str, str] = {}
        missing: set[str] = set()
        for dataset in datasets:
            report = dataset.report
            missing.update(report.filled_items.get(loader.name, ()))
            missing.update(report.missing_items.get(loader.name, ()))
            parts: list[Dataset | ColdItems] = [dataset]
            parts += [] if dataset.cold_items is None else [dataset.cold_items]
            for part in parts:
                matrix = part.features[loader.name].astype("<f4", copy=False)
                for item_id, vector in zip(part.items.ids, matrix, strict=True):
                    if item_id not in missing and item_id not in digests:
                        content = np.ascontiguousarray(vector).data
                        digests[item_id] = f"{zlib.crc32(content):08x}"
        described[loader.name] = {
            "path": str(loader.path),
            "crc32": {item_id: digests[item_id] for item_id in sort_ids(digests)},
            "missing": sort_ids(missing),
        }
    return {"schema_version": SCHEMA_VERSION, "loaders": described}


def split_files(folds: Sequence[FoldFiles]) -> list[dict[str, dict[str, str]]]:
    """Return for each fold path and SHA-256 of the file that each split comes from."""
    digests = {
        path: sha256_of_file(path)
        for path in dict.fromkeys(path for fold in folds for path in fold.paths.values())
    }
    return [
        {split: {"path": str(path), "sha256": digests[path]} for split, path in fold.paths.items()}
        for fold in folds
    ]


def to_json(value: object) -> Any:  # noqa: ANN401 - any plain data
    """Return the experiment as JSON holds it; a tuple, unlike a list, is one value of a search."""
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [to_json(item) for item in value]}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def from_json(value: object) -> Any:  # noqa: ANN401 - any plain data
    """Undo :func:`to_json`."""
    if isinstance(value, Mapping):
        if set(value) == {_TUPLE}:
            return tuple(from_json(item) for item in value[_TUPLE])
        return {key: from_json(item) for key, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def _model(study: Study) -> dict[str, Any]:
    settings = study.settings
    stopping = settings.early_stopping
    return {
        "key": settings.key,
        "meta": settings.meta.model_dump(mode="json"),
        "early_stopping": None if stopping is None else stopping.model_dump(mode="json"),
        "searched": list(settings.searched),
        "select_by": settings.select_by,
        "monitor": settings.monitor,
        "n_trials": len(study.records),
        "best_trial": None if study.best is None else study.best.trial_id,
    }


def _data(origin: Origin, plan: Plan, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Describe the first fold, all folds together, and each if there are several."""
    first = datasets[0].report
    facts = [
        describe_data(dataset, files) for dataset, files in zip(datasets, origin.files, strict=True)
    ]
    return {
        **facts[0],
        "fingerprint": all_fingerprint(datasets),
        "prefiltering": [asdict(step) for step in first.steps],
        "folds": [
            {"name": dataset.fold} | described
            for dataset, described in zip(datasets, facts, strict=True)
            if dataset.fold
        ],
        "loaders": {
            loader.name: {
                "path": str(loader.path),
                "missing": loader.missing,
                "items_dropped": len(first.missing_items.get(loader.name, ())),
                "items_filled": len(first.filled_items.get(loader.name, ())),
            }
            for loader in plan.loaders
        },
    }


def all_fingerprint(datasets: Sequence[Dataset]) -> str:
    """Return the fingerprint of one data set, or the one of several folds."""
    if len(datasets) == 1:
        return datasets[0].fingerprint
    return sha256("".join(f"{dataset.fingerprint}\n" for dataset in datasets).encode())


def describe_data(dataset: Dataset, files: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Describe the data of one fold: what :func:`mmrec.verify.data.data_differences` compares.

    Args:
        dataset: of the fold.
        files: see :func:`split_files`.
    """
    report = dataset.report
    return {
        "fingerprint": dataset.fingerprint,
        "fingerprints": dict(dataset.fingerprints),
        "files": dict(files),
        "users": dataset.n_users,
        "items": dataset.n_items,
        "splits": {name: asdict(counts) for name, counts in report.splits.items()},
        "users_dropped": report.users_dropped,
        "items_dropped": report.items_dropped,
        "features": {name: list(matrix.shape) for name, matrix in dataset.features.items()},
        "notes": list(report.notes),
        **({} if dataset.cold_items is None else {"cold_items": len(dataset.cold_items)}),
    }
