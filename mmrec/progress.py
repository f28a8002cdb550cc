"""Progress bars: one over the trials, one over the epochs of the trial that runs."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from tqdm.auto import tqdm

from mmrec.models import ModelConfig
from mmrec.search import TrialRecord, TrialSpec
from mmrec.training import EpochRecord


class ProgressBars:
    """Shows how a run goes on; on a stream that is no terminal tqdm prints plain lines.

    Args:
        enabled: False shows nothing.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._trials: tqdm[Any] | None = None
        self._epochs: tqdm[Any] | None = None
        self._best = ""

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for bar in (self._epochs, self._trials):
            if bar is not None:
                bar.close()

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """Show the trial's name and a fresh bar for its epochs."""
        if self._trials is None:
            self._trials = tqdm(total=total, desc="trials", unit="trial", disable=not self._enabled)
        self._trials.set_postfix_str(spec.name)
        self._best = ""
        if isinstance(spec.config, ModelConfig):
            self._epochs = tqdm(
                total=spec.config.epochs,
                desc=spec.name,
                unit="epoch",
                leave=False,
                disable=not self._enabled,
            )

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """Move the epochs' bar on, with the loss and the last validation figure."""
        if self._epochs is None:
            return
        label = spec.protocol.select_by
        if record is not None and label in record.validation:
            self._best = f", validation {label} {record.validation[label]:.4f}"
        self._epochs.set_postfix_str(f"loss {loss:.4f}{self._best}")
        self._epochs.update()

    def trial_ended(self, record: TrialRecord) -> None:
        """Move the trials' bar on."""
        if self._epochs is not None:
            self._epochs.close()
            self._epochs = None
        if self._trials is not None:
            self._trials.update()
