"""Runs to verify, and ways to change what they have left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resealing import reseal
from tiny_experiment import experiment_writer, settings

from mmrec.experiment import run_experiment

KEPT = {"save_recs": True, "save_weights": True}
MODELS = {
    "LightGCNM": settings(lr=[0.01, 0.02], meta=KEPT),
    "LATTICE": settings(top_k=4, meta=KEPT | {"validation_rate": 2}),
    "MostPop": {},
}


def run(path: Path | dict[str, Any], **options: Any) -> Path:
    """Run an experiment and return the folder of its run."""
    return run_experiment(path, progress=False, **options).folder


def make_run(folder: Path, models: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write tiny data and an experiment into a folder, run it, and return the run's folder."""
    return run(experiment_writer(folder)(models or MODELS, **changes))


def records(run: Path) -> list[dict[str, Any]]:
    """The lines of trials.jsonl."""
    return [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]


def manifest(run: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return facts


def tampered(run: Path, copy: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    """Copy the folder of a run as another machine would have written it, with other records."""
    shutil.copytree(run, copy)
    lines = records(run)
    change(lines)
    reseal(copy, lines)
    return copy


def flip_bit(path: Path) -> None:
    """Flip the lowest bit of the last value of a ``.npy`` file of float32."""
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
