"""The trials that are under way, as far as is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mmrec.execution.trial import TrialSpec
from mmrec.models import ModelConfig
from mmrec.runs.records import TrialRecord
from mmrec.training.objective import LOSS
from mmrec.training.protocol import EpochRecord


@dataclass(eq=False)
class Running:
    """A trial that is under way."""

    spec: TrialSpec
    number: int
    """Of the trials that this session starts, from 1."""
    total: int
    """How many trials there are, at most."""
    started: float
    """When it was started, by the clock of the state."""
    epoch: int = 0
    """The last epoch that ended."""
    first: int = 0
    """The epoch that the session found it at."""
    loss: float | None = None
    value: float | None = None
    """What it is selected by, at its last evaluation."""
    best: float | None = None
    best_epoch: int = 0
    is_over: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs it has, at most; 0 if nothing is trained."""
        config = self.spec.config
        return config.epochs if isinstance(config, ModelConfig) else 0

    @property
    def share(self) -> float:
        """How much of what this session has to do for it is done, from 0 to 1."""
        return (self.epoch - self.first) / (self.epochs - self.first) if self.epoch else 0.0

    def note(self, epoch: int, loss: float, record: EpochRecord | None) -> None:
        """Take in the end of an epoch."""
        if self.epoch == 0:
            self.first = epoch - 1
        self.epoch, self.loss = epoch, loss
        objective = self.spec.protocol.objective
        value = None if record is None else objective.value(record.loss, record.validation)
        if value is not None:
            self.value = value
            if objective.is_better(value, self.best):
                self.best, self.best_epoch = value, epoch

    def figures(self) -> str:
        """Return loss, validation figure and best so far, as far as they are known."""
        label = self.spec.protocol.objective.label
        told = [] if self.loss is None else [f"loss {self.loss:.4f}"]
        if self.value is not None and label != LOSS:
            told.append(f"validation {label} {self.value:.4f}")
        if self.best is not None:
            told.append(f"best {self.best:.4f} (epoch {self.best_epoch})")
        return ", ".join(told)


@dataclass(eq=False)
class State:
    """How far a run has come."""

    expected: Mapping[str, int]
    """How many trials of each model that is trained this session has to run, at most."""
    clock: Callable[[], float]
    """Seconds that pass."""
    under_way: dict[str, Running] = field(default_factory=dict)
    """By trial_id, in the order of their start."""
    best: dict[str, tuple[float, str]] = field(default_factory=dict)
    """By what is selected by, the best value of a trial that has ended, and the trial's name."""
    _ended: Counter[str] = field(default_factory=Counter)
    """Trials of each model."""
    _seconds: dict[str, float] = field(default_factory=dict)
    """What they took."""
    _since: float | None = None
    """When the first trial was started."""

    def start(self, spec: TrialSpec, number: int, total: int) -> Running:
        """Take in the start of a trial, and return it."""
        now = self.clock()
        self._since = now if self._since is None else self._since
        trial = self.under_way[spec.trial_id] = Running(spec, number, total, now)
        return trial

    @property
    def n_ended(self) -> int:
        """How many trials have ended."""
        return self._ended.total()

    @property
    def done(self) -> float:
        """How many trials are done, those under way by the share of their epochs."""
        return self.n_ended + sum(trial.share for trial in self.under_way.values())

    def seconds_left(self) -> float | None:
        """Return how long the session may still take; None before there is anything to go by.

        Trials of a model are taken to last as long as those before them, trials of a model that
        none has been seen of as long as the mean of the others; what is not trained takes no time.
        """
        now = self.clock()
        done: dict[str, float] = dict(self._ended)
        seconds = dict(self._seconds)
        for trial in self.under_way.values():
            model = trial.spec.model
            done[model] = done.get(model, 0.0) + trial.share
            seconds[model] = seconds.get(model, 0.0) + now - trial.started
        rates = {m: seconds[m] / done[m] for m in self.expected if done.get(m)}
        if not rates or self._since is None or now == self._since:
            return None
        mean = sum(rates.values()) / len(rates)
        left = sum(
            max(0.0, n_trials - done.get(model, 0.0)) * rates.get(model, mean)
            for model, n_trials in self.expected.items()
        )
        n_side_by_side = sum(seconds.values()) / (now - self._since)
        return left / n_side_by_side

    def end(self, record: TrialRecord) -> Running:
        """Take in the end of a trial, and return it."""
        trial = self.under_way.pop(record.trial_id)
        trial.is_over = True
        model = trial.spec.model
        self._ended[model] += 1
        self._seconds[model] = self._seconds.get(model, 0.0) + self.clock() - trial.started
        objective = trial.spec.protocol.objective
        value = objective.value(trial.best, record.validation)
        if record.error is None and value is not None:
            best, _ = self.best.get(objective.label, (None, ""))
            if objective.is_better(value, best):
                self.best[objective.label] = (value, record.name)
        return trial


def place(trial: Running) -> str:
    """Return number and name of a trial."""
    return f"[{trial.number}/{trial.total}] {trial.spec.name}"


def epoch_line(trial: Running) -> str:
    """Return the line about an epoch that has ended."""
    figures = trial.figures()
    told = f"{place(trial)}: epoch {trial.epoch}/{trial.epochs}"
    return f"{told}, {figures}" if figures else told


def outcome_line(record: TrialRecord, trial: Running) -> str:
    """Return the line about a trial that has ended."""
    label = trial.spec.protocol.objective.label
    ended = "" if record.pruned_at is None else f"pruned after epoch {record.pruned_at}, "
    figure = record.validation.get(label)
    told = "" if figure is None else f", validation {label} {figure:.4f}"
    outcome = record.error or f"{ended}best epoch {record.best_epoch}{told}"
    return f"{place(trial)}: {outcome} ({record.seconds:.1f} s)"
