"""Freed memory is kept while a trial runs, and only then."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from mmrec.training.allocator import keep_freed_memory


def faults_of_reallocating() -> int:
    """Page faults of filling and freeing 64 MiB five times, after a first time."""
    torch.ones(1 << 24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(1 << 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is what it tunes")
def test_blocks_are_reused_inside_and_given_back_outside() -> None:
    outside = faults_of_reallocating()
    with keep_freed_memory():
        inside = faults_of_reallocating()
    again = faults_of_reallocating()
    assert inside < outside / 10
    assert again > outside / 2


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with keep_freed_memory():
        assert torch.ones(3).sum() == 3
