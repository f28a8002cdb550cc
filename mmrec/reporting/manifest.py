"""The manifest of a run: everything that its figures depend on, and the digests of its results.

Its form is docs/manifest.schema.json.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from mmrec.config import Experiment, Loaded
from mmrec.data import Dataset, Interactions
from mmrec.data.vocabulary import sort_ids
from mmrec.features import Loader
from mmrec.files import sha256
from mmrec.reporting.surroundings import describe_surroundings
from mmrec.search import Plan, Study

SCHEMA_VERSION = 1
"""Raised whenever a key changes its meaning or goes."""

_TUPLE = "__tuple__"


@dataclass(frozen=True)
class Origin:
    """What a run starts from: known before its first trial."""

    started: str
    """ISO date and time."""
    written: dict[str, Any]
    """The experiment as it was given: ``source``, ``base_dir`` and ``document``."""
    files: dict[str, dict[str, str]]
    """Path and digest of each split's file."""
    surroundings: dict[str, Any]
    """What :func:`~mmrec.reporting.surroundings.describe_surroundings` returns."""

    @classmethod
    def of(
        cls,
        loaded: Loaded,
        experiment: Experiment,
        devices: Sequence[torch.device],
        threads: int,
        started: str,
    ) -> Origin:
        """Describe what an experiment is about to be run from."""
        return cls(
            started=started,
            written={
                "source": loaded.document.source,
                "base_dir": str(loaded.frame.base_dir),
                "document": to_json(loaded.document.data),
            },
            files=split_files(experiment),
            surroundings=describe_surroundings(devices, threads, experiment.external_models_path),
        )


def make_manifest(
    origin: Origin,
    plan: Plan,
    dataset: Dataset,
    studies: Sequence[Study],
    tables: Mapping[str, str],
    *,
    notes: Sequence[str],
    sessions: Sequence[Mapping[str, Any]],
    ended: str,
) -> dict[str, Any]:
    """Describe a run as plain data.

    Args:
        origin: what the run was started from.
        plan: the experiment.
        dataset: what it was run on.
        studies: what has become of it.
        tables: {name: content} of the tables that were written.
        notes: what the user was warned of.
        sessions: of a run that was gone on with, the start and the surroundings of each.
        ended: ISO date and time.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "started": origin.started,
        "ended": ended,
        "notes": list(notes),
        "written": origin.written,
        "experiment": plan.experiment.model_dump(mode="json"),
        "models": {study.plan.name: _model(study) for study in studies},
        "protocol": _protocol(plan, dataset, studies),
        "data": _data(origin, plan, dataset),
        "seeds": {
            "experiment": plan.experiment.random_seed,
            "models": {study.plan.name: _seeds(study) for study in studies},
        },
        **origin.surroundings,
        "sessions": [dict(session) for session in sessions],
        "trials": [
            {
                "trial_id": record.trial_id,
                "name": record.name,
                "status": record.status,
                "seconds": record.seconds,
                "weights_sha256": record.weights_sha256,
                "lists_sha256": record.lists_sha256,
            }
            for study in studies
            for record in study.records
        ],
        "tables_sha256": {name: sha256(text.encode()) for name, text in tables.items()},
    }


def item_digests(dataset: Dataset, loaders: Sequence[Loader]) -> dict[str, Any]:
    """Return a digest of every item's vector, to tell which file has changed: ``features.json``.

    Items that lack a vector stand in ``lacking``, whether they were dropped or filled in.
    """
    described = {}
    for loader in loaders:
        matrix = dataset.features[loader.name].astype("<f4", copy=False)
        filled = dataset.report.filled_items.get(loader.name, ())
        lacking = {*filled, *dataset.report.missing_items.get(loader.name, ())}
        described[loader.name] = {
            "path": str(loader.path),
            "crc32": {
                item_id: f"{zlib.crc32(np.ascontiguousarray(vector).data):08x}"
                for item_id, vector in zip(dataset.items.ids, matrix, strict=True)
                if item_id not in lacking
            },
            "lacking": sort_ids(lacking),
        }
    return {"schema_version": SCHEMA_VERSION, "loaders": described}


def split_files(experiment: Experiment) -> dict[str, dict[str, str]]:
    """Return path and SHA-256 of the file of each split there is."""
    return {
        split: {"path": str(path), "sha256": sha256(path.read_bytes())}
        for split, (_, path) in experiment.data_config.split_paths.items()
    }


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
    plan = study.plan
    stopping = plan.early_stopping
    return {
        "key": plan.key,
        "meta": plan.meta.model_dump(mode="json"),
        "early_stopping": None if stopping is None else stopping.model_dump(mode="json"),
        "searched": list(plan.searched),
        "select_by": plan.select_by,
        "monitor": plan.monitor,
        "n_trials": len(study.records),
        "best_trial": None if study.best is None else study.best.trial_id,
    }


def _protocol(plan: Plan, dataset: Dataset, studies: Sequence[Study]) -> dict[str, Any]:
    threshold = plan.experiment.evaluation.relevance_threshold
    held_out = {"validation": dataset.validation, "test": dataset.test}
    return {
        "candidates": "all items of the training split that the user has not trained on",
        "cold_items": "held-out items that the training split lacks count as relevant, and cannot "
        "be recommended",
        "relevance": f"held-out interactions with a rating of at least {threshold:g}",
        "relevance_threshold": threshold,
        "averaged_over": "users with at least one relevant held-out item",
        "users_averaged": {
            name: _n_users(split, threshold)
            for name, split in held_out.items()
            if split is not None
        },
        "selected_on": "test" if dataset.validation is None else "validation",
        "selected_by": {study.plan.name: study.plan.select_by for study in studies},
        "top_k": plan.experiment.top_k,
        "cutoffs": list(plan.experiment.evaluation.cutoffs),
        "metrics": list(plan.metrics),
    }


def _n_users(split: Interactions, threshold: float) -> int:
    return len(np.unique(split.users[split.ratings >= threshold]))


def _data(origin: Origin, plan: Plan, dataset: Dataset) -> dict[str, Any]:
    report = dataset.report
    return {
        "fingerprint": dataset.fingerprint,
        "fingerprints": dict(dataset.fingerprints),
        "files": origin.files,
        "users": dataset.n_users,
        "items": dataset.n_items,
        "splits": {name: asdict(counts) for name, counts in report.splits.items()},
        "users_dropped": report.users_dropped,
        "items_dropped": report.items_dropped,
        "features": {name: list(matrix.shape) for name, matrix in dataset.features.items()},
        "loaders": {
            loader.name: {
                "path": str(loader.path),
                "missing": loader.missing,
                "items_lacking": len(report.missing_items.get(loader.name, ())),
                "items_filled_in": len(report.filled_items.get(loader.name, ())),
            }
            for loader in plan.loaders
        },
    }


def _seeds(study: Study) -> list[int]:
    return sorted({record.parameters["seed"] for record in study.records})
