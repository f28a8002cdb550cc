"""How a run goes on: bars on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm

from mmrec.models import ModelConfig
from mmrec.search import TrialRecord, TrialSpec
from mmrec.training import EpochRecord


class Progress:
    """Shows a bar over the trials and one over the epochs of the trial that runs.

    Where bars cannot be drawn, each trial that ends is a line on standard error.

    Args:
        enabled: False shows nothing.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._bars = enabled and (sys.stderr.isatty() or "ipykernel" in sys.modules)
        self._lines = enabled and not self._bars
        self._trials: tqdm[Any] | None = None
        self._epochs: tqdm[Any] | None = None
        self._place = self._label = self._figure = ""

    def __enter__(self) -> Progress:
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
        self._place, self._label = f"[{number}/{total}]", spec.protocol.select_by
        self._figure = ""
        if not self._bars:
            return
        if self._trials is None:
            self._trials = tqdm(total=total, desc="trials", unit="trial")
        self._trials.set_postfix_str(spec.name)
        if isinstance(spec.config, ModelConfig):
            self._epochs = tqdm(total=spec.config.epochs, desc=spec.name, unit="epoch", leave=False)

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """Move the epochs' bar on, with the loss and the last validation figure."""
        if self._epochs is None:
            return
        if record is not None:
            self._figure = _figure(self._label, record.validation)
        self._epochs.set_postfix_str(f"loss {loss:.4f}{self._figure}")
        self._epochs.update()

    def trial_ended(self, record: TrialRecord) -> None:
        """Move the trials' bar on, or print the line of the trial."""
        if self._epochs is not None:
            self._epochs.close()
            self._epochs = None
        if self._trials is not None:
            self._trials.update()
        if self._lines:
            ended = "" if record.pruned_at is None else f"pruned after epoch {record.pruned_at}, "
            outcome = record.error or f"{ended}best epoch {record.best_epoch}" + _figure(
                self._label, record.validation
            )
            print(
                f"{self._place} {record.name}: {outcome} ({record.seconds:.1f} s)", file=sys.stderr
            )


def _figure(label: str, figures: dict[str, float]) -> str:
    return f", validation {label} {figures[label]:.4f}" if label in figures else ""
