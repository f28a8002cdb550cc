"""The peak memory of a trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmrec.execution import memory
from mmrec.execution.memory import PeakMemory

CPU = torch.device("cpu")


def test_memory_that_was_freed_counts() -> None:
    measured = PeakMemory(CPU)
    before = measured.read()
    if before is None:
        pytest.skip("this system does not report it")
    assert np.ones(8_000_000).sum() == 8_000_000  # 64 MB, gone at once
    peak = measured.read()
    assert peak is not None
    assert peak - before > 40e6
    later = PeakMemory(CPU).read()
    assert later is not None
    assert later < peak - 40e6  # each measures from its own start


def test_a_system_that_does_not_report_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_RESET", tmp_path / "no" / "such")
    assert PeakMemory(CPU).read() is None
