"""Files that change while a run goes on: no trial runs under a fingerprint that is not its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import assert_contains
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.runs.identity import RunIdentity
from mmrec.runs.inputs import FileStates, InputCheck
from mmrec.runs.records import TrialStore

pytestmark = pytest.mark.xdist_group("timed")

OWN = """
import os, pathlib, signal
from mmrec.models import LightGCNM

here = pathlib.Path(__file__).parent

class Own(LightGCNM):
    def begin_epoch(self, epoch, rng):
        if self.config.lr == 0.02 and epoch == 2 and not (here / "mark").exists():
            (here / "mark").touch()
            exec((here / "change.py").read_text())
"""
DIE = "\nos.kill(os.getpid(), signal.SIGKILL)\n"
LATER = settings(lr=[0.01, 0.02, 0.03])


@pytest.fixture
def experiment(experiment_file: Write, tmp_path: Path) -> Path:
    """An experiment that executes a file of the test in its second of three trials."""
    np.save(tmp_path / "matrix.npy", np.random.default_rng(0).normal(size=(20, 4)))
    (tmp_path / "matrix.ids.txt").write_text("".join(f"{10 * n}\n" for n in range(20)))
    path = experiment_file({"external.Own": LATER}, external_models_path="own/m.py")
    text = path.read_text()
    text = text.replace(
        "textual_features: ../data/{0}/text_feat", "textual_features: ../matrix.npy"
    )
    path.write_text(text)
    (path.parent / "own").mkdir()
    (path.parent / "own" / "m.py").write_text(OWN)
    return path


def rewriting(path: Path, old: str, new: str) -> str:
    return f"p = pathlib.Path({str(path)!r}); p.write_text(p.read_text().replace({old!r}, {new!r}))"


CHANGES: dict[str, tuple[str, Callable[[Path], str]]] = {
    "a split": (
        "train.txt",
        lambda root: rewriting(root / "data/tiny/train.txt", "\t1\n", "\t2\n"),
    ),
    "a split that is gone": (
        "test.txt",
        lambda root: f"pathlib.Path({str(root / 'data/tiny/test.txt')!r}).unlink()",
    ),
    "a vector": (
        "image_feat/30.npy",
        lambda root: (
            f"import numpy; numpy.save({str(root / 'data/tiny/image_feat/30.npy')!r}, "
            "numpy.ones(6, 'float32'))"
        ),
    ),
    "a matrix": (
        "matrix.npy",
        lambda root: f"import numpy; numpy.save({str(root / 'matrix.npy')!r}, numpy.ones((20, 4)))",
    ),
    "ids": ("matrix.ids.txt", lambda root: rewriting(root / "matrix.ids.txt", "30\n", "31\n")),
    "the models": ("m.py", lambda root: rewriting(root / "config_files/own/m.py", "== 2", "==  2")),
}


def test_without_a_change_all_trials_run(experiment: Path) -> None:
    (experiment.parent / "own/change.py").write_text("")
    assert len(run_experiment(experiment, progress=False).trials) == 3


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        *((name, 1) for name in CHANGES),
        *(("a split", 2), ("a vector", 2)),
        pytest.param("the models", 2, marks=pytest.mark.exhaustive),
    ],
)
def test_a_run_whose_files_change_stops_and_the_next_one_starts_anew(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, workers: int
) -> None:
    """With workers, the one that has made the change dies, and is started again."""
    shown, change = CHANGES[name]
    code = change(tmp_path) + (DIE if workers > 1 else "")
    (experiment.parent / "own/change.py").write_text(code)
    assert main(["run", "--quiet", "--workers", str(workers), str(experiment)]) == 2
    said = capsys.readouterr().err
    (folder,) = (tmp_path / "results/tiny/performance").glob("run_*")
    assert_contains(said, [shown])
    assert "Traceback" not in said
    n_ended = len(TrialStore(folder / "trials.jsonl").read())
    assert n_ended == 2 if workers == 1 else n_ended < 3
    if name == "a split that is gone":
        return
    again = run_experiment(experiment, progress=False)
    assert again.folder != folder
    assert len(again.trials) == 3
    assert len(TrialStore(folder / "trials.jsonl").read()) == n_ended


def test_a_model_that_changes_while_the_data_are_read_is_noticed(
    experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process has imported the earlier model, so no trial may get the later version."""
    (experiment.parent / "own/change.py").write_text("")

    def edit_and_read(*given: Any, **keys: Any) -> tuple[Dataset, ...]:
        (experiment.parent / "own/m.py").write_text(f"{OWN}# later\n")
        return load_datasets(*given, **keys)

    monkeypatch.setattr("mmrec.experiment.load_datasets", edit_and_read)
    with pytest.raises(DataError) as caught:
        run_experiment(experiment, progress=False)
    assert_contains(str(caught.value), ["m.py", "code"])


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_written_again_with_the_same_content_is_no_change(
    experiment: Path, tmp_path: Path, workers: int
) -> None:
    files = [*(tmp_path / "data/tiny").rglob("*.*"), *tmp_path.glob("matrix.*")]
    again = "".join(
        f"p = pathlib.Path({str(path)!r}); c = p.read_bytes(); p.unlink(); p.write_bytes(c)\n"
        for path in [*files, experiment.parent / "own/m.py"]
    )
    (experiment.parent / "own/change.py").write_text(again + (DIE if workers > 1 else ""))
    results = run_experiment(experiment, progress=False, workers=workers)
    assert (experiment.parent / "own/mark").exists()
    undisturbed = run_experiment(experiment, progress=False)
    columns = ["trial", "best_epoch", "weights_sha256", "lists_sha256"]
    pd.testing.assert_frame_equal(results.trials[columns], undisturbed.trials[columns])


def test_a_file_that_is_restored_lets_the_run_be_resumed(experiment: Path, tmp_path: Path) -> None:
    split = tmp_path / "data/tiny/train.txt"
    before = split.read_text()
    (experiment.parent / "own/change.py").write_text(rewriting(split, "\t1\n", "\t2\n"))
    with pytest.raises(DataError, match=r"train\.txt: changed since"):
        run_experiment(experiment, progress=False)
    (folder,) = (tmp_path / "results/tiny/performance").glob("run_*")
    split.write_text(before)
    assert run_experiment(experiment, progress=False).folder == folder


def check_of(path: Path) -> InputCheck:
    loaded = read_experiment(path)
    plan = make_plan(loaded)
    states = FileStates.of(plan)
    datasets = load_datasets(plan)
    identity = RunIdentity.of(plan, datasets)
    folder = path.parent
    return InputCheck(loaded.document.data, path.parent, folder, identity, states, datasets)


def test_of_a_large_folder_only_the_folder_is_compared(
    experiment_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors of the run are in memory or in the cache, whatever becomes of the files."""
    monkeypatch.setattr("mmrec.runs.inputs.MOST_FILES", 3)
    check = check_of(experiment_file())
    np.save(tmp_path / "data/tiny/image_feat/30.npy", np.ones(6, np.float32))
    check.before_trial()
    (tmp_path / "data/tiny/image_feat/30.npy").unlink()
    with pytest.raises(DataError, match=r"image_feat: changed since"):
        check.before_trial()


def test_packed_vectors_that_someone_has_changed_are_noticed(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("mmrec.features.folder.MIN_PACKED", 1)
    check = check_of(experiment_file())
    pack = next((tmp_path / "cache/mmrec").glob("*.npy"))
    os.utime(pack)
    check.before_trial()
    with pack.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(np.float32(7).tobytes())
    with pytest.raises(DataError, match=pack.name):
        check.before_trial()


def test_the_check_before_a_trial_takes_less_than_a_millisecond(experiment_file: Write) -> None:
    check = check_of(experiment_file())
    times = []
    for _ in range(20):
        start = time.process_time()
        check.before_trial()
        times.append(time.process_time() - start)
    assert min(times) < 1e-3
