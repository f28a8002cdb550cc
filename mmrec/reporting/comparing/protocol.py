"""Whether the figures of several runs can be compared, and if not, what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmrec.errors import DataError
from mmrec.runs.differences import as_text
from mmrec.runs.finished import FinishedRun

_PROTOCOL = (
    "cutoffs",
    "relevance_threshold",
    "candidates",
    "cold_items",
    "averaged_over",
    "selected_on",
)
"""What all runs must share, by the keys of the manifest's ``protocol``."""
_SPLITS = ("users", "items", "train", "validation", "test")
"""The parts of a data set that runs on it must share."""


def dataset_of(run: FinishedRun) -> str:
    """Return the name of a run's data set."""
    name: str = run.manifest["experiment"]["dataset"]
    return name


def check_comparable(runs: Sequence[FinishedRun]) -> None:
    """Refuse runs of different protocols, and runs on different data of the same name.

    Raises:
        DataError: with a line for each difference.
    """
    differences = list(_differences(runs))
    if differences:
        raise DataError("these runs cannot be compared:\n" + "\n".join(differences))


def notes_on(runs: Sequence[FinishedRun]) -> list[str]:
    """Return what differs between data sets without making them incomparable."""
    notes = []
    for key in ("splitting", "prefiltering"):
        found: dict[str, list[str]] = {}
        for run in runs:
            written = as_text(run.manifest["experiment"].get(key) or "none")
            found.setdefault(written, []).append(dataset_of(run))
        if len(found) > 1:
            parts = (f"{', '.join(dict.fromkeys(names))}: {how}" for how, names in found.items())
            notes.append(f"The data sets differ in {key}: {'; '.join(parts)}.")
    return notes


def _differences(runs: Sequence[FinishedRun]) -> Iterator[str]:
    first, *others = runs
    for run in others:
        for key in _PROTOCOL:
            one, other = (r.manifest["protocol"].get(key) for r in (first, run))
            if one != other:
                yield f"{key}: {_said(one)} in {first.path}, {_said(other)} in {run.path}"
    earlier: dict[str, list[FinishedRun]] = {}
    for run in runs:
        same = earlier.setdefault(dataset_of(run), [])
        for other in same[:1]:
            yield from _data_differences(other, run)
        same.append(run)


def _said(value: object) -> str:
    return "none" if value is None else as_text(value)


def _data_differences(one: FinishedRun, other: FinishedRun) -> Iterator[str]:
    """Yield the parts of a data set that differ. Loaders count if both runs have them."""
    for run_fold, fold in zip(_folds(one), _folds(other), strict=False):
        a, b = run_fold["fingerprints"], fold["fingerprints"]
        loaders = [name for name in a if name in b and name not in (*_SPLITS, "cold_items")]
        different = [part for part in (*_SPLITS, *loaders) if a.get(part) != b.get(part)]
        if different:
            place = f" (fold {fold['name']})" if fold.get("name") else ""
            yield (
                f"data set {dataset_of(one)}: {', '.join(different)}{place} differ between "
                f"{one.path} and {other.path}"
            )
            return
    n_folds, n_others = len(_folds(one)), len(_folds(other))
    if n_folds != n_others:
        yield (
            f"data set {dataset_of(one)}: the number of folds is {n_folds} in {one.path}, "
            f"{n_others} in {other.path}"
        )


def _folds(run: FinishedRun) -> list[Mapping[str, Any]]:
    data = run.manifest["data"]
    return list(data["folds"]) or [data]
