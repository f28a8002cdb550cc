"""What trials are compared by, and the values of the hyper-parameters that were tried."""

from __future__ import annotations

from mmrec.runs.records import TrialRecord


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
