"""Runs that are interrupted, killed, or meet each other."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pandas as pd
import psutil
import pytest
from filelock import FileLock
from helpers import assert_contains
from stopping import command, stop_after
from tiny_experiment import experiment_writer, settings
from warm_processes import CONTEXT

from mmrec.cli import main
from mmrec.errors import DataError
from mmrec.execution.signals import stop_on_signals
from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialStore

pytestmark = pytest.mark.xdist_group("timed")

KEPT = {"save_recs": True, "save_weights": True}
GRID = {
    "LightGCNM": settings(epochs=6, lr=[0.01, 0.02], meta=KEPT),
    "LATTICE": settings(
        epochs=6, top_k=4, cf="ngcf", ws=[8, 8, 8], l_m=[0.3, 0.7], batch_size=8, meta=KEPT
    ),
}
PATIENCE = 300.0
"""Seconds that a busy machine may take for what takes one or two."""


def run(path: Path, **options: object) -> Results:
    return run_experiment(path, progress=False, **options)


def digests(results: Results) -> pd.DataFrame:
    return results.trials[["trial", "best_epoch", "nDCG@5", "weights_sha256", "lists_sha256"]]


def runs(path: Path) -> list[Path]:
    performance = path.parents[1] / "results/tiny/performance"
    return sorted(performance.glob("run_*")) if performance.exists() else []


def output_files(path: Path) -> dict[str, bytes]:
    """Weights and lists; none of them may be torn or left over."""
    results = path.parents[1] / "results" / "tiny"
    return {
        str(file.relative_to(results)): file.read_bytes()
        for folder in ("recs", "weights")
        for file in (results / folder).rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """The digests and files of the experiment of ``GRID``, run in one go."""
    path = experiment_writer(tmp_path_factory.mktemp("uninterrupted"))(GRID)
    return digests(run(path)), output_files(path)


def interrupt(path: Path, steps: int) -> Path:
    """Run an experiment up to an interruption; return the folder of the run."""
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, steps)
        with pytest.raises(KeyboardInterrupt) as stopped:
            run(path)
    assert stopped.value.signal == signal.SIGINT
    return runs(path)[-1]


@pytest.mark.parametrize("steps", [1, 5, 29, 40, 61, 100, 139, 200])
def test_a_resumed_run_has_the_same_bits(experiment_file, uninterrupted, steps):
    expected, files = uninterrupted
    path = experiment_file(GRID)
    folder = interrupt(path, steps)
    ended = (folder / "trials.jsonl").read_text() if (folder / "trials.jsonl").exists() else ""
    resumed = run(path)
    assert resumed.folder == folder
    pd.testing.assert_frame_equal(digests(resumed), expected)
    assert output_files(path) == files
    assert (folder / "trials.jsonl").read_text().startswith(ended)  # nothing is repeated
    assert not (folder / "checkpoints").exists()


def test_fresh_starts_anew_and_leaves_the_unfinished_run_as_it_is(experiment_file):
    path = experiment_file(GRID)
    unfinished = interrupt(path, 50)
    before = {p: p.read_bytes() for p in unfinished.rglob("*") if p.is_file()}
    fresh = run(path, fresh=True)
    assert fresh.folder != unfinished
    assert {p: p.read_bytes() for p in unfinished.rglob("*") if p.is_file()} == before


def test_another_experiment_does_not_resume_it(experiment_file):
    unfinished = interrupt(experiment_file(GRID), 50)
    other = run(experiment_file({"MostPop": {}}))
    assert other.folder != unfinished


def test_files_asked_for_after_a_trial_has_ended_are_reported_as_missing(experiment_file, caplog):
    entry = settings(epochs=6, lr=[0.01, 0.02])
    path = experiment_file({"LightGCNM": entry, "MostPop": {}})
    interrupt(path, 40)  # in the second trial
    keeping = {"LightGCNM": entry | {"meta": KEPT}, "MostPop": {"meta": KEPT}}
    results = run(experiment_file(keeping))
    assert results.folder == runs(path)[0]
    notes = json.loads((results.folder / "manifest.json").read_text())["notes"]
    assert len(notes) == 2
    for key, note in zip(("save_weights", "save_recs"), notes, strict=True):
        assert_contains(note, ["LightGCNM: 1 of ", key])
        assert caplog.text.count(note) == 1
    assert len(output_files(path)) == 3  # of the second trial both, and the lists of MostPop


def test_a_model_that_was_edited_since_is_run_anew(experiment_file):
    path = experiment_file({"external.Own": settings(lr=[0.01, 0.02])}, external_models_path="m.py")
    code = path.parent / "m.py"
    code.write_text(
        "from mmrec.models import LightGCNM\n"
        "class Own(LightGCNM):\n"
        "    def lr_factor(self, epoch):\n"
        "        return 1\n"
    )
    interrupt(path, 20)  # in the second trial
    code.write_text(code.read_text().replace("return 1", "return 2"))
    edited = run(path)  # in the same process, as in a notebook
    assert edited.folder not in runs(path)[:1]
    built_in = run(experiment_file({"LightGCNM": settings(lr=[0.02, 0.04])}))
    columns = ["best_epoch", "Recall@5", "nDCG@5", "weights_sha256"]
    pd.testing.assert_frame_equal(edited.trials[columns], built_in.trials[columns])


def test_another_version_of_mmrec_starts_a_new_run(experiment_file, monkeypatch):
    path = experiment_file({"LightGCNM": settings(lr=[0.01, 0.02])})
    unfinished = interrupt(path, 20)
    monkeypatch.setattr("mmrec.runs.environment.installed_version", lambda package: "99")
    assert run(path).folder != unfinished


def test_a_damaged_checkpoint_costs_time_but_not_the_result(experiment_file, uninterrupted):
    path = experiment_file(GRID)
    (checkpoint,) = (interrupt(path, 50) / "checkpoints").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    pd.testing.assert_frame_equal(digests(run(path)), uninterrupted[0])


def test_a_running_run_is_not_joined(experiment_file):
    path = experiment_file(GRID)
    folder = interrupt(path, 50)
    with FileLock(folder / "run.lock"), pytest.raises(DataError, match=folder.name):
        run(path)
    run(path)


def test_a_run_that_another_process_has_finished_in_the_meantime_is_not_resumed(
    experiment_file, monkeypatch
):
    path = experiment_file(GRID)
    folder = interrupt(path, 50)
    acquire = RunFolder._acquire

    def acquire_after_the_other(self: RunFolder) -> None:
        monkeypatch.setattr(RunFolder, "_acquire", acquire)
        assert run(path).folder == folder
        acquire(self)

    monkeypatch.setattr(RunFolder, "_acquire", acquire_after_the_other)
    assert run(path).folder != folder
    assert len(list(folder.parent.glob("run_*/manifest.json"))) == 2


@pytest.mark.parametrize(
    "model", [{"Slim": {"neighborhood": 5}}, {"iALS": {"epochs": 50, "factors": 4}}]
)
def test_a_fit_in_closed_form_stops_between_its_parts(experiment_file, model):
    path = experiment_file(model | {"MostPop": {}})
    expected = digests(run(path))
    folder = interrupt(path, 3)
    assert TrialStore(folder / "trials.jsonl").read() == []
    resumed = run(path)
    assert resumed.folder == folder
    pd.testing.assert_frame_equal(digests(resumed), expected)


def test_a_handler_that_python_cannot_restore_is_left_alone(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with monkeypatch.context() as patched:
        patched.setattr("signal.getsignal", lambda number: None)  # of a program that embeds Python
        with stop_on_signals() as stop:
            assert not stop()
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_signals_end_the_command_in_good_order(experiment_file, number, code):
    long = {"LightGCNM": settings(epochs=5000, meta={"validation_rate": 5000})}
    path = experiment_file(long)
    with command(path) as process:
        wait_for(lambda: runs(path) and (runs(path)[0] / "run.log").exists())
        time.sleep(0.5)
        process.send_signal(number)
        _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert runs(path)[0].name in error
    assert list((runs(path)[0] / "checkpoints").glob("*.pt"))


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


KILLED = {
    name: entry | {"epochs": 60, "meta": KEPT | {"validation_rate": 3}}
    for name, entry in GRID.items()
}
ONE_THREAD_SAVING_OFTEN = {"threads": 1, "checkpoint_rate": 3}


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """The digests and files of the experiment of ``KILLED``, run in one go."""
    write = experiment_writer(tmp_path_factory.mktemp("unkilled"))
    path = write(KILLED, execution=ONE_THREAD_SAVING_OFTEN)
    return digests(run(path)), output_files(path)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("seed", "workers", "n_kills"),
    [
        (1, 1, 10),
        (2, 1, 10),
        (3, 2, 10),
        (4, 2, 3),
    ],
)
def test_killed_at_random_points_nothing_is_lost_or_repeated(
    experiment_file, unkilled, seed, workers, n_kills
):
    """Killed anywhere: in training, in a checkpoint, while results are written.

    With workers, it is in turn one of them and the driver that is killed.
    """
    draw = random.Random(seed)
    path = experiment_file(KILLED, execution=ONE_THREAD_SAVING_OFTEN)
    expected, files = unkilled
    command = ["run", "--quiet", "--workers", str(workers), str(path)]
    kills, folder, process = 0, None, None
    while kills < n_kills:
        if folder is None or (folder / "manifest.json").exists():
            known = runs(path)
            process = started([*command, "--fresh"])
            wait_for(lambda known=known: runs(path) != known)
            folder, seen = runs(path)[-1], ""
        elif process is None:
            process = started(command)
        wait_for(lambda p=process, f=folder: not p.is_alive() or is_locked(f))
        time.sleep(draw.uniform(0, 1.2 if workers > 1 else 0.6))
        children = psutil.Process(process.pid).children() if process.is_alive() else []
        if workers > 1 and children and kills % 2 == 0:
            draw.choice(children).kill()
        else:
            process.kill()
            process.join()
            process = None
        kills += 1
        seen = check_only_grown(folder / "trials.jsonl", seen)
    if process is not None:
        process.join(timeout=120)
        assert not process.is_alive()
    resumed = None if (folder / "manifest.json").exists() else run(path)
    records = TrialStore(folder / "trials.jsonl").read()
    assert len({record.trial_id for record in records}) == len(records) == len(expected)
    by_name = {record.name: record.weights_sha256 for record in records}
    assert by_name == dict(zip(expected["trial"], expected["weights_sha256"], strict=True))
    if resumed is not None:
        assert resumed.folder == folder
        pd.testing.assert_frame_equal(digests(resumed), expected)
    left_over = {name for name in output_files(path) if Path(name).name.startswith(".")}
    assert {n: d for n, d in output_files(path).items() if n not in left_over} == files


def started(arguments: list[str]) -> ForkServerProcess:
    process = CONTEXT.Process(target=_in_silence, args=(arguments,))
    process.start()
    return process


def _in_silence(arguments: list[str]) -> None:
    """Be the command, with nobody to read what it says."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(main(arguments))


def check_only_grown(store: Path, seen: str) -> str:
    """Check that every complete line of before is still there; return what is there now."""
    text = store.read_text() if store.exists() else ""
    assert text.startswith(seen.rpartition("\n")[0])
    return text


def is_locked(folder: Path) -> bool:
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Exception:
        return True
    lock.release()
    return False


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers_gives_the_same_tables(experiment_file, uninterrupted, workers):
    path = experiment_file(GRID, execution={"threads": 1})
    pd.testing.assert_frame_equal(digests(run(path, workers=workers)), uninterrupted[0])
    assert output_files(path) == uninterrupted[1]


def test_a_worker_that_dies_fails_only_its_trial_and_says_how_it_died(experiment_file):
    path = experiment_file()
    (path.parent / "mine.py").write_text(
        "import os, signal\n"
        "from mmrec.models import LightGCNM\n"
        "class Deadly(LightGCNM):\n"
        "    def __init__(self, config, dataset):\n"
        "        super().__init__(config, dataset)\n"
        "        if config.lr == 0.9:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        if config.lr == 0.8:\n"
        "            os._exit(3)\n"
    )
    models = {"external.Deadly": settings(lr=[0.01, 0.9, 0.8, 0.02]), "MostPop": {}}
    path = experiment_file(
        models, external_models_path="mine.py", execution={"workers": 2, "threads": 1}
    )
    results = run(path)
    status = results.trials["status"].tolist()
    assert status == ["finished", "failed", "failed", "finished", "finished"]
    killed, exited = results.trials["error"][1:3]
    assert_contains(killed, ["2 times", "killed by SIGKILL"])
    assert_contains(exited, ["2 times", "exit code 3"])
    assert "memory" not in killed + exited


def test_a_killed_worker_is_replaced_and_its_trial_repeated(experiment_file, tmp_path):
    path = experiment_file()
    (path.parent / "mine.py").write_text(
        "import os, pathlib, signal\n"
        "from mmrec.models import LightGCNM\n"
        f"mark = pathlib.Path({str(tmp_path / 'mark')!r})\n"
        "class Unlucky(LightGCNM):\n"
        "    def begin_epoch(self, epoch, rng):\n"
        "        if epoch == 3 and not mark.exists():\n"
        "            mark.touch()\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    models = {"external.Unlucky": settings(lr=[0.01, 0.02])}
    path = experiment_file(models, external_models_path="mine.py", execution={"threads": 1})
    beside = run(path, workers=2)
    assert (tmp_path / "mark").exists()
    pd.testing.assert_frame_equal(digests(beside), digests(run(path)))


@pytest.mark.slow
def test_interrupting_workers_keeps_their_checkpoints(experiment_file, tmp_path):
    path = experiment_file()
    (path.parent / "mine.py").write_text(
        "import os, pathlib\n"
        "from mmrec.models import LightGCNM\n"
        f"marks = pathlib.Path({str(tmp_path / 'marks')!r})\n"
        "class Marking(LightGCNM):\n"
        "    def begin_epoch(self, epoch, rng):\n"
        "        (marks / str(os.getpid())).touch()\n"
    )
    (tmp_path / "marks").mkdir()
    entry = settings(epochs=100_000, lr=[0.01, 0.02], meta={"validation_rate": 100_000})
    path = experiment_file(
        {"external.Marking": entry},
        external_models_path="mine.py",
        execution={"workers": 2, "threads": 1},
    )
    with command(path) as process:
        wait_for(lambda: len(list((tmp_path / "marks").iterdir())) == 2)  # both are training
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, error
    assert len(list((runs(path)[0] / "checkpoints").glob("*.pt"))) == 2


@pytest.mark.slow
def test_ctrl_c_while_workers_start_shows_no_traceback(experiment_file):
    path = experiment_file(GRID, execution={"threads": 1})
    with command(path, "--workers", "2") as process:
        driver = psutil.Process(process.pid)
        wait_for(lambda: len(workers_of(driver)) == 2)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error.count("Traceback")) == (130, 0), error
    assert_contains(error, ["mmrec: interrupted", "0 of 4 trials"])


def workers_of(driver: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in driver.children():
        with contextlib.suppress(psutil.Error):  # one of another kind that has just ended
            if "mmrec.execution.worker" in str(child.cmdline()):
                found.append(child)
    return found


STUCK = """
import pathlib, time
from mmrec.models import LightGCNM

folder = pathlib.Path(__file__).parent

class Stuck(LightGCNM):
    def loss(self, batch):
        (folder / f"stuck_{self.config.lr}").touch()
        while not (folder / "go").exists():
            time.sleep(0.05)
        raise RuntimeError("x" * 1_000_000)  # more than a pipe holds
"""


@pytest.mark.slow
@pytest.mark.parametrize("comes_loose", [True, False])
def test_a_worker_that_hangs_does_not_delay_the_end(
    experiment_file, monkeypatch, caplog, comes_loose
):
    models = {"external.Stuck": settings(lr=[0.01, 0.02])}
    path = experiment_file(models, external_models_path="mine.py", execution={"threads": 1})
    (path.parent / "mine.py").write_text(STUCK)
    monkeypatch.setattr("mmrec.execution.driver.GRACE", 30.0 if comes_loose else 1.0)

    def interrupt() -> None:
        wait_for(lambda: len(list(path.parent.glob("stuck_*"))) == 2)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        if comes_loose:
            (path.parent / "go").touch()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match="0 of 2 trials"):
        run(path, workers=2)
    thread.join()
    assert workers_of(psutil.Process()) == []
    assert ("did not stop in time" in caplog.text) == (not comes_loose)


def test_a_full_disk_is_an_error_and_what_was_written_stays(experiment_file, monkeypatch):
    path = experiment_file(GRID)
    import mmrec.files

    real, calls = mmrec.files.os.fsync, []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 20:
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr("mmrec.files.os.fsync", fsync)
        with pytest.raises(DataError, match="No space left on device"):
            run(path)
    (folder,) = runs(path)
    kept = (folder / "trials.jsonl").read_text()
    assert TrialStore(folder / "trials.jsonl").read()
    again = run(path)
    assert again.folder == folder
    assert (folder / "trials.jsonl").read_text().startswith(kept)
    assert again.n_failed == 0
