"""Interrupting a run at a given moment."""

from __future__ import annotations

import signal

import pytest

from mmrec.search import StopRequest


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Make runs believe that SIGINT came during their ``steps``-th optimisation step."""
    asked: list[StopRequest] = []

    def stop(request: StopRequest) -> bool:
        asked.append(request)
        if len(asked) == steps:
            request.signal = signal.SIGINT
        return len(asked) >= steps

    monkeypatch.setattr(StopRequest, "__call__", stop)
