"""The peak memory of a trial."""

from __future__ import annotations

import re
from pathlib import Path

import torch

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


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
