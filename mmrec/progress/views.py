"""The two ways of showing how a run goes on: bars, and plain lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from tqdm import tqdm

from mmrec.progress.state import Running, State, epoch_line

LINE_EVERY = 30.0
"""Seconds between two lines about the epochs, where there are no bars."""

_BAR = "{desc} |{bar}| {elapsed}<{remaining}{postfix}"
_BAR_OF_TRIALS = "{{desc}} |{{bar}}| {{elapsed}}<{left}{{postfix}}"
"""Trials of several models take so different times that tqdm's own guess is no use."""


def say(text: str) -> None:
    """Print something that stays on standard error, above the bars if there are any."""
    tqdm.write(text, file=sys.stderr)


class View(Protocol):
    """Shows what :class:`~mmrec.progress.Progress` knows."""

    def show(self, state: State, trial: Running, *, evaluated: bool = False) -> None:
        """A trial has begun, or an epoch of it has ended and perhaps been evaluated."""

    def ended(self, state: State, trial: Running, outcome: str) -> None:
        """A trial has ended."""

    def close(self) -> None:
        """There is nothing more to show."""


class Bars:
    """Two bars: the trials, and the epochs of those that are under way.

    Args:
        verbose: also keep a line of every evaluated epoch and of every trial that ends.
        make_bar: is called as tqdm is.
    """

    def __init__(self, *, verbose: bool, make_bar: Callable[..., tqdm[Any]] = tqdm) -> None:
        self._verbose, self._make_bar = verbose, make_bar
        self._trials: tqdm[Any] | None = None
        self._epochs: tqdm[Any] | None = None
        self._shown: list[Running] = []
        """The trials whose epochs the lower bar counts; some of them may be over."""

    def show(self, state: State, trial: Running, *, evaluated: bool = False) -> None:
        """See :meth:`View.show`."""
        if evaluated and self._verbose:
            say(epoch_line(trial))
        self._show_trials(state, trial)
        if trial.epochs:
            self._show_epochs(trial)

    def ended(self, state: State, trial: Running, outcome: str) -> None:
        """See :meth:`View.ended`."""
        if self._verbose:
            say(outcome)
        self._show_trials(state, trial)
        if all(shown.is_over for shown in self._shown):
            self._end_epochs()

    def close(self) -> None:
        """Take the bars away."""
        self._end_epochs()
        if self._trials is not None:
            self._trials.refresh()  # the last move may have come too soon to be drawn
            self._trials.close()

    def _show_trials(self, state: State, trial: Running) -> None:
        bar = self._trials = self._trials or self._bar("trials", trial.total, position=0)
        bar.total = trial.total
        label = trial.spec.protocol.objective.label
        best = state.best.get(label)
        bar.bar_format = _BAR_OF_TRIALS.format(left=_told(state.seconds_left()) or "?")
        bar.set_description_str(f"trials {state.n_ended}/{trial.total}", refresh=False)
        bar.set_postfix_str(f"best {label} {best[0]:.4f} ({best[1]})" if best else "", False)
        _move(bar, state.done)

    def _show_epochs(self, trial: Running) -> None:
        if not any(shown is trial for shown in self._shown):
            self._shown.append(trial)
        bar = self._epochs = self._epochs or self._bar("epochs", trial.epochs, position=1)
        bar.total = sum(t.epoch if t.is_over else t.epochs for t in self._shown)
        bar.initial = sum(t.first for t in self._shown)
        training = [shown for shown in self._shown if not shown.is_over]
        n_done = sum(t.epoch for t in self._shown)
        if len(training) == 1 == len(self._shown):
            bar.set_description_str(f"{trial.spec.name} {n_done}/{bar.total}", refresh=False)
            bar.set_postfix_str(trial.figures(), refresh=False)
        else:
            bar.set_description_str(f"{len(training)} at a time {n_done}/{bar.total}", False)
            bar.set_postfix_str(epoch_line(trial), refresh=False)
        _move(bar, n_done)

    def _bar(self, name: str, total: int, *, position: int) -> tqdm[Any]:
        # The rate of all the time, since trials and epochs that follow each other differ.
        return self._make_bar(
            desc=name,
            total=total,
            bar_format=_BAR,
            position=position,
            leave=False,
            smoothing=0,
            miniters=0,
            dynamic_ncols=True,
        )

    def _end_epochs(self) -> None:
        self._shown = []
        if self._epochs is not None:
            self._epochs.close()
            self._epochs = None


class Lines:
    """A line for each trial that ends, and now and then one for the epochs of a long one."""

    def __init__(self, clock: Callable[[], float], *, verbose: bool) -> None:
        self._verbose, self._clock = verbose, clock
        self._told = clock()

    def show(self, state: State, trial: Running, *, evaluated: bool = False) -> None:
        """See :meth:`View.show`."""
        now = self._clock()
        is_due = now - self._told >= LINE_EVERY or (evaluated and self._verbose)
        if trial.epoch and is_due:
            self._told = now
            left = _told(state.seconds_left())
            say(epoch_line(trial) + (f"; about {left} left" if left else ""))

    def ended(self, state: State, trial: Running, outcome: str) -> None:
        """See :meth:`View.ended`."""
        self._told = self._clock()
        say(outcome)

    def close(self) -> None:
        """Lines stay."""


def _told(seconds: float | None) -> str:
    """Return minutes and seconds; nothing if there are none, or if they are not known."""
    return tqdm.format_interval(seconds) if seconds else ""


def _move(bar: tqdm[Any], done: float) -> None:
    bar.update(done - bar.n)  # tqdm counts fractions too, and draws ten times in a second at most
