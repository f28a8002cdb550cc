"""Interrupting a run at a given moment, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmrec.execution.signals import StopRequest
from mmrec.experiment import run_experiment


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Make runs believe that SIGINT came during their ``steps``-th optimisation step."""
    asked: list[StopRequest] = []

    def stop(request: StopRequest) -> bool:
        asked.append(request)
        if len(asked) == steps:
            request.signal = signal.SIGINT
        return len(asked) >= steps

    monkeypatch.setattr(StopRequest, "__call__", stop)


def interrupt(path: Path, steps: int) -> Path:
    """Run an experiment on the tiny data up to an interruption; return the folder of the run."""
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, steps)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(path, progress=False)
    (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
    return folder


@contextlib.contextmanager
def command(path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run an experiment by the command line, in a process group of its own.

    Whatever a test comes to, nothing of the command is left.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "mmrec.run", "--quiet", path, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
