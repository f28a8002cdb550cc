"""The state of an unfinished training on disk: enough to resume bit for bit."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from mmrec.evaluation import Ranking
from mmrec.files import regular, write_through
from mmrec.training.protocol import EpochRecord, Evaluated

logger = logging.getLogger(__name__)

FORMAT = 6
"""Raised whenever the content changes; a file of another format is ignored."""

_PART = 1 << 22
"""Bytes that are read at a time."""

SPARING_S = 30.0
"""Seconds of training that a crash loses at most; wide features make checkpoints of gigabytes."""


@dataclass(eq=False)
class TrainingState:
    """The progress of a training, without the tensors of the model and of the optimisers."""

    epoch: int = 1
    """The current or next epoch, counted from 1."""
    step_losses: list[Tensor] = field(default_factory=list)
    """Losses of the steps taken in that epoch, scalars on the device."""
    step_terms: dict[str, list[Tensor]] = field(default_factory=dict)
    """The named terms of these losses, in their order; empty if the loss has no names."""
    losses: list[float] = field(default_factory=list)
    """Mean losses of the epochs that have ended."""
    history: list[EpochRecord] = field(default_factory=list)
    """The evaluated epochs, in order."""
    best: Evaluated | None = None
    best_state: dict[str, Tensor] = field(default_factory=dict)
    """The model's state at the best epoch, on the CPU."""

    def to_plain(self) -> dict[str, Any]:
        """Return tensors and plain values only, as :func:`torch.load` reads without unpickling."""
        return {
            "epoch": self.epoch,
            "step_losses": [loss.cpu() for loss in self.step_losses],
            "step_terms": {k: [x.cpu() for x in terms] for k, terms in self.step_terms.items()},
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
            step_terms={
                name: [term.to(device) for term in terms]
                for name, terms in plain["step_terms"].items()
            },
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
    }


def _evaluated(plain: dict[str, Any]) -> Evaluated:
    return Evaluated(
        EpochRecord(**plain["record"]),
        Ranking(plain["items"].numpy(), plain["scores"].numpy()),
    )


class Checkpoint:
    """One file that each newer state replaces atomically.

    Args:
        path: of the file; its folder is created when needed.
        rate: epochs from one checkpoint to the next; None for one at each evaluation, but not
            within ``SPARING_S`` seconds of the last one.
        now: the seconds of a clock; without a clock every evaluation is followed by a checkpoint.
        owner: says which trial of which code the state belongs to; that of another is not used.
    """

    def __init__(
        self,
        path: Path,
        rate: int | None = None,
        now: Callable[[], float] | None = None,
        owner: str = "",
    ) -> None:
        self.path = path
        self._owner = owner
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
        own = {"format": FORMAT, "owner": self._owner}
        write_through(self.path, lambda file: _write(own | content, file))
        self._saved_at = self._now()

    def load(self) -> dict[str, Any] | None:
        """Return the last saved content on the CPU, or None if there is none.

        A file that is damaged or of another trial is set aside, and one of another format is
        ignored: the trial then starts from its beginning, with the same result.
        """
        try:
            with open(self.path, "rb", opener=regular) as file:
                is_whole = _is_whole(file)
            if is_whole:
                content: dict[str, Any] = torch.load(
                    self.path, map_location="cpu", weights_only=True
                )
                if content["format"] != FORMAT:
                    return None
                if content["owner"] == self._owner:
                    return content
                problem = "it belongs to another trial"
            else:
                problem = "its content does not have its digest"
        except FileNotFoundError:
            return None
        except Exception as error:  # torch raises half a dozen kinds for another file
            problem = f"{type(error).__name__}: {error}"
        self._set_aside(problem)
        return None

    def _set_aside(self, problem: str) -> None:
        """Rename a file that cannot be used, so that it can be examined, and say so."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        logger.warning(
            "%s: the checkpoint cannot be used (%s); the trial starts from its beginning, and the "
            "file is kept as %s",
            *(self.path, problem, aside.name),
        )
        with contextlib.suppress(OSError):
            self.path.replace(aside)

    def remove(self) -> None:
        """Delete the file, once the trial's result is recorded."""
        self.path.unlink(missing_ok=True)


class _Hashing:
    """Passes what is written on to a file, and computes its digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def _write(content: dict[str, Any], file: BinaryIO) -> None:
    """Write the content, then its digest, which readers of torch's format ignore."""
    hashing = _Hashing(file)
    torch.save(content, hashing)  # type: ignore[arg-type]
    file.write(hashing.digest.digest())


def _is_whole(file: BinaryIO) -> bool:
    """Return whether a file has the content that was written."""
    digest = hashlib.sha256()
    left = file.seek(0, os.SEEK_END) - digest.digest_size
    file.seek(0)
    while left > 0:
        part = file.read(min(left, _PART))
        digest.update(part)
        left -= len(part)
        if not part:
            return False
    return file.read() == digest.digest()
