"""How a run ends when something around it fails: interrupts, logs, drivers, all of its trials."""

from __future__ import annotations

import os
from multiprocessing import Pipe
from pathlib import Path

import pytest
from helpers import assert_contains
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.execution.worker import main as work
from mmrec.experiment import run_experiment
from mmrec.reporting.report import read_results
from mmrec.runs import log

MODELS = {"MostPop": {}, "LightGCNM": settings(epochs=2, lr=[0.01, 0.02])}


@pytest.mark.parametrize(
    "name", ["write_examples", "elliot_files", "write_report", "Tracking.finish", "finish"]
)
def test_a_report_that_is_interrupted_is_written_by_the_next_run(
    experiment_file: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = experiment_file(MODELS)
    with monkeypatch.context() as patched:
        patched.setattr(f"mmrec.experiment.{name}", interrupt)
        assert main(["run", "--quiet", str(path)]) == 130
    (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
    assert_contains(capsys.readouterr().err, ["interrupted", "same experiment again", folder])
    records = (folder / "trials.jsonl").read_bytes()
    assert main(["run", "--quiet", str(path)]) == 0
    assert len(read_results(folder).trials) == 3
    assert (folder / "trials.jsonl").read_bytes() == records
    assert all((folder / f).is_file() for f in ("best.tsv", "trials.tsv", "report.html"))


def test_a_run_whose_trials_have_all_failed_exits_with_1(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"LightGCNM": settings(lr=[1e30, 1e31])})
    assert main(["run", "--quiet", str(path)]) == 1
    assert capsys.readouterr().out.count("failed: LightGCNM_") == 2
    (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
    assert (read_results(folder).trials["status"] == "failed").all()


def test_a_line_of_the_log_that_cannot_be_written_fails_no_trial(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real = log._LogFile
    monkeypatch.setattr(log, "_LogFile", lambda _: real(Path("/dev/full")))
    results = run_experiment(experiment_file(MODELS), progress=False)
    assert (results.trials["status"] == "finished").all()
    assert "Traceback" not in capfd.readouterr().err


def test_a_worker_whose_driver_was_killed_ends_without_a_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A message that the driver has not read resets the connection."""
    driver, worker = Pipe()
    worker.send("unread")
    driver.close()
    work(os.dup(worker.fileno()))
    worker.close()
    assert capfd.readouterr().err == ""
