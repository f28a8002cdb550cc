"""The first difference between two records of the same trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmrec.runs.differences import ABSENT, as_text, changes, equal
from mmrec.runs.records import TrialRecord


@dataclass(frozen=True)
class Difference:
    """The first quantity that differs, and its epoch."""

    epoch: int | None
    """None for what belongs to no epoch, such as the cause of a failure."""
    quantity: str
    """``loss``, ``weights``, ``lists``, ``figures``, or what else differs."""
    detail: str
    """Which figure, for example; may be empty."""
    one: str
    other: str

    def __str__(self) -> str:
        where = "" if self.epoch is None else f"epoch {self.epoch}: "
        detail = f" ({self.detail})" if self.detail else ""
        return f"{where}{self.quantity}{detail}: {self.one} -> {self.other}"


def first_difference(one: TrialRecord, other: TrialRecord) -> Difference | None:
    """Compare two trials epoch by epoch, then their results.

    Within an epoch the loss comes first, then the weights, the lists and the figures: the order
    in which they are computed from each other.
    """
    if equal((one.status, one.error), (other.status, other.error)) or "failed" not in (
        one.status,
        other.status,
    ):
        n_epochs = max(len(one.losses), len(other.losses), *_epochs(one), *_epochs(other), 0)
        for epoch in range(n_epochs + 1):
            found = epoch_difference(
                epoch,
                (loss_of(one, epoch), loss_of(other, epoch)),
                (entry_of(one, epoch), entry_of(other, epoch)),
            )
            if found:
                return found
    return _difference_of_results(one, other)


def epoch_difference(
    epoch: int,
    losses: tuple[object, object],
    entries: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None],
) -> Difference | None:
    """Compare an epoch in two trials.

    Args:
        epoch: its number.
        losses: its loss in both; ABSENT if training had ended.
        entries: its entries in the histories; None if it was not evaluated.
    """
    if not equal(*losses):
        return _difference(epoch, "loss", "", *losses)
    one, other = entries
    if one is None or other is None:
        if one is other:
            return None
        states = ["not evaluated" if entry is None else "evaluated" for entry in entries]
        return _difference(epoch, "evaluation", "", *states)
    return next(_entry_differences(epoch, one, other), None)


def loss_of(record: TrialRecord, epoch: int) -> object:
    """Return the loss of an epoch, or ABSENT."""
    return record.losses[epoch - 1] if 0 < epoch <= len(record.losses) else ABSENT


def entry_of(record: TrialRecord, epoch: int) -> Mapping[str, Any] | None:
    """Return the entry of an epoch in the history, or None."""
    return next((entry for entry in record.history if entry["epoch"] == epoch), None)


def _epochs(record: TrialRecord) -> list[int]:
    return [entry["epoch"] for entry in record.history]


def _entry_differences(
    epoch: int, one: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[Difference]:
    for key, quantity in (
        ("loss", "loss"),
        ("weights_sha256", "weights"),
        ("lists_sha256", "lists"),
    ):
        if not equal(one.get(key), other.get(key)):
            yield _difference(epoch, quantity, "", one.get(key), other.get(key))
    yield from _figure_differences(epoch, one, other)


def _figure_differences(
    epoch: int | None, one: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[Difference]:
    for split in ("validation", "test", "cold"):
        for label, *values in changes(one.get(split, {}), other.get(split, {})):
            yield _difference(epoch, "figures", f"{split} {label}", *values)


def _difference_of_results(one: TrialRecord, other: TrialRecord) -> Difference | None:
    """Compare how the trials ended and the results of their best epochs."""
    if one.status != other.status:
        reason = one.error or other.error or ""
        return _difference(None, "status", reason, one.status, other.status)
    for field, quantity in (("error", "error"), ("best_epoch", "best epoch")):
        values = getattr(one, field), getattr(other, field)
        if not equal(*values):
            return _difference(None, quantity, "", *values)
    epoch = one.best_epoch
    for field, quantity in (("weights_sha256", "weights"), ("lists_sha256", "lists")):
        values = getattr(one, field), getattr(other, field)
        if not equal(*values):
            return _difference(epoch, quantity, "of the best epoch", *values)
    kept = [{"validation": r.validation, "test": r.test, "cold": r.cold} for r in (one, other)]
    return next(_figure_differences(epoch, *kept), None)


def _difference(
    epoch: int | None, quantity: str, detail: str, one: object, other: object
) -> Difference:
    return Difference(epoch, quantity, detail, as_text(one), as_text(other))
