"""Random corruptions of finished and unfinished runs: equal bits, or reported, never a traceback.

``MMREC_ATTACKS=100`` sets the number of corruptions of each kind of run; by default 10.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from run_bits import bits
from stopping import stop_after
from tiny_experiment import experiment_writer, settings

from mmrec.errors import MmrecError
from mmrec.experiment import run_experiment
from mmrec.reporting.report import rebuild_report
from mmrec.verify.verification import verify_run

pytestmark = pytest.mark.exhaustive

N_ATTACKS = int(os.environ.get("MMREC_ATTACKS", "10"))
KEPT = {"save_recs": True, "save_weights": True}
MODELS = {"MostPop": {}, "LightGCNM": settings(epochs=2, lr=[0.01, 0.02, 0.03], meta=KEPT)}
N_STEPS = 2 * 4  # of a trial


def corrupt(results: Path, number: int) -> Path:
    """Damage a random file of a run: a bit, its end, its lines, or the whole file."""
    rng = np.random.default_rng(number)
    files = sorted(path for path in results.rglob("*") if path.is_file() and path.stat().st_size)
    path = files[rng.integers(len(files))]
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content)))
    match rng.integers(5):
        case 0 | 1:
            content[place] ^= 1 << int(rng.integers(8))
        case 2:
            del content[place:]
        case 3:
            content += content[: place + 1]
        case _:
            content[:] = b"[1]\n"
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an experiment that was stopped in its last trial."""
    folder = tmp_path_factory.mktemp("unfinished")
    path = experiment_writer(folder)(MODELS)
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, 2 * N_STEPS + 3)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(path, progress=False)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    return run_experiment(experiment_writer(folder)(MODELS), progress=False).folder.parents[1]


@pytest.mark.parametrize("number", range(N_ATTACKS))
def test_a_corrupt_unfinished_run_gives_equal_bits_or_is_reported(
    unfinished: Path, finished: Path, tmp_path: Path, number: int
) -> None:
    shutil.copytree(unfinished, tmp_path / "copy")
    results = tmp_path / "copy" / "results" / "tiny"
    damaged = corrupt(results, number)
    config = tmp_path / "copy" / "config_files" / "tiny.yml"
    folder, message = None, ""
    try:
        folder = run_experiment(config, progress=False).folder
    except MmrecError as error:
        message = str(error)
    if folder is None:
        assert str(results) in message, damaged
        return
    for other in results.glob("performance/run_*"):
        if other != folder:  # an unfinished run that could not be resumed
            shutil.rmtree(other)
    assert bits(results) == bits(finished), damaged


@pytest.mark.parametrize("number", range(N_ATTACKS))
def test_a_corrupt_finished_run_gives_equal_bits_or_is_reported(
    finished: Path, number: int
) -> None:
    """The run stays where it is, because it names its folders; the damage is undone."""
    before = bits(finished)
    (folder,) = finished.glob("performance/run_*")
    safe = finished.with_name("safe")
    shutil.copytree(finished, safe)
    damaged = corrupt(finished, number)
    try:
        verification = verify_run(folder)
        was_reported = not verification.is_identical
        rebuild_report(folder)
    except MmrecError as error:
        was_reported = str(finished) in str(error)
    try:
        assert was_reported or bits(finished) == before, damaged
    finally:
        shutil.rmtree(finished)
        safe.rename(finished)
