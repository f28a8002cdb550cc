"""What a run shows: its plan, then bars on a terminal or plain lines elsewhere."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.execution.trial import TrialSpec
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.progress.display import LINE_EVERY, Progress
from mmrec.progress.streams import TICK
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord

pytestmark = pytest.mark.xdist_group("timed")

MODELS = {"MostPop": {}, "LightGCNM": settings(lr=[0.01, 0.02], meta={"validation_rate": 2})}


def test_the_plan_comes_first_then_a_line_for_each_trial(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file(MODELS)
    (tmp_path / "data/tiny/text_feat/30.npy").unlink()
    assert main(["run", str(path)]) == 0
    printed = capsys.readouterr()
    folder = re.search(r"results: +(.*)", printed.out)[1]
    lines = printed.err.splitlines()
    assert lines[0] == "tiny: 3 trials"
    for fact in (
        "MostPop    1 trial; 1 evaluation; selected by Recall@3",
        "LightGCNM  2 trials, grid over lr; ",
        "24 users, 19 items; interactions: ",
        "VisualAttribute: 6 values per item",
        "TextualAttribute has no vector for 1 of the items: 30",
        "on the CPU, 1 worker, 1 thread for each trial",
        f"results: {folder}",
    ):
        assert fact in printed.err
    ended = [line for line in lines if line.startswith("[")]
    assert re.fullmatch(r"\[1/3\] MostPop_\w+: validation Recall@3 .*", ended[0])
    assert re.fullmatch(
        r"\[3/3\] LightGCNM_\w+: lr 0.02; best epoch \d, validation Recall@3 0\.\d{4} "
        r"\(\d+\.\d s\)",
        ended[2],
    )
    log = Path(folder, "run.log").read_text()
    for line in lines[0], *ended:
        assert re.search(
            rf"(?m)^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\S* INFO \S+ {re.escape(line)}$", log
        )
    assert printed.out.splitlines()[-1] == f"reproduce: mmrec verify {folder}"


@pytest.mark.slow
def test_quiet_prints_only_warnings_and_the_result(
    experiment_file: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"MostPop": {}}, gpu=7)  # gives a warning
    command = [sys.executable, "-m", "mmrec", "run", path, "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("\n") == done.stderr.count("WARNING: ") == 1
    assert "MostPop" in done.stdout
    assert "report: " in done.stdout


def test_a_table_wider_than_the_terminal_has_a_column_for_each_model(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["run", str(experiment_file({"MostPop": {}, "Random": {}})), "--quiet"]) == 0
    table = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert re.fullmatch(r"model +MostPop +Random", table[0])
    assert max(map(len, table)) <= 60
    assert re.fullmatch(r"Recall@3 +0\.\d{4} +0\.\d{4}", table[3])


def test_verbose_prints_a_line_for_each_evaluated_epoch(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(experiment_file(MODELS)), "--verbose"]) == 0
    lines = capsys.readouterr().err.splitlines()
    evaluated = [line for line in lines if re.search(r": epoch \d/4, loss ", line)]
    assert [re.search(r"epoch (\d)", line)[1] for line in evaluated] == ["2", "4", "2", "4"]
    assert re.search(r", validation Recall@3 0\.\d+, best 0\.\d+ \(epoch \d\)", evaluated[0])


LONG = {"LightGCNM": settings(lr=[0.01, 0.02], epochs=150), "MostPop": {}}
FIGURES = r"loss \d\.\d{4}, validation Recall@3 \d\.\d{4}, best \d\.\d{4} \(epoch \d+\)"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal() as opened:
        yield opened


class Terminal:
    """A terminal that a program writes to, and what the program has drawn."""

    def __enter__(self) -> Terminal:
        self._driver, self.handle = pty.openpty()
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))
        self._drawn = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _read(self) -> None:
        with suppress(OSError):  # Linux raises it when the last writer has closed the terminal
            while part := os.read(self._driver, 65536):
                self._drawn += part

    def lines(self) -> list[str]:
        """Return every line each time that it was drawn, after the program has ended."""
        self._reader.join()
        return re.split(r"[\r\n]|\x1b\[A", self._drawn.decode())

    def __exit__(self, *_: object) -> None:
        self._reader.join()
        os.close(self._driver)


@pytest.mark.slow
def test_a_terminal_gets_two_bars(
    experiment_file: Write,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with os.fdopen(terminal.handle, "w") as errors, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", errors)
        assert main(["run", str(experiment_file(LONG))]) == 0
    assert "reproduce: mmrec verify " in capsys.readouterr().out
    check_bars(terminal, rf"LightGCNM_\w{{12}} \d+/150 \|.*\| \d\d:\d\d<\d\d:\d\d, {FIGURES}")


@pytest.mark.slow
def test_a_terminal_gets_two_bars_with_several_workers(
    experiment_file: Write, terminal: Terminal
) -> None:
    command = [sys.executable, "-m", "mmrec", "run", experiment_file(LONG), "--workers", "2"]
    done = subprocess.run(command, stderr=terminal.handle, stdout=subprocess.PIPE, text=True)
    os.close(terminal.handle)
    assert done.returncode == 0
    assert "reproduce: mmrec verify " in done.stdout
    check_bars(
        terminal, r"2 trials, epoch \d+/300 \|.*, \[\d/3\] LightGCNM_\w{12}: epoch \d+/150, loss "
    )


def check_bars(terminal: Terminal, second: str) -> None:
    """Check the bar of the trials, and that the other bar matched at least once."""
    bars = terminal.lines()
    assert any(re.match(r"trials [0-2]/3 \|.*\| \d\d:\d\d<", bar) for bar in bars)
    assert any(re.match(second, bar) for bar in bars), bars[-20:]
    ended = [bar.rstrip() for bar in bars if bar.startswith("[")]
    assert len(ended) == 3
    assert all(re.fullmatch(r"\[\d/3\] \w+: .*validation .* \(\d+\.\d s\)", x) for x in ended)


OWN = """
import sys
import time
import warnings

from mmrec.models import LightGCNM


class Chatty(LightGCNM):
    def loss(self, batch):
        print("printed " + 3 * "text ")
        warnings.warn("warned")
        sys.stderr.write("written\\n")
        time.sleep(0.02)
        return super().loss(batch)
"""


def lines_of_run(path: Path, terminal: Terminal, *options: str) -> list[str]:
    """Run an experiment in a process with a terminal; return what is on it."""
    command = [sys.executable, "-m", "mmrec", "run", path, *options]
    done = subprocess.run(command, stderr=terminal.handle, stdout=terminal.handle)
    os.close(terminal.handle)
    assert done.returncode == 0
    return [line.rstrip() for line in terminal.lines()]


def assert_on_lines_of_its_own(lines: list[str], times: int) -> None:
    """Require that what Chatty writes shares no line, and is there so many times at least."""
    for text in "printed text text text", "written":
        assert [line for line in lines if text in line and line != text] == []
        assert lines.count(text) >= times


def test_text_of_other_code_is_on_lines_of_its_own(
    experiment_file: Write, terminal: Terminal
) -> None:
    path = experiment_file({"external.Chatty": settings()}, external_models_path="own.py")
    (path.parent / "own.py").write_text(OWN)
    lines = lines_of_run(path, terminal)
    assert_on_lines_of_its_own(lines, 4)
    (warned,) = (line for line in lines if "UserWarning: warned" in line)
    assert warned.startswith("WARNING: ")


@pytest.mark.slow
def test_text_of_workers_is_on_lines_of_its_own(experiment_file: Write, terminal: Terminal) -> None:
    models = {"external.Chatty": settings(lr=[0.01, 0.02])}
    path = experiment_file(models, external_models_path="own.py")
    (path.parent / "own.py").write_text(OWN)
    lines = lines_of_run(path, terminal, "--workers", "2")
    assert_on_lines_of_its_own(lines, 8)


def test_the_clocks_of_bars_move_while_nothing_ends(spec: TrialSpec, terminal: Terminal) -> None:
    with os.fdopen(terminal.handle, "w") as errors, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stderr", errors)
        with Progress(enabled=True) as progress:
            progress.trial_started(spec, 1, 1)
            time.sleep(2.5 * TICK)
        assert sys.stderr is errors
    seconds = [re.match(r"trials 0/1 \|.*\| 00:0(\d)<", line) for line in terminal.lines()]
    assert len({found[1] for found in seconds if found}) >= 2


def test_the_line_of_a_failed_trial_has_all_its_values(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    failed = replace(
        record_of(spec), status="failed", error="TrialError: NaN", parameters={"lr": 0.01, "f": 64}
    )
    with Progress(enabled=True, log=logging.getLogger("mmrec.x")) as progress:
        progress.trial_started(spec, 1, 2)
        progress.trial_ended(failed)
    line = f"[1/2] {spec.name}: failed: TrialError: NaN (50.0 s); lr 0.01, f 64"
    assert capsys.readouterr().err.splitlines() == [line]
    assert [(r.levelname, r.message) for r in caplog.records] == [("ERROR", line)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def spec(experiment_file: Write) -> TrialSpec:
    path = experiment_file({"LightGCNM": settings(epochs=10)})
    plan = make_plan(read_experiment(path))
    maker = SpecMaker(plan, load_datasets(plan))
    return maker.make(TrialRequest(0, 0, plan.models[0].points[0]))


def epoch(number: int, value: float) -> EpochRecord:
    return EpochRecord(number, 0.5, {"Recall@3": value})


def record_of(spec: TrialSpec, value: float = 0.3) -> TrialRecord:
    return TrialRecord(
        spec.trial_id,
        spec.name,
        spec.model,
        0,
        {},
        "finished",
        best_epoch=2,
        validation={"Recall@3": value},
        seconds=50.0,
    )


def test_a_long_trial_has_a_line_every_half_a_minute(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    with Progress(enabled=True, expected={"LightGCNM": 2}, clock=clock) as progress:
        progress.trial_started(spec, 1, 2)
        for number in range(1, 11):
            clock.now += LINE_EVERY / 2.5
            progress.epoch_ended(spec, number, 1 / number, epoch(number, 0.1 + 0.02 * (number % 5)))
        progress.trial_ended(record_of(spec))
    lines = capsys.readouterr().err.splitlines()
    # An epoch takes 12 s, so epoch 3 is the first after half a minute; 17 of 20 are left, 204 s.
    assert lines == [
        f"[1/2] {spec.name}: epoch 3/10, loss 0.3333, validation Recall@3 0.1600, best 0.1600 "
        "(epoch 3); about 03:24 left",
        f"[1/2] {spec.name}: epoch 6/10, loss 0.1667, validation Recall@3 0.1200, best 0.1800 "
        "(epoch 4); about 02:48 left",
        f"[1/2] {spec.name}: epoch 9/10, loss 0.1111, validation Recall@3 0.1800, best 0.1800 "
        "(epoch 4); about 02:12 left",
        f"[1/2] {spec.name}: best epoch 2, validation Recall@3 0.3000 (50.0 s)",
    ]


def test_epochs_of_an_earlier_session_do_not_count_as_fast(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    with Progress(enabled=True, expected={"LightGCNM": 1}, clock=clock) as progress:
        progress.trial_started(spec, 1, 1)
        for number in (7, 8):  # from a checkpoint
            clock.now += 60
            progress.epoch_ended(spec, number, 0.1, None)
    lines = capsys.readouterr().err.splitlines()
    # The first epoch of a session includes the start.
    assert [line.partition("; ")[2] for line in lines] == ["", "about 02:00 left"]


def test_the_start_of_a_worker_after_one_has_died_is_no_epoch(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    config = spec.config.model_copy(update={"epochs": 10_000})
    long = replace(spec, config=config)
    with Progress(enabled=True, expected={"LightGCNM": 2}, clock=clock) as progress:
        progress.trial_started(long, 1, 2)
        for number in range(1, 101):
            clock.now += 0.1
            progress.epoch_ended(long, number, 0.5, None)
        progress.trial_started(long, 1, 2)  # its worker died
        clock.now += 40
        progress.epoch_ended(long, 51, 0.5, None)  # from a checkpoint
    # 9,949 and 10,000 epochs of 0.1 s; with the start, one of 40 s would give nine days.
    assert times_left(capsys) == ["33:14"]


def test_a_trial_that_was_resumed_counts_with_all_its_epochs(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    other = replace(spec, trial_id="other")
    with Progress(enabled=True, expected={"LightGCNM": 2}, clock=clock) as progress:
        progress.trial_started(spec, 1, 2)
        clock.now += 10
        progress.epoch_ended(spec, 9, 0.1, None)
        clock.now += 10
        progress.epoch_ended(spec, 10, 0.1, None)
        progress.trial_ended(record_of(spec))  # 20 s for two epochs, 100 s for all ten
        progress.trial_started(other, 2, 2)
        clock.now += 30
        progress.epoch_ended(other, 1, 0.1, None)
    assert times_left(capsys) == ["01:40"]


def train(progress: Progress, spec: TrialSpec, epochs: int, clock: Clock, seconds: float) -> None:
    """Let all the time pass between the first epochs and the last, so that only it gets a line."""
    for number in range(1, epochs + 1):
        clock.now += seconds if number == epochs else 0
        progress.epoch_ended(spec, number, 0.1, None)


def times_left(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return re.findall("; about (.*) left", capsys.readouterr().err)


def test_the_time_left_depends_on_the_trials_of_each_model(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    slow = replace(spec, trial_id="slow", model="LATTICE")
    quick = replace(spec, trial_id="quick", model="MostPop")  # is not trained, so it does not count
    expected = {"LightGCNM": 3, "LATTICE": 2}
    with Progress(enabled=True, expected=expected, clock=clock) as progress:
        progress.trial_started(quick, 1, 6)
        progress.trial_ended(record_of(quick))
        progress.trial_started(spec, 2, 6)
        train(progress, spec, 5, clock, 100)  # 25 s an epoch: 5 are left, and 4 trials of 250 s
        progress.trial_ended(record_of(spec))  # early, so 100 s for each of its model
        progress.trial_started(slow, 3, 6)
        train(progress, slow, 2, clock, 100)  # 8 epochs of 100 s, a trial of 1000 s, 2 of 100 s
    assert times_left(capsys) == ["18:45", "33:20"]


def test_several_workers_share_the_time_left(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    other = replace(spec, trial_id="other")
    with Progress(enabled=True, expected={"LightGCNM": 4}, clock=clock) as progress:
        progress.trial_started(spec, 1, 4)
        progress.trial_started(other, 2, 4)
        train(progress, spec, 5, clock, 50)  # 5 epochs of 12.5 s are left, and 3 trials of 125 s
        train(progress, other, 10, clock, 50)  # the same 5 epochs, and 2 trials of 78.7 s
    assert times_left(capsys) == ["03:38", "01:49"]


def test_a_trial_that_is_retried_starts_from_the_beginning(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(spec, trial_id="other", name="LightGCNM_other")
    with Progress(enabled=True) as progress:
        progress.trial_started(spec, 1, 2)
        progress.trial_started(other, 2, 2)
        progress.epoch_ended(spec, 1, 0.5, None)
        progress.trial_started(spec, 1, 2)  # its worker died
        progress.epoch_ended(spec, 1, 0.5, None)
        progress.trial_ended(record_of(other))
        progress.trial_ended(record_of(spec))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "[2/2] LightGCNM_other",
        f"[1/2] {spec.name}",
    ]


def test_progress_that_is_not_enabled_prints_nothing(
    spec: TrialSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(enabled=False) as progress:
        progress.say("plan")
        progress.trial_started(spec, 1, 1)
        progress.epoch_ended(spec, 1, 0.5, epoch(1, 0.1))
        progress.trial_ended(record_of(spec))
    assert capsys.readouterr() == ("", "")
