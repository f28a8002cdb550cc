"""How a run goes on: bars on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from mmrec.execution.trial import TrialSpec
from mmrec.progress.cell import Cell, is_in_notebook
from mmrec.progress.state import State, outcome_line
from mmrec.progress.views import LINE_EVERY, Bars, Lines, View, say
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord

__all__ = ["LINE_EVERY", "Progress"]


class Progress:
    """Shows how the trials go on: a bar over them and one over the epochs of those under way.

    Where bars cannot be drawn, each trial that ends is a line on standard error, and a long trial
    one in half a minute.

    Args:
        enabled: False shows nothing.
        verbose: also keep a line of every evaluated epoch and of every trial that ends.
        expected: how many trials of each model that is trained there are to run, at most; what the
            time that is left is reckoned from.
        clock: seconds that pass; for tests.
    """

    def __init__(
        self,
        *,
        enabled: bool,
        verbose: bool = False,
        expected: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = State(expected or {}, clock)
        self._view: View | None = None
        if enabled:
            self._view = _make_view(clock, verbose=verbose)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._view is not None:
            self._view.close()

    def say(self, text: str) -> None:
        """Print something that stays, such as the plan of the run."""
        if self._view is not None:
            say(text)

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """Show the trial's name and room for its epochs."""
        trial = self._state.start(spec, number, total)
        if self._view is not None:
            self._view.show(self._state, trial)

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """Move on, with the loss, the last validation figure and the best one so far."""
        trial = self._state.under_way[spec.trial_id]
        trial.note(epoch, loss, record)
        if self._view is not None:
            self._view.show(self._state, trial, evaluated=record is not None)

    def trial_ended(self, record: TrialRecord) -> None:
        """Move on to the next trial."""
        trial = self._state.end(record)
        if self._view is not None:
            self._view.ended(self._state, trial, outcome_line(record, trial))


def _make_view(clock: Callable[[], float], *, verbose: bool) -> View:
    if is_in_notebook():
        return Bars(verbose=verbose, make_bar=Cell().bar)
    return Bars(verbose=verbose) if sys.stderr.isatty() else Lines(clock, verbose=verbose)
