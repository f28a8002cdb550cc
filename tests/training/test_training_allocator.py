"""Freed memory is kept while a trial runs, and only then."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest
import torch

from mmrec.training import keep_freed_memory

# In a process of its own: how far the heap can grow in one piece depends on all that ran before.
COUNT_PAGE_FAULTS = """
import json, resource, torch
from mmrec.training import keep_freed_memory

def faults():
    torch.ones(1 << 24)  # 64 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(1 << 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

outside = faults()
with keep_freed_memory():
    inside = faults()
print(json.dumps([outside, inside, faults()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's allocator that is set")
def test_blocks_are_reused_inside_and_given_back_outside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_PAGE_FAULTS], capture_output=True, text=True, check=True
    )
    outside, inside, again = json.loads(done.stdout)
    assert inside < outside / 4  # of five blocks at most one, beside what another thread took
    assert again > outside / 2


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with keep_freed_memory():
        assert torch.ones(3).sum() == 3
