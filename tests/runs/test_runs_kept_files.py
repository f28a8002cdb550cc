"""The lists and weights of one run remain when another run of the same trials has other bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_experiment import Write, settings

from mmrec.experiment import run_experiment
from mmrec.runs.kept_files import write_beside
from mmrec.seeding import rng_for
from mmrec.training import trainer


def model(**meta: bool) -> dict[str, object]:
    kept = {"save_recs": True, "save_weights": True}
    return {"BPRMF": settings(epochs=1, meta=kept | meta)}


def files(results: Path) -> dict[Path, bytes]:
    found = [*results.glob("recs/*"), *results.glob("weights/*/*")]
    return {path: path.read_bytes() for path in found}


def test_another_run_replaces_no_file(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another device: the samples of an epoch are others."""
    path = experiment_file(model())
    results = run_experiment(path, progress=False).folder.parents[1]
    first = files(results)
    run_experiment(path, progress=False)
    assert files(results) == first
    with monkeypatch.context() as patch:

        def other(seed: int, *purpose: str | int) -> np.random.Generator:
            return rng_for(seed + 1, *purpose)

        patch.setattr(trainer, "rng_for", other)
        run_experiment(path, progress=False)
    both = files(results)
    assert len(both) == 2 * len(first) == 4
    assert first.items() <= both.items()
    restored = run_experiment(experiment_file(model(restore=True)), progress=False)
    (error,) = restored.trials["error"]
    assert all(x.name in error for x in both if x.suffix == ".safetensors")


def test_content_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a.b.tsv"
    names = [write_beside(path, content).name for content in (b"1", b"2", b"1", b"2", b"3")]
    assert names == ["a.b.tsv", "a.b_2.tsv", "a.b.tsv", "a.b_2.tsv", "a.b_3.tsv"]
