"""Freed memory is kept while a trial runs, and only then."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest
import torch

from mmrec.training.allocator import keep_freed_memory

# In a process of its own: how far the heap can grow in one piece depends on all that ran before.
COUNT_PAGE_FAULTS = """
import json, resource, torch
from mmrec.training.allocator import keep_freed_memory

def faults(n_blocks):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n_blocks):
        torch.ones(1 << 24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults(1)
with keep_freed_memory():
    faults(1)
    inside = faults(5)
print(json.dumps([first, inside, faults(1)]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's allocator that is set")
def test_blocks_are_reused_inside_and_given_back_outside() -> None:
    # The system draws where a heap lies; now and then a block does not go where the last one was.
    assert any(_reused_and_given_back() for _ in range(3))


def _reused_and_given_back() -> bool:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_PAGE_FAULTS], capture_output=True, text=True, check=True
    )
    first, inside, after = json.loads(done.stdout)
    # Of five blocks at most one is new, beside what another thread took.
    return bool(inside < 2 * first and after > first / 2)


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with keep_freed_memory():
        assert torch.ones(3).sum() == 3
