"""The manifest of a run: everything that its figures depend on, and the digests of its results."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

import torch

from mmrec.data import Dataset
from mmrec.files import sha256
from mmrec.graph import default_backend
from mmrec.search import Plan, Study

PACKAGES = (
    "mmrec",
    "numpy",
    "pandas",
    "pydantic",
    "pyyaml",
    "safetensors",
    "scipy",
    "torch",
    "torch-geometric",
    "torch-sparse",
)


def make_manifest(
    plan: Plan,
    dataset: Dataset,
    device: torch.device,
    studies: Sequence[Study],
    tables: Mapping[str, str],
    *,
    threads: int,
    notes: Sequence[str],
    started: str,
    ended: str,
) -> dict[str, Any]:
    """Describe a run as plain data.

    Args:
        plan: the experiment.
        dataset: what it was run on.
        device: where it was run.
        studies: what has become of it.
        tables: {name: content} of the tables that were written.
        threads: of torch while a trial ran.
        notes: what the user was warned of.
        started: ISO date and time.
        ended: ISO date and time.
    """
    return {
        "started": started,
        "ended": ended,
        "notes": list(notes),
        "experiment": plan.experiment.model_dump(mode="json"),
        "protocol": {
            "candidates": "all items of the training split that the user has not trained on",
            "selected_on": "test" if dataset.validation is None else "validation",
            "averaged_over": "users with at least one relevant held-out item",
            "selected_by": {study.plan.name: study.plan.select_by for study in studies},
        },
        "data": {
            "fingerprint": dataset.fingerprint,
            "users": dataset.n_users,
            "items": dataset.n_items,
            "features": {name: list(x.shape) for name, x in dataset.features.items()},
            "splits": {k: asdict(counts) for k, counts in dataset.report.splits.items()},
            "items_dropped": dataset.report.items_dropped,
            "users_dropped": dataset.report.users_dropped,
        },
        "environment": environment(device, threads),
        "trials": [
            {
                "trial_id": record.trial_id,
                "name": record.name,
                "status": record.status,
                "weights_sha256": record.weights_sha256,
                "lists_sha256": record.lists_sha256,
            }
            for study in studies
            for record in study.records
        ],
        "tables_sha256": {name: sha256(text.encode()) for name, text in tables.items()},
    }


def environment(device: torch.device, threads: int) -> dict[str, Any]:
    """Return versions, device and settings that the bits of a result may depend on."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cuda": torch.version.cuda,
        "threads": threads,
        "propagation_backend": default_backend(device.type),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
