"""Progress as two bars, one over the trials and one over the epochs of the running trials."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from mmrec.progress.running import RunningTrial, RunProgress
from mmrec.progress.streams import Streams, say

_EPOCHS = "{desc} |{bar}| {elapsed}<{remaining}{postfix}"
# tqdm would estimate the time left from all trials alike, whatever their model.
_TRIALS = "{{desc}} |{{bar}}| {{elapsed}}<{left}{{postfix}}"


def is_terminal() -> bool:
    """Return whether standard error is a terminal; a closed one is none."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def interval(seconds: float | None) -> str:
    """Return minutes and seconds; empty for 0 and None."""
    return tqdm.format_interval(seconds) if seconds else ""


class Bars:
    """Draws the bars.

    Args:
        verbose: also print a line for each evaluated epoch.
        make_bar: called like tqdm; by default, bars on the terminal.
    """

    def __init__(self, *, verbose: bool, make_bar: Callable[..., tqdm[Any]] | None = None) -> None:
        self._verbose, self._make_bar = verbose, make_bar or tqdm
        self._streams = Streams() if make_bar is None else None
        self._trials: tqdm[Any] | None = None
        self._epochs: tqdm[Any] | None = None
        self._epochs_before = 0
        """Epochs of this session that had ended when the lower bar was made."""

    def update(self, run: RunProgress, trial: RunningTrial, *, evaluated: bool = False) -> None:
        """Draw a trial that has started, or an epoch that has ended and may be evaluated."""
        if evaluated and self._verbose:
            say(trial.epoch_line())
        self._draw_trials(run, trial)
        if trial.epochs:
            if not trial.epoch:
                self._close_epochs()
            self._draw_epochs(run, trial)

    def end(self, run: RunProgress, trial: RunningTrial, outcome: str) -> None:
        """Draw the end of a trial, which leaves a line."""
        say(outcome)
        self._draw_trials(run, trial)
        self._close_epochs()

    def close(self) -> None:
        """Remove the bars."""
        if self._streams is not None:
            self._streams.close()
        self._close_epochs()
        if self._trials is not None:
            self._trials.refresh()  # the last update may have come too soon to be drawn
            self._trials.close()

    def _draw_trials(self, run: RunProgress, trial: RunningTrial) -> None:
        bar = self._trials = self._trials or self._bar(position=0)
        bar.total = trial.total
        bar.bar_format = _TRIALS.format(left=interval(run.seconds_left()) or "?")
        label = trial.spec.protocol.objective.label
        best = run.best.get(label)
        postfix = f"best {label} {best[0]:.4f} ({best[1]})" if best else ""
        _draw(bar, run.n_done, f"trials {run.n_ended}/{trial.total}", postfix)

    def _draw_epochs(self, run: RunProgress, trial: RunningTrial) -> None:
        trials = [running for running in run.running.values() if running.epochs]
        n_done, resumed = sum(t.epoch for t in trials), sum(t.resumed_at for t in trials)
        if self._epochs is None:
            self._epochs, self._epochs_before = self._bar(position=1), n_done - resumed
        bar = self._epochs
        bar.total = sum(running.epochs for running in trials)
        bar.initial = resumed + self._epochs_before
        if len(trials) == 1:
            _draw(bar, n_done, f"{trial.spec.name} {n_done}/{bar.total}", trial.figures())
        else:
            text = f"{len(trials)} trials, epoch {n_done}/{bar.total}"
            _draw(bar, n_done, text, trial.epoch_line())

    def _bar(self, *, position: int) -> tqdm[Any]:
        terminal: dict[str, Any] = {}
        if self._streams is not None:
            terminal["file"] = self._streams.terminal
        return self._make_bar(
            **terminal,
            bar_format=_EPOCHS,
            position=position,
            leave=False,
            smoothing=0,  # the rate of all the time, since epochs with an evaluation take longer
            miniters=0,
            dynamic_ncols=True,
        )

    def _close_epochs(self) -> None:
        if self._epochs is not None:
            self._epochs.close()
            self._epochs = None


def _draw(bar: tqdm[Any], n_done: float, description: str, postfix: str) -> None:
    bar.set_description_str(description, refresh=False)
    bar.set_postfix_str(postfix, refresh=False)
    bar.update(n_done - bar.n)  # tqdm draws ten times a second at most
