"""Processes that run a module of mmrec, and how they ended."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

_VMSTAT = Path("/proc/vmstat")

_COMMAND = "import sys; sys.path[:] = {path!r}; from {module} import main; main({handle})"


def start_process(module: str, connection: Connection[Any, Any]) -> subprocess.Popen[bytes]:
    """Start a process that calls ``main`` of a module with the handle of a connection.

    It needs nothing of the main module: scripts need no guard ``if __name__ == "__main__"``, and
    notebooks and scripts that Python reads from standard input work.

    Where a stream of this process has been replaced, as by progress bars and notebooks, the lines
    that the other process prints are written to the replacement.
    """
    handle = connection.fileno()
    code = _COMMAND.format(path=list(map(str, sys.path)), module=module, handle=handle)
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=None if sys.stdout is sys.__stdout__ else subprocess.PIPE,
        stderr=None if sys.stderr is sys.__stderr__ else subprocess.PIPE,
        pass_fds=[handle],
    )
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        if pipe is not None:
            threading.Thread(target=_pass_on, args=(pipe, name), daemon=True).start()
    return process


def _pass_on(pipe: IO[bytes], name: str) -> None:
    """Write the lines of a pipe to a stream of ``sys``, until the pipe is closed."""
    with pipe:
        for line in pipe:
            stream = getattr(sys, name)
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):  # it is closed or full
                    stream.write(line.decode(errors="backslashreplace"))
                    stream.flush()


class DeathWatch:
    """Tells how a process died, and whether it was for lack of memory.

    Made when the process starts: Linux counts the processes that it kills for lack of memory.
    """

    def __init__(self) -> None:
        self._kills = _memory_kills()

    def is_for_memory(self, code: int) -> bool:
        """Return whether a process was killed while the system had no memory.

        False where the system does not count such kills.

        Args:
            code: the exit code, negative for a signal.
        """
        return -code == signal.SIGKILL and _memory_kills() > self._kills

    def reason(self, code: int) -> str:
        """Describe how a process died by its exit code, negative for a signal."""
        if code >= 0:
            return f"exit code {code}"
        known = {int(number): number.name for number in signal.Signals}
        killed = f"killed by {known.get(-code, f'signal {-code}')}"
        return f"{killed}; out of memory?" if self.is_for_memory(code) else killed


def _memory_kills() -> int:
    """Return how many processes Linux has killed for lack of memory; 0 if it is not known."""
    try:
        found = re.search(r"^oom_kill (\d+)$", _VMSTAT.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
