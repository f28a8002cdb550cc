"""What trials are compared by, and the values of the hyper-parameters that were tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmrec.errors import ConfigError
from mmrec.evaluation import parse_figure_name
from mmrec.search import TrialRecord
from mmrec.training import LOSS

MAX_CATEGORIES = 10
"""Up to so many different values of a parameter each have a place of their own on an axis."""


def higher_is_better(label: str) -> bool:
    """Return the direction of ``loss`` or of a figure such as ``Recall@20``."""
    try:
        return label != LOSS and parse_figure_name(label)[0].higher_is_better
    except ConfigError:  # a figure that this version does not know
        return True


def selected_value(record: TrialRecord, label: str) -> float | None:
    """Return what a trial is selected by: its validation figure, or its loss at the best epoch.

    None if the trial failed or the value is not finite.
    """
    value = record.validation.get(label)
    if label == LOSS:
        value = next((h["loss"] for h in record.history if h["epoch"] == record.best_epoch), None)
    return value if value is not None and math.isfinite(value) else None


def ranked(records: Sequence[TrialRecord], label: str) -> list[TrialRecord]:
    """Return the trials that have a selected value, the best first, equals in order."""
    sign = -1 if higher_is_better(label) else 1
    having = [(value, r) for r in records if (value := selected_value(r, label)) is not None]
    return [record for value, record in sorted(having, key=lambda pair: sign * pair[0])]


def value_text(value: object) -> str:
    """Write a hyper-parameter the way a person would."""
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def levels(records: Sequence[TrialRecord], parameter: str) -> list[Any]:
    """Return the different values of a parameter: numbers ascending, others as they come."""
    by_key = {repr(r.parameters.get(parameter)): r.parameters.get(parameter) for r in records}
    values = list(by_key.values())
    return sorted(values) if all(map(is_number, values)) else values


def best_cells(
    records: Sequence[TrialRecord], parameters: tuple[str, str], label: str
) -> dict[tuple[str, str], float | None]:
    """Return the best selected value for each pair of values that was tried.

    Keys are the ``repr`` of the values; None where every trial of the pair failed.
    """
    cells: dict[tuple[str, str], float | None] = {}
    for record in [*ranked(records, label), *records]:
        across, down = (repr(record.parameters.get(name)) for name in parameters)
        cells.setdefault((across, down), selected_value(record, label))
    return cells


def is_number(value: object) -> bool:
    """Say whether a hyper-parameter can be placed on a scale."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def figure_title(label: str, split: str) -> str:
    """Name what trials are selected by, for a reader."""
    return "training loss at the best epoch" if label == LOSS else f"{split} {label}"


def told_quantities(record: TrialRecord) -> list[str]:
    """Return the quantities that a model told of itself, such as ``modality_weights``."""
    told = (name for entry in record.history for name in entry.get("diagnostics", {}))
    return list(dict.fromkeys(name.partition("/")[0] for name in told))


def told_parts(record: TrialRecord, quantity: str) -> dict[str, dict[int, float]]:
    """Return the parts of such a quantity, each by epoch; a quantity without parts is its own."""
    parts: dict[str, dict[int, float]] = {}
    for entry in record.history:
        for name, value in entry.get("diagnostics", {}).items():
            of, _, part = name.partition("/")
            if of == quantity:
                parts.setdefault(part or of, {})[entry["epoch"]] = value
    return parts
