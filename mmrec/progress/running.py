"""The running trials, and how far the run has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mmrec.execution.trial import TrialSpec
from mmrec.models import ModelConfig
from mmrec.runs.records import TrialRecord
from mmrec.text import value_text
from mmrec.training.objective import LOSS
from mmrec.training.protocol import EpochRecord


@dataclass(eq=False)
class RunningTrial:
    """A trial that has started and not ended."""

    spec: TrialSpec
    number: int
    """Its place among the trials that this session starts, from 1."""
    total: int
    """The number of trials, at most."""
    started: float
    """By the clock of the session."""
    epoch: int = 0
    """The last epoch that ended."""
    resumed_at: int = 0
    """The last epoch of an earlier session."""
    loss: float | None = None
    value: float | None = None
    """The objective at the last evaluation."""
    best: float | None = None
    best_epoch: int = 0
    earlier_rate: float | None = None
    """Its seconds for an epoch before its worker died."""
    _first_end: float = 0.0
    """When its first epoch of this session ended."""
    _last_end: float = 0.0

    @property
    def title(self) -> str:
        """Its number and name."""
        return f"[{self.number}/{self.total}] {self.spec.name}"

    @property
    def epochs(self) -> int:
        """The number of epochs, at most; 0 if nothing is trained."""
        config = self.spec.config
        return config.epochs if isinstance(config, ModelConfig) else 0

    @property
    def share(self) -> float:
        """The share of this session's work on it that is done, from 0 to 1."""
        if not self.epoch:
            return 0.0
        return (self.epoch - self.resumed_at) / (self.epochs - self.resumed_at)

    @property
    def n_epochs(self) -> int:
        """The number of epochs of this session."""
        return self.epoch - self.resumed_at

    @property
    def rate(self) -> float | None:
        """Its seconds for an epoch; None until two have ended, since the first one has a start."""
        if self.n_epochs < 2:
            return self.earlier_rate
        return (self._last_end - self._first_end) / (self.n_epochs - 1)

    def end_epoch(self, epoch: int, loss: float, record: EpochRecord | None, now: float) -> None:
        """Record the end of an epoch at a time of the session's clock."""
        if self.epoch == 0:
            self.resumed_at, self._first_end = epoch - 1, now
        self._last_end = now
        self.epoch, self.loss = epoch, loss
        objective = self.spec.protocol.objective
        value = None if record is None else objective.value(record.loss, record.validation)
        if value is not None:
            self.value = value
            if objective.is_better(value, self.best):
                self.best, self.best_epoch = value, epoch

    def figures(self) -> str:
        """Return the loss, the validation figure and the best one so far, where they are known."""
        label = self.spec.protocol.objective.label
        figures = [] if self.loss is None else [f"loss {self.loss:.4f}"]
        if self.value is not None and label != LOSS:
            figures.append(f"validation {label} {self.value:.4f}")
        if self.best is not None:
            figures.append(f"best {self.best:.4f} (epoch {self.best_epoch})")
        return ", ".join(figures)

    def epoch_line(self) -> str:
        """Describe the last epoch."""
        line = f"{self.title}: epoch {self.epoch}/{self.epochs}"
        figures = self.figures()
        return f"{line}, {figures}" if figures else line

    def outcome_line(self, record: TrialRecord, shown: Sequence[str] = ()) -> str:
        """Describe the result.

        Args:
            record: of the trial.
            shown: the hyper-parameters whose values to include; all if the trial has failed.
        """
        values = record.parameters
        if record.error is not None:
            return (
                f"{self.title}: failed: {record.error} ({record.seconds:.1f} s); "
                f"{_settings(record.fold, values)}"
            )
        label = self.spec.protocol.objective.label
        facts = [] if record.pruned_at is None else [f"pruned after epoch {record.pruned_at}"]
        if record.best_epoch:  # 0 if the model is not trained in epochs
            facts.append(f"best epoch {record.best_epoch}")
        if label in record.validation:
            facts.append(f"validation {label} {record.validation[label]:.4f}")
        settings = _settings(record.fold, {key: values[key] for key in shown if key in values})
        outcome = f"{', '.join(facts) or 'finished'} ({record.seconds:.1f} s)"
        return f"{self.title}: {settings}{'; ' if settings else ''}{outcome}"


def _settings(fold: str, values: Mapping[str, object]) -> str:
    texts = [f"{key} {value_text(value)}" for key, value in values.items()]
    return ", ".join([f"fold {fold}", *texts] if fold else texts)


@dataclass(eq=False)
class RunProgress:
    """How far a session of a run has come."""

    expected: Mapping[str, int]
    """The number of trials of each trained model that this session runs, at most."""
    clock: Callable[[], float]
    """Returns seconds."""
    running: dict[str, RunningTrial] = field(default_factory=dict)
    """By trial_id, in the order of their start."""
    best: dict[str, tuple[float, str]] = field(default_factory=dict)
    """By label of the objective, the best value of a finished trial and the trial's name."""
    _ended: Counter[str] = field(default_factory=Counter)
    """The number of ended trials of each model."""
    _seconds: dict[str, float] = field(default_factory=dict)
    """Their duration, as if each had run in this session alone."""
    _most_running: int = 1
    """The most trials that ran at the same time."""

    @property
    def n_ended(self) -> int:
        """The number of trials that have ended."""
        return self._ended.total()

    @property
    def n_done(self) -> float:
        """The same with the running trials, each counted by the share that is done."""
        return self.n_ended + sum(trial.share for trial in self.running.values())

    def start(self, spec: TrialSpec, number: int, total: int) -> RunningTrial:
        """Record the start of a trial."""
        earlier = self.running.get(spec.trial_id)
        rate = None if earlier is None else earlier.rate
        trial = RunningTrial(spec, number, total, self.clock(), earlier_rate=rate)
        self.running[spec.trial_id] = trial
        self._most_running = max(self._most_running, len(self.running))
        return trial

    def end(self, record: TrialRecord) -> RunningTrial:
        """Record the end of a trial."""
        trial = self.running.pop(record.trial_id)
        model = trial.spec.model
        self._ended[model] += 1
        seconds = self.clock() - trial.started
        if trial.resumed_at:
            seconds *= trial.epoch / trial.n_epochs
        self._seconds[model] = self._seconds.get(model, 0.0) + seconds
        objective = trial.spec.protocol.objective
        value = objective.value(trial.best, record.validation)
        if record.error is None and value is not None:
            best, _ = self.best.get(objective.label, (None, ""))
            if objective.is_better(value, best):
                self.best[objective.label] = (value, record.name)
        return trial

    def seconds_left(self) -> float | None:
        """Estimate the time left from the rate of each running trial and the mean of each model.

        The mean is that of the model's trials so far, running ones by the share of their epochs. A
        model without any counts with the mean of the other models, one that is not trained with no
        time. None before a trial has a rate or has ended.
        """
        done: dict[str, float] = dict(self._ended)
        seconds = dict(self._seconds)
        for trial in self.running.values():
            if trial.rate is not None and trial.n_epochs:
                model = trial.spec.model
                done[model] = done.get(model, 0.0) + trial.n_epochs / trial.epochs
                seconds[model] = seconds.get(model, 0.0) + trial.n_epochs * trial.rate
        means = {model: seconds[model] / done[model] for model in self.expected if done.get(model)}
        rated = [trial for trial in self.running.values() if trial.rate is not None]
        if not means and not rated:
            return None
        left = sum((trial.epochs - trial.epoch) * (trial.rate or 0.0) for trial in rated)
        of_others = fmean(means.values()) if means else 0.0
        others = Counter(self.expected)
        others.subtract(self._ended)
        others.subtract(trial.spec.model for trial in rated)
        for model in self.expected:
            left += max(0, others[model]) * means.get(model, of_others)
        return left / self._most_running
