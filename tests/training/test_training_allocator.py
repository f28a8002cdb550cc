"""Freed memory is kept while a trial runs, and only then."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest
import torch

from mmrec.training.allocator import keep_freed_memory

COUNT_PAGE_FAULTS = """
import json, resource, torch
from mmrec.training.allocator import keep_freed_memory

def faults(n_blocks):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n_blocks):
        torch.ones(1 << 24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

small = [torch.ones(8) for _ in range(1000)]
first = faults(1)
with keep_freed_memory():
    faults(1)
    del small[::2]  # room for small objects, which would otherwise be put behind a block
    faults(2)
    inside = faults(5)
print(json.dumps([first, inside, faults(1)]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is set")
def test_blocks_are_reused_inside_and_returned_outside() -> None:
    # A separate process: what ran before determines where the heap has room.
    done = subprocess.run(
        [sys.executable, "-c", COUNT_PAGE_FAULTS], capture_output=True, text=True, check=True
    )
    first, inside, after = json.loads(done.stdout)
    assert inside < first
    assert after > first / 2


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with keep_freed_memory():
        assert torch.ones(3).sum() == 3
