"""``mmrec diff``: explain how two runs differ, from what they have recorded."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrec.runs.differences import changes, shown
from mmrec.runs.finished import FinishedRun
from mmrec.runs.records import TrialRecord
from mmrec.verify.data import data_differences, shown_path
from mmrec.verify.trials import first_difference

_FREE = (
    "path_output_rec_result",
    "path_output_rec_weight",
    "path_output_rec_performance",
    "tracking",
)
"""Where results go is not part of the experiment."""
_COMMIT = "code.git"
"""Told, but no difference of its own: the digests of the code say whether it is another."""
_MOST = 6
"""Figures of a trial that are written out."""


@dataclass(frozen=True)
class RunDiff:
    """What differs between two runs; every section is empty where they are the same."""

    one: Path
    other: Path
    config: tuple[str, ...]
    data: tuple[str, ...]
    environment: tuple[str, ...]
    protocol: tuple[str, ...]
    trials: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs but when and where the runs were made, and at which commit."""
        return not any(
            line for _, lines in self._sections() for line in lines if not line.startswith(_COMMIT)
        )

    def __str__(self) -> str:
        told = [f"A: {shown_path(self.one)}", f"B: {shown_path(self.other)}"]
        for name, lines in self._sections():
            told += ["", name, *(f"  {line}" for line in lines or ("the same",))]
        return "\n".join(told)

    def _sections(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name in ("config", "data", "environment", "protocol", "trials"):
            yield name, getattr(self, name)


def diff_runs(one: str | Path, other: str | Path) -> RunDiff:
    """Compare two finished runs by their manifests and trials; nothing is run.

    Args:
        one: the folder of a run.
        other: that of the other.

    Raises:
        DataError: a folder is not that of a finished run.
    """
    a, b = FinishedRun.open(Path(one)), FinishedRun.open(Path(other))
    return RunDiff(
        one=a.path,
        other=b.path,
        config=tuple(_told(_config(a), _config(b))),
        data=tuple(
            data_differences(a.manifest["data"], b.manifest["data"], a.item_digests, b.item_digests)
        ),
        environment=tuple(_told(_environment(a), _environment(b))),
        protocol=tuple(_told(a.manifest["protocol"], b.manifest["protocol"])),
        trials=tuple(_trials(a, b)),
    )


def _told(one: object, other: object) -> Iterator[str]:
    for key, *values in changes(one, other):
        yield f"{key}: {shown(values[0])} -> {shown(values[1])}"


def _config(run: FinishedRun) -> Any:  # noqa: ANN401 - plain data
    experiment = {k: v for k, v in run.manifest["experiment"].items() if k not in _FREE}
    return _relative(experiment, run)


def _environment(run: FinishedRun) -> dict[str, Any]:
    return {key: run.manifest[key] for key in ("environment", "determinism", "code")}


def _relative(value: object, run: FinishedRun) -> Any:  # noqa: ANN401 - plain data
    """Write absolute paths as they stand to the folder of the experiment file."""
    if isinstance(value, Mapping):
        return {key: _relative(item, run) for key, item in value.items()}
    if isinstance(value, list):
        return [_relative(item, run) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return os.path.relpath(value, run.manifest["written"]["base_dir"])
    return value


def _trials(a: FinishedRun, b: FinishedRun) -> Iterator[str]:
    """Compare trials of the same model and parameters; the others in their order, if they fit."""
    theirs = {_key(record, b): record for record in b.trials}
    alone: dict[str, tuple[list[TrialRecord], list[TrialRecord]]] = defaultdict(lambda: ([], []))
    for record in a.trials:
        match = theirs.pop(_key(record, a), None)
        if match is None:
            alone[record.model][0].append(record)
        else:
            yield from _pair(record, match, "")
    for record in theirs.values():
        alone[record.model][1].append(record)
    for ours, others in alone.values():
        if len(ours) == len(others):
            for record, match in zip(ours, others, strict=True):
                told = _told(_relative(record.parameters, a), _relative(match.parameters, b))
                yield from _pair(record, match, f" ({', '.join(told)})")
        else:
            yield from (f"only in A: {_described(record)}" for record in ours)
            yield from (f"only in B: {_described(record)}" for record in others)


def _key(record: TrialRecord, run: FinishedRun) -> tuple[str, str, str]:
    parameters = _relative(record.parameters, run)
    return record.model, record.fold, json.dumps(parameters, sort_keys=True)


def _pair(one: TrialRecord, other: TrialRecord, parameters: str) -> Iterator[str]:
    difference = first_difference(one, other)
    if difference is None and not parameters:
        return
    names = one.name if one.name == other.name else f"{one.name} -> {other.name}"
    yield f"{names}{parameters}"
    if difference is None:
        yield "  the same results"
        return
    yield f"  first difference: {difference}"
    figures = [f"{label}: {_figures(*values)}" for label, *values in changes(one.test, other.test)]
    yield from (f"  test {line}" for line in figures[:_MOST])
    if len(figures) > _MOST:
        yield f"  and {len(figures) - _MOST} more test figures"


def _figures(one: object, other: object) -> str:
    """Write two figures with four digits if that tells them apart, else with all."""
    if isinstance(one, float) and isinstance(other, float) and f"{one:.4f}" != f"{other:.4f}":
        return f"{one:.4f} -> {other:.4f}"
    return f"{shown(one)} -> {shown(other)}"


def _described(record: TrialRecord) -> str:
    figures = ", ".join(f"{label} {value:.4f}" for label, value in list(record.test.items())[:2])
    return f"{record.name} ({record.status}{', test ' + figures if figures else ''})"
