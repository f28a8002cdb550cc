"""Shows the progress of a run: bars on a terminal or in a notebook, otherwise plain lines."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from mmrec.execution.trial import TrialSpec
from mmrec.models import Model
from mmrec.planning.plan import Plan
from mmrec.progress.bars import Bars, interval, is_terminal
from mmrec.progress.notebook import NotebookArea, is_in_notebook
from mmrec.progress.running import RunningTrial, RunProgress
from mmrec.progress.streams import say
from mmrec.runs.log import SHOWN
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord

LINE_EVERY = 30.0
"""Seconds between two lines about epochs, where there are no bars."""


class Progress:
    """Shows a line for each trial that ends, and what is running.

    The latter is a bar over the trials and one over the epochs of the running trials. Where bars
    cannot be drawn, it is a line every half a minute for the epochs of a long trial.

    Args:
        enabled: False shows nothing.
        verbose: also print a line for each evaluated epoch.
        expected: the number of trials of each trained model, at most; the estimate of the time
            left needs it.
        searched: the hyper-parameters of each model that the line of a trial contains.
        log: receives the line of each trial, too.
        clock: returns seconds; for tests.
    """

    def __init__(
        self,
        *,
        enabled: bool,
        verbose: bool = False,
        expected: Mapping[str, int] | None = None,
        searched: Mapping[str, Sequence[str]] | None = None,
        log: logging.Logger | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = RunProgress(expected or {}, clock)
        self._searched, self._log = searched or {}, log
        self._display: Bars | _Lines | None = None
        if enabled and is_in_notebook():
            self._display = Bars(verbose=verbose, make_bar=NotebookArea().bar)
        elif enabled:
            self._display = Bars(verbose=verbose) if is_terminal() else _Lines(verbose=verbose)

    @classmethod
    def of(
        cls,
        plan: Plan,
        ended: Sequence[TrialRecord],
        *,
        enabled: bool,
        verbose: bool,
        log: logging.Logger,
    ) -> Progress:
        """Return the display of a run.

        Args:
            plan: of the run.
            ended: the trials of earlier sessions.
            enabled: see the class.
            verbose: see the class.
            log: see the class.
        """
        left: Counter[str] = Counter()
        for model in plan.models:
            if issubclass(model.recommender, Model):
                left[model.key] += model.n_trials
        left.subtract(record.model for record in ended if record.model in left)
        searched = {
            model.key: [*model.searched, *(["seed"] if len(model.seeds) > 1 else [])]
            for model in plan.models
        }
        return cls(enabled=enabled, verbose=verbose, expected=left, searched=searched, log=log)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._display.close()

    def say(self, text: str) -> None:
        """Print lines that stay, such as the plan of the run."""
        if self._display is not None:
            say(text)

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """Show that a trial starts, the ``number``-th of ``total``."""
        trial = self._run.start(spec, number, total)
        if self._display is not None:
            self._display.update(self._run, trial)

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """Show the loss, the last validation figure and the best one so far."""
        trial = self._run.running[spec.trial_id]
        trial.end_epoch(epoch, loss, record, self._run.clock())
        if self._display is not None:
            self._display.update(self._run, trial, evaluated=record is not None)

    def trial_ended(self, record: TrialRecord) -> None:
        """Show the outcome of a trial."""
        trial = self._run.end(record)
        outcome = trial.outcome_line(record, self._searched.get(record.model, ()))
        if self._display is not None:
            self._display.end(self._run, trial, outcome)
        if self._log is not None:
            level = logging.INFO if record.error is None else logging.ERROR
            extra = None if self._display is None else SHOWN
            self._log.log(level, "%s", outcome, extra=extra)


class _Lines:
    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._printed: float | None = None
        """When the last line was printed."""

    def update(self, run: RunProgress, trial: RunningTrial, *, evaluated: bool = False) -> None:
        now = run.clock()
        self._printed = now if self._printed is None else self._printed
        is_due = now - self._printed >= LINE_EVERY or (evaluated and self._verbose)
        if trial.epoch and is_due:
            self._printed = now
            left = interval(run.seconds_left())
            say(trial.epoch_line() + (f"; about {left} left" if left else ""))

    def end(self, run: RunProgress, trial: RunningTrial, outcome: str) -> None:
        self._printed = run.clock()
        say(outcome)

    def close(self) -> None:
        pass
