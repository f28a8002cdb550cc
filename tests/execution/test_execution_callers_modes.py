"""The modes that the caller of a run has set change no result, and stay set."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_experiment import experiment_writer, settings

from mmrec.experiment import run_experiment
from mmrec.reporting.report import rebuild_report
from mmrec.verify.verification import verify_run

MODELS = {"MostPop": {}, "LightGCNM": settings(epochs=2, meta={"save_recs": True})}


def results(folder: Path) -> dict[str, bytes]:
    paths = [folder / "best.tsv", *folder.parents[1].glob("recs/*.tsv")]
    return {path.name: path.read_bytes() for path in paths}


def run(folder: Path) -> Path:
    return run_experiment(experiment_writer(folder)(MODELS), progress=False).folder


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return results(run(tmp_path_factory.mktemp("usual")))


@contextlib.contextmanager
def few_nested_calls() -> Iterator[None]:
    was = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(was)


@contextlib.contextmanager
def gradients_switched_off() -> Iterator[None]:
    torch.set_grad_enabled(False)
    try:
        yield
    finally:
        torch.set_grad_enabled(True)


MODES: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "no_grad": torch.no_grad,
    "set_grad_enabled": gradients_switched_off,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "legacy": lambda: np.printoptions(legacy="1.13", precision=2),
    "recursion": few_nested_calls,
}


def modes() -> tuple[object, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        np.get_printoptions(),
        sys.getrecursionlimit(),
    )


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_the_results_are_the_usual_ones(
    tmp_path: Path,
    usual: dict[str, bytes],
    mode: Callable[[], contextlib.AbstractContextManager[object]],
) -> None:
    experiment = experiment_writer(tmp_path)(MODELS)
    with mode():
        before = modes()
        folder = run_experiment(experiment, progress=False).folder
        assert modes() == before
        rebuild_report(folder)
        assert verify_run(folder).is_identical
        assert modes() == before
    assert results(folder) == usual
