"""The state of an unfinished training on disk: enough to go on with the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec.evaluation import Ranking
from mmrec.files import write_through
from mmrec.training.protocol import EpochRecord, Evaluated

FORMAT = 3
"""Raised whenever the content changes; a file of another format is as good as none."""


SPARING_S = 30.0
"""Wide features make a checkpoint of gigabytes; what is lost in a crash is at most so long."""


@dataclass(eq=False)
class TrainingState:
    """How far a training has come, apart from the model's and the optimiser's tensors."""

    epoch: int = 1
    """The epoch that runs or is to run next, counted from 1."""
    step_losses: list[Tensor] = field(default_factory=list)
    """Losses of the steps taken in that epoch, scalars on the device."""
    losses: list[float] = field(default_factory=list)
    """Mean losses of the epochs that have ended."""
    history: list[EpochRecord] = field(default_factory=list)
    """The evaluated epochs."""
    best: Evaluated | None = None
    best_state: dict[str, Tensor] = field(default_factory=dict)
    """The model's state at the best epoch, on the CPU."""

    def to_plain(self) -> dict[str, Any]:
        """Return tensors and plain values only, as :func:`torch.load` reads without unpickling."""
        return {
            "epoch": self.epoch,
            "step_losses": [loss.cpu() for loss in self.step_losses],
            "losses": self.losses,
            "history": [asdict(record) for record in self.history],
            "best": None if self.best is None else _plain_evaluated(self.best),
            "best_state": self.best_state,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], device: torch.device) -> TrainingState:
        """Undo :meth:`to_plain`."""
        return cls(
            epoch=plain["epoch"],
            step_losses=[loss.to(device) for loss in plain["step_losses"]],
            losses=plain["losses"],
            history=[EpochRecord(**record) for record in plain["history"]],
            best=None if plain["best"] is None else _evaluated(plain["best"]),
            best_state=plain["best_state"],
        )


def _plain_evaluated(evaluated: Evaluated) -> dict[str, Any]:
    return {
        "record": asdict(evaluated.record),
        "items": torch.from_numpy(evaluated.ranking.items),
        "scores": torch.from_numpy(evaluated.ranking.scores),
        "per_user": {k: torch.from_numpy(v) for k, v in evaluated.test_per_user.items()},
    }


def _evaluated(plain: dict[str, Any]) -> Evaluated:
    return Evaluated(
        EpochRecord(**plain["record"]),
        Ranking(plain["items"].numpy(), plain["scores"].numpy()),
        {label: values.numpy() for label, values in plain["per_user"].items()},
    )


class Checkpoint:
    """One file that is replaced, atomically, by each newer state.

    Args:
        path: of the file; its folder is made when it is needed.
        rate: epochs from one checkpoint to the next; None for one at each evaluation, but not
            within ``SPARING_S`` seconds of the last one.
        now: the seconds of a clock; without one every evaluation is followed by a checkpoint.
    """

    def __init__(
        self, path: Path, rate: int | None = None, now: Callable[[], float] | None = None
    ) -> None:
        self.path = path
        self.rate = rate
        self._now = now or itertools.count(step=SPARING_S).__next__
        self._saved_at = self._now()

    def is_due(self, epoch: int, *, evaluated: bool) -> bool:
        """Say whether to save after an epoch."""
        if self.rate is None:
            return evaluated and self._now() - self._saved_at >= SPARING_S
        return epoch % self.rate == 0

    def save(self, content: dict[str, Any]) -> None:
        """Replace the file.

        Raises:
            DataError: it cannot be written; the earlier one is intact.
        """
        write_through(self.path, lambda file: torch.save({"format": FORMAT} | content, file))
        self._saved_at = self._now()

    def load(self) -> dict[str, Any] | None:
        """Return the last saved content on the CPU, or None if there is none that can be used.

        A file that cannot be read, or of another format, is as good as none: the trial then
        starts from its beginning and comes to the same result.
        """
        if not self.path.exists():
            return None
        try:
            content: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            return content if content["format"] == FORMAT else None
        except Exception:  # torch raises half a dozen kinds for a damaged file
            return None

    def remove(self) -> None:
        """Delete the file, once the trial's result is kept elsewhere."""
        self.path.unlink(missing_ok=True)
