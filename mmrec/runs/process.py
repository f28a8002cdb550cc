"""Whether the process that wrote something is still running."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class Process:
    """What identifies a process: its machine, its number, and when it began."""

    host: str
    pid: Annotated[int, Field(ge=1, lt=1 << 31)]
    began: str | None


def this_process() -> Process:
    """Return what identifies this process."""
    pid = os.getpid()
    return Process(socket.gethostname(), pid, _began(pid))


def is_running(process: Process) -> bool | None:
    """Return whether a process is running; None if it ran on another machine.

    Args:
        process: as :func:`this_process` returned it.
    """
    if process.host != socket.gethostname():
        return None
    try:
        os.kill(process.pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return bool(_began(process.pid) == process.began)  # numbers are used again


def _began(pid: int) -> str | None:
    """Return when a process began, in ticks since the machine was started; None if not Linux."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return status.rpartition(")")[2].split()[19]
