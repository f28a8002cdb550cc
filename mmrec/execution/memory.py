"""The peak memory of a trial, and the free memory of a device."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_MEMINFO = Path("/proc/meminfo")


class PeakMemory:
    """The peak memory since the object was made.

    On a GPU it is the peak of torch's tensors. On a CPU it is the peak of the resident memory of
    the process, with the interpreter, the data and what earlier trials left in the process; it is
    known only on Linux.

    Args:
        device: of the trial.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            return
        try:
            _RESET.write_text("5")  # resets VmHWM
        except OSError:
            self._is_known = False
        else:
            self._is_known = True

    def read(self) -> int | None:
        """Return the bytes; None where the system does not report them."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        if not self._is_known:
            return None
        found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None


def available_memory(device: torch.device) -> int | None:
    """Return the free bytes of a device; None where the system does not report them.

    On a CPU it is what Linux can give to a new process without swapping, on other systems all
    memory of the machine. Limits of a container or of a batch system are not considered.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB$", _MEMINFO.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    except OSError:  # not Linux
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None
