"""Processes that start at once: forked from one that has imported what they need."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from multiprocessing.connection import Connection
from typing import Any

from mmrec.execution.worker import main

CONTEXT = multiprocessing.get_context("forkserver")
"""Its server is a fresh process, started once for all tests of a process."""
CONTEXT.set_forkserver_preload(["mmrec.cli.run", "mmrec.experiment", "torch._dynamo"])


class WarmWorker:
    """A worker process with the methods of ``subprocess.Popen`` that its pool uses."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._process = CONTEXT.Process(target=_work, args=(connection,), daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a worker", seconds or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _work(connection: Connection[Any, Any]) -> None:
    main(os.dup(connection.fileno()))
