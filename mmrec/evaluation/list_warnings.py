"""Warnings on lists made elsewhere that are read, but perhaps not what was meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from mmrec.data import IntArray, Vocabulary
from mmrec.data.mismatches import LARGE_SHARE, ROW_NUMBER, TRAINING, both_sides, spelling_note
from mmrec.data.vocabulary import sort_ids
from mmrec.errors import DataError, listing
from mmrec.text import counted


def require_known_users(
    path: Path, found: Collection[str], users: Vocabulary, train: str = TRAINING
) -> None:
    """Refuse a file without a user of the training split.

    Args:
        path: the file.
        found: its users.
        users: of the training split.
        train: where they are from, for the message.

    Raises:
        DataError: no user is known; the message has users of both sides.
    """
    ids = sort_ids(set(found))
    if not any(user in users for user in ids):
        raise DataError(
            f"{path}: no user is in {train}; the file has {listing(ids, 3)}, the training split "
            f"{listing(users.ids, 3)}{spelling_note(ids, users.ids)}"
        )


def require_reachable_items(
    path: Path, held_out: Collection[str], reachable: Collection[str], trained: Vocabulary
) -> None:
    """Refuse a held-out split whose items are neither trained nor in a list.

    Args:
        path: the file of the split.
        held_out: its items.
        reachable: the items of the lists.
        trained: the items of the training split.

    Raises:
        DataError: no list could have a hit; the message has items of both sides.
    """
    ids = sort_ids(set(held_out))
    if not any(item in trained for item in ids) and set(ids).isdisjoint(reachable):
        raise DataError(
            f"{path}: no item is in {TRAINING} or in a list, so every figure would be 0: "
            f"{both_sides(ids, trained.ids, TRAINING)}{spelling_note(ids, trained.ids)}"
        )


def short_lists(path: Path, lengths: IntArray, cutoffs: Sequence[int]) -> str | None:
    """Return a warning about cutoffs beyond the lists, or beyond most of them.

    Args:
        path: the file.
        lengths: of the lists, 0 for users without one.
        cutoffs: lengths at which lists are cut.
    """
    lengths = lengths[lengths > 0]
    longest = int(lengths.max(initial=0))
    beyond = [cutoff for cutoff in cutoffs if cutoff > longest]
    if beyond:
        return (
            f"{path}: the longest list has {counted(longest, 'item')}; figures at "
            f"{listing(beyond)} are those of these shorter lists"
        )
    n_short = int(np.count_nonzero(lengths < max(cutoffs)))
    if 2 * n_short <= len(lengths):
        return None
    return (
        f"{path}: {n_short:,} of {counted(len(lengths), 'list')} have fewer than "
        f"{max(cutoffs)} items, the shortest {lengths.min()}; they are evaluated as they are"
    )


def few_lists(path: Path, n_users: int, n_missing: int) -> str | None:
    """Return a warning if less than half of the users with held-out items have a list."""
    if 2 * n_missing <= n_users:
        return None
    return (
        f"{path}: only {n_users - n_missing:,} of {counted(n_users, 'user')} with held-out items "
        "have a list; all others count as misses"
    )


def trained_rows(path: Path, n_trained: int, n_rows: int) -> str | None:
    """Return a warning if many rows are also in training: of lists, or of a held-out split."""
    if not n_trained or n_trained < LARGE_SHARE * n_rows:
        return None
    return (
        f"{path}: {n_trained:,} of {counted(n_rows, 'row')} ({n_trained / n_rows:.0%}) are also "
        "rows of the training split; a list usually leaves out the training items of its user"
    )


def internal_numbers(
    path: Path, found: Collection[str], known: Collection[str], what: str
) -> str | None:
    """Return a warning if ids look like row numbers of another program.

    They do if the data lack some of them, and all are numbers from 0 to N - 1, or from 1 to N,
    where N is the number of ids of the data.

    Args:
        path: the file.
        found: the ids of its lists.
        known: the ids of the data.
        what: ``user`` or ``item``.
    """
    if set(found) <= set(known) or not all(map(ROW_NUMBER.fullmatch, (*found, *known))):
        return None
    numbers, own = [int(name) for name in found], [int(name) for name in known]
    if max(numbers) >= len(own) + (min(numbers) > 0):
        return None
    return (
        f"{path}: the {what}s are numbers from {min(numbers)} to {max(numbers)}; the {len(own):,} "
        f"{what}s of the data are numbers from {min(own)} to {max(own)}, and some are not "
        "among them: are these row numbers of another program, or the wrong column? Write the "
        "ids of the data"
    )
