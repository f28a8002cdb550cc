"""The folders an experiment writes to: whether they can be written, before anything is trained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmrec.config import Experiment, Loaded


def check_outputs(loaded: Loaded) -> None:
    """Add a problem for each folder of results that cannot be written.

    Nothing is made and nothing is left behind. Folders of lists and weights count only if a model
    keeps some.
    """
    if loaded.experiment is not None:
        for key, folder in _folders(loaded.experiment, loaded.models):
            problem = write_problem(folder)
            if problem is not None:
                loaded.problems.add(("experiment", key), problem)


def write_problem(folder: Path) -> str | None:
    """Return why no file can be written into a folder, which need not exist; None if one can."""
    existing = folder
    try:
        while not existing.exists():
            existing = existing.parent
        if not existing.is_dir():
            return f"{folder}: cannot be written: {existing} is not a folder"
        for name in folder.relative_to(existing).parts:
            (existing / name).exists()  # fails if the name is too long
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"\n")
    except OSError as error:
        return f"{folder}: cannot be written: {error.strerror or error}"
    return None


def _folders(
    experiment: Experiment, models: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Path]]:
    """Yield the key and the path of each folder that a run writes to."""
    yield "path_output_rec_performance", experiment.path_output_rec_performance
    metas = [meta for m in models.values() if isinstance(meta := m.get("meta"), Mapping)]
    if any(meta.get("save_recs") for meta in metas):
        yield "path_output_rec_result", experiment.path_output_rec_result
    if any(meta.get("save_weights") for meta in metas):
        yield "path_output_rec_weight", experiment.path_output_rec_weight
