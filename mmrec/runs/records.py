"""The record of every trial, appended to ``trials.jsonl`` as each trial ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from mmrec.errors import DataError
from mmrec.files import append_line, write_atomically
from mmrec.runs.example_users import ExampleLists
from mmrec.runs.manifest_shape import first_problem
from mmrec.runs.sealed import Line, read_sealed, sealed_line


@dataclass(frozen=True)
class TrialRecord:
    """The record of a trial: one line of ``trials.jsonl``."""

    trial_id: str
    """Hash of the model, its parameters, the protocol of selection and the data."""
    name: str
    """Short and unique: the model's name and the trial_id."""
    model: str
    """The key of the experiment file, for example ``external.LATTICE``."""
    index: int
    """Position in the model's search, from 0."""
    parameters: dict[str, Any]
    """Every hyper-parameter, given or default."""
    status: Literal["finished", "pruned", "failed"]
    error: str | None = None
    """Why the trial failed."""
    worker_died: bool = False
    """Whether the trial failed because its process died, so that it cannot be repeated."""
    pruned_at: int | None = None
    """The epoch after which the trial was pruned; its figures are the best up to then."""
    best_epoch: int | None = None
    validation: dict[str, float] = field(default_factory=dict)
    """Figures of the best epoch, by label."""
    test: dict[str, float] = field(default_factory=dict)
    """Figures of the best epoch, by label; nothing is selected by them."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Every evaluated epoch: epoch, loss, validation, weights_sha256, lists_sha256, diagnostics."""
    losses: list[float] = field(default_factory=list)
    """Mean training loss of every epoch."""
    seconds: float = 0.0
    weights_sha256: str | None = None
    """Digest of the best epoch's weights; None for a recommender without any."""
    lists_sha256: str | None = None
    """Digest of the best epoch's recommendation lists: item numbers and bits of the scores."""
    lists_file_sha256: str | None = None
    """Digest of their file; None without ``save_recs``."""
    lists_file: str | None = None
    """Its name; None without ``save_recs``, and in records of earlier versions."""
    weights_file: str | None = None
    """Name of the file of the weights; None without ``save_weights``, and in records of earlier
    versions."""
    per_user_sha256: str | None = None
    """Digest of the file of the users' test values; None for a trial that failed."""
    groups: dict[str, dict[str, float]] = field(default_factory=dict)
    """Test figures of the best epoch for popular, middling and rare items, see
    :class:`mmrec.evaluation.GroupEvaluator`; nothing is selected by them."""
    peak_bytes: int | None = None
    """The most memory that the trial needed, see :class:`mmrec.execution.memory.PeakMemory`."""
    n_parameters: int | None = None
    """The number of values that were trained; None if nothing is trained by gradient."""
    fold: str = ""
    """Name of the fold that it was run on; empty without folds."""
    example_lists: ExampleLists = field(default_factory=dict)
    """The lists of the example users at the best epoch."""
    cold: dict[str, float] = field(default_factory=dict)
    """Test figures of cold items at the best epoch; empty if they were not ranked."""
    warnings: list[str] = field(default_factory=list)
    """What the recommender warned about, such as ratings that its definition does not expect."""

    @property
    def best_loss(self) -> float | None:
        """The mean training loss of the best epoch; None if nothing was trained."""
        return next((h["loss"] for h in self.history if h["epoch"] == self.best_epoch), None)

    def to_json(self) -> str:
        """Return one line of JSON, with its digest."""
        facts = asdict(self)
        for name in ("cold", "warnings"):  # most trials have none
            if not facts[name]:
                del facts[name]
        return sealed_line(facts)


class TrialStore:
    """An append-only file of trial records; one process writes, any process may read.

    Every record is on the disk before :meth:`append` returns. Readers ignore an incomplete last
    line, as a killed process may leave one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: TrialRecord) -> None:
        """Add a record.

        Raises:
            DataError: the file cannot be written.
        """
        append_line(self.path, record.to_json())

    def read(self, *, digests: bool = True) -> list[TrialRecord]:
        """Return the complete records, in the order they ended.

        Args:
            digests: False also accepts records without a digest, as earlier versions wrote them.

        Raises:
            DataError: the file cannot be read, a record is damaged or repeated, or another version
                of mmrec wrote it.
        """
        good, damaged = self.examine(digests=digests)
        wrong = [line for line in damaged if line.is_json]
        if wrong:
            raise DataError(f"{self.path}: the records are damaged: {describe(wrong)}")
        return good

    def examine(self, *, digests: bool = True) -> tuple[list[TrialRecord], list[Line]]:
        """Return the complete records, and the lines that are damaged, torn or repeated.

        Raises:
            DataError: the file cannot be read, or another version of mmrec wrote it.
        """
        good: dict[str, TrialRecord] = {}
        damaged = []
        for line in read_sealed(self.path, required=digests):
            if line.facts is None:
                damaged.append(line)
                continue
            record = self._record(line)
            if record.trial_id in good:
                damaged.append(Line(line.number, line.text, None, "it repeats a trial"))
            else:
                good[record.trial_id] = record
        return list(good.values()), damaged

    def replace(self, records: Iterable[TrialRecord]) -> None:
        """Replace all records.

        Raises:
            WriteError: the file cannot be written.
        """
        write_atomically(self.path, "".join(f"{record.to_json()}\n" for record in records))

    def _record(self, line: Line) -> TrialRecord:
        assert line.facts is not None
        try:
            record = TrialRecord(**line.facts)
            _shape().validate_python(line.facts)
        except TypeError as error:
            raise DataError(
                f"{self.path}: written by another version of mmrec ({error}); use that version, or "
                "start a new run with --fresh"
            ) from error
        except ValidationError as error:
            raise DataError(
                f"{self.path}: the records are damaged: line {line.number}: {first_problem(error)}"
            ) from error
        return record


def describe(lines: Iterable[Line]) -> str:
    """Name damaged lines and what is wrong with each."""
    return "; ".join(f"line {line.number}: {line.problem}" for line in lines)


@cache
def _shape() -> TypeAdapter[TrialRecord]:
    return TypeAdapter(TrialRecord)
