"""How much memory a trial needs at most, and how much there is."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_MEMINFO = Path("/proc/meminfo")


class PeakMemory:
    """Measures from its making on.

    On a GPU it is what torch's tensors held there at most. On a CPU it is the most that the
    process was resident with, so the interpreter and the data count too, and what earlier trials
    of the process left behind; only Linux tells it.

    Args:
        device: where the trial runs.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            return
        try:
            _RESET.write_text("5")  # forget the highest resident size there was
        except OSError:
            self._is_known = False
        else:
            self._is_known = True

    def read(self) -> int | None:
        """Return the bytes; None where the system does not tell."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        if not self._is_known:
            return None
        found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None


def available_memory(device: torch.device) -> int | None:
    """Return the bytes that are free on a device; None where the system does not tell.

    On a CPU it is what Linux could give to a new process without swapping, elsewhere all of the
    machine's memory. Limits of a container or of a batch system are not known here.
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
