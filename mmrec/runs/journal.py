"""What happens during a run, as it happens: ``journal.jsonl``, which a finished run does not have.

The records of the trials are in ``trials.jsonl``; the journal has what is not known from them while
a run goes on: which process runs it, which trials have started, and their epochs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter

from mmrec.files import regular
from mmrec.runs.names import JOURNAL
from mmrec.runs.process import Process, this_process
from mmrec.runs.sealed import read_sealed, sealed_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartedTrial:
    """A trial that has started."""

    trial_id: str
    name: str
    model: str
    """The key of the experiment file."""
    index: int
    """Position in the model's search, from 0."""
    fold: str
    """Name of the fold; empty without folds."""
    parameters: dict[str, Any]


@dataclass(frozen=True)
class EndedEpoch:
    """An epoch of a trial."""

    epoch: int
    loss: float
    validation: Mapping[str, float] | None
    """By label; None if the epoch was not evaluated."""


@dataclass(eq=False)
class Journal:
    """The content of a journal."""

    process: Process | None = None
    """The process of the last session, see :func:`mmrec.runs.process.this_process`; None if it
    ended the session, as it does unless it is killed."""
    started: dict[str, StartedTrial] = field(default_factory=dict)
    """By trial_id, every trial that has started, in the order of their first start."""
    of_last_session: set[str] = field(default_factory=set)
    """The ids of the trials that started in the last session."""
    epochs: dict[str, dict[int, EndedEpoch]] = field(default_factory=dict)
    """By trial_id and number. An epoch that was run twice, as a resumed trial may, counts once."""

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a line of the file.

        Raises:
            ValueError: it is of another shape.
        """
        if "process" in line:
            self.process = _shape(Process | None).validate_python(line["process"])
            if self.process is not None:
                self.of_last_session = set()
        elif "started" in line:
            trial = _shape(StartedTrial).validate_python(line["started"])
            self.started.setdefault(trial.trial_id, trial)
            self.of_last_session.add(trial.trial_id)
        else:
            epoch = _shape(EndedEpoch).validate_python(line)
            self.epochs.setdefault(str(line.get("trial_id")), {})[epoch.epoch] = epoch


def read_journal(folder: Path) -> Journal:
    """Return the journal of the run in a folder, empty if there is none.

    Lines that are damaged or not whole are left out; a process that is writing or was killed leaves
    one.

    Raises:
        DataError: the file cannot be read.
    """
    journal = Journal()
    for line in read_sealed(folder / JOURNAL):
        if line.facts is not None:
            with contextlib.suppress(ValueError):  # another version wrote it
                journal.add(line.facts)
    return journal


@cache
def _shape(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - a type
    return TypeAdapter(kind)


class JournalWriter:
    """Appends to the journal of a run; the process that holds the run's lock uses it.

    No result depends on the journal: on a full disk it ends with a warning.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._file: TextIO | None = None

    def __enter__(self) -> JournalWriter:
        try:
            self._file = open(
                self._path, "a", encoding="utf-8", errors="backslashreplace", opener=regular
            )
        except OSError as error:
            self._warn(error)
        self._write({}, before="\n")  # after a torn line of a killed process
        self._write({"process": asdict(this_process())})
        return self

    def __exit__(self, *_: object) -> None:
        self._write({"process": None})
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def trial_started(self, trial: StartedTrial) -> None:
        """Record that a trial starts or resumes."""
        self._write({"started": asdict(trial)})

    def epoch_ended(self, trial_id: str, epoch: EndedEpoch) -> None:
        """Record an epoch of a trial."""
        self._write({"trial_id": trial_id} | asdict(epoch))

    def _write(self, line: Mapping[str, Any], before: str = "") -> None:
        if self._file is None:
            return
        try:
            self._file.write(f"{before}{sealed_line(line)}\n")
            self._file.flush()
        except OSError as error:
            self._warn(error)
            self._file = None

    def _warn(self, error: OSError) -> None:
        logger.warning(
            "%s: cannot be written: %s; the run goes on, but 'mmrec report' does not show its "
            "running trials",
            *(self._path, error.strerror or error),
        )
