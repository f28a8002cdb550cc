"""``mmrec diff``: explain how two runs differ, from their manifests and trials."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrec.runs.differences import Change, as_text, changes
from mmrec.runs.environment import is_of_commit
from mmrec.runs.finished import FinishedRun
from mmrec.runs.records import TrialRecord
from mmrec.verify.data import DataDifference, DataFacts, data_differences, short_path
from mmrec.verify.trials import Difference, first_difference

_FREE = (
    "path_output_rec_result",
    "path_output_rec_weight",
    "path_output_rec_performance",
    "tracking",
)
"""Where results go is not part of the experiment."""
_MOST = 6
"""The number of figures of a trial that are written out."""


@dataclass(frozen=True)
class TrialDiff:
    """A trial that differs between two runs, or that only one of them has."""

    one: TrialRecord | None
    other: TrialRecord | None
    parameters: tuple[Change, ...] = ()
    """The hyper-parameters that differ."""
    difference: Difference | None = None
    """The first difference of the results; None if they are the same or there is one trial."""

    def lines(self) -> Iterator[str]:
        """Yield the lines that describe it."""
        if self.one is None or self.other is None:
            for side, record in (("A", self.one), ("B", self.other)):
                if record is not None:
                    yield f"only in {side}: {_summary(record)}"
            return
        name, other = self.one.name, self.other.name
        changed = f" ({', '.join(map(str, self.parameters))})" if self.parameters else ""
        yield f"{name if name == other else f'{name} -> {other}'}{changed}"
        if self.difference is None:
            yield "  the same results"
            return
        yield f"  first difference: {self.difference}"
        figures = list(changes(self.one.test, self.other.test))
        for figure in figures[:_MOST]:
            yield f"  test {figure.key}: {_figures(figure.one, figure.other)}"
        if len(figures) > _MOST:
            yield f"  and {len(figures) - _MOST} more test figures"


@dataclass(frozen=True)
class RunDiff:
    """What differs between two runs; a section is empty if it is the same in both."""

    one: Path
    other: Path
    config: tuple[Change, ...]
    data: tuple[DataDifference, ...]
    environment: tuple[Change, ...]
    protocol: tuple[Change, ...]
    trials: tuple[TrialDiff, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs except the time, the place and the commit of the runs."""
        environment = [x for x in self.environment if not is_of_commit(x)]
        return not (self.config or self.data or environment or self.protocol or self.trials)

    def __str__(self) -> str:
        lines = [f"A: {short_path(self.one)}", f"B: {short_path(self.other)}"]
        for name in ("config", "data", "environment", "protocol"):
            lines += _section(name, map(str, getattr(self, name)))
        trials = (line for trial in self.trials for line in trial.lines())
        return "\n".join([*lines, *_section("trials", trials)])


def _section(name: str, lines: Iterator[str]) -> list[str]:
    return ["", name, *(f"  {line}" for line in list(lines) or ["the same"])]


def diff_runs(one: str | Path, other: str | Path) -> RunDiff:
    """Compare two finished runs by their manifests and trials; nothing is run.

    Args:
        one: the folder of a run.
        other: the folder of the other run.

    Raises:
        DataError: a folder is not that of a finished run.
    """
    a, b = FinishedRun.open(Path(one)), FinishedRun.open(Path(other))
    data = [DataFacts(run.manifest["data"], run.item_digests) for run in (a, b)]
    return RunDiff(
        one=a.path,
        other=b.path,
        config=tuple(changes(_config(a), _config(b))),
        data=tuple(data_differences(*data)),
        environment=tuple(changes(_environment(a), _environment(b))),
        protocol=tuple(changes(a.manifest["protocol"], b.manifest["protocol"])),
        trials=tuple(_trials(a, b)),
    )


def _config(run: FinishedRun) -> Any:  # noqa: ANN401 - plain data
    experiment = {k: v for k, v in run.manifest["experiment"].items() if k not in _FREE}
    return _relative(experiment, run)


def _environment(run: FinishedRun) -> dict[str, Any]:
    return {key: run.manifest[key] for key in ("environment", "determinism", "code")}


def _relative(value: object, run: FinishedRun) -> Any:  # noqa: ANN401 - plain data
    """Make absolute paths relative to the folder of the experiment file."""
    if isinstance(value, Mapping):
        return {key: _relative(item, run) for key, item in value.items()}
    if isinstance(value, list):
        return [_relative(item, run) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return os.path.relpath(value, run.manifest["written"]["base_dir"])
    return value


def _trials(a: FinishedRun, b: FinishedRun) -> Iterator[TrialDiff]:
    """Compare trials with the same model and parameters; pair the others of a model in order."""
    theirs = {_key(record, b): record for record in b.trials}
    unmatched: dict[str, tuple[list[TrialRecord], list[TrialRecord]]]
    unmatched = defaultdict(lambda: ([], []))
    for record in a.trials:
        match = theirs.pop(_key(record, a), None)
        if match is None:
            unmatched[record.model][0].append(record)
            continue
        difference = first_difference(record, match)
        if difference is not None:
            yield TrialDiff(record, match, difference=difference)
    for record in theirs.values():
        unmatched[record.model][1].append(record)
    for ours, others in unmatched.values():
        if len(ours) == len(others):
            for record, match in zip(ours, others, strict=True):
                parameters = changes(
                    _relative(record.parameters, a), _relative(match.parameters, b)
                )
                yield TrialDiff(record, match, tuple(parameters), first_difference(record, match))
        else:
            yield from (TrialDiff(record, None) for record in ours)
            yield from (TrialDiff(None, record) for record in others)


def _key(record: TrialRecord, run: FinishedRun) -> tuple[str, str, str]:
    parameters = _relative(record.parameters, run)
    return record.model, record.fold, json.dumps(parameters, sort_keys=True)


def _figures(one: object, other: object) -> str:
    """Return two figures with four digits if they then differ, else with all digits."""
    if isinstance(one, float) and isinstance(other, float) and f"{one:.4f}" != f"{other:.4f}":
        return f"{one:.4f} -> {other:.4f}"
    return f"{as_text(one)} -> {as_text(other)}"


def _summary(record: TrialRecord) -> str:
    figures = ", ".join(f"{label} {value:.4f}" for label, value in list(record.test.items())[:2])
    return f"{record.name} ({record.status}{', test ' + figures if figures else ''})"
