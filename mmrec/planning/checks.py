"""Checks of data that can be read, but whose figures or features would be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmrec.data import AlignedSplits, Interactions, Table, Vocabulary
from mmrec.data.mismatches import ROW_NUMBER, TRAINING, both_sides, examples, spelling_note
from mmrec.data.vocabulary import sort_ids
from mmrec.errors import DataError
from mmrec.evaluation.reachable import RelevantRows
from mmrec.features import Loader
from mmrec.features.formats import find_format
from mmrec.features.ids import ID_SUFFIXES
from mmrec.models import RecommendationFile
from mmrec.planning.plan import Plan

_LARGE_SHARE = 0.5
"""Share of items without a vector that is worth a warning."""
_FEWEST_ROWS = 4
"""Fewer rows can have the numbers of the rows as users by chance."""


def check_held_out(
    plan: Plan, aligned: AlignedSplits, tables: Mapping[str, Table]
) -> tuple[str, ...]:
    """Check that a list can have a hit in every held-out split.

    Args:
        plan: the experiment.
        aligned: the splits.
        tables: the files of the splits.

    Returns:
        Warnings about splits whose figures are all 0.

    Raises:
        DataError: no item of a split was trained on, or all figures that select epochs and trials
            would be 0. A test split of cold items that are ranked is accepted.
    """
    selecting = "validation" if "validation" in aligned.splits else "test"
    ranks_all = any(issubclass(model.recommender, RecommendationFile) for model in plan.models)
    _refuse_row_numbers(tables["train"])
    warnings = []
    for name, split in aligned.splits.items():
        if name == "train":
            continue
        place = f"{tables[name].path} ({name})"
        if not (split.items >= 0).any():
            if aligned.cold_items is not None and name != selecting:
                warnings.append(
                    f"{place}: no item is in the training split, so every figure on it is 0, "
                    "except those of cold items"
                )
                continue
            found = sort_ids(set(tables[name].frame["item_id"].unique()))
            raise DataError(
                f"{place}: no item is in the training split, so no list can have a hit and every "
                f"figure would be 0: {both_sides(found, aligned.items.ids, TRAINING)}"
                f"{spelling_note(found, aligned.items.ids)}"
            )
        reason = _without_hits(split, aligned.splits["train"], plan)
        if reason is not None:
            message = f"{place}: {reason}, so every figure on it is 0; is it the right file?"
            if name == selecting and not ranks_all:
                raise DataError(f"{message} Epochs and trials cannot be selected by it")
            warnings.append(message)
    return tuple(warnings)


def _refuse_row_numbers(train: Table) -> None:
    """Refuse a training split whose users number the rows: each has a single one."""
    users = train.frame["user_id"].tolist()
    if len(users) < _FEWEST_ROWS or users[0] not in ("0", "1"):
        return
    first = int(users[0])
    if all(user == str(row) for row, user in enumerate(users, first)):
        raise DataError(
            f"{train.path}: the users number the rows: {examples(users)}, each in one row; if the "
            "first column is not the user, remove it, or name the columns in a header"
        )


def _without_hits(split: Interactions, train: Interactions, plan: Plan) -> str | None:
    """Return why no list can have a hit; None if one can, or if no row is relevant at all."""
    rows = RelevantRows.of(train, split, plan.experiment.evaluation.relevance_threshold)
    if not rows.n_rows or rows.n_reachable:
        return None  # the evaluator refuses a split without a relevant row
    if rows.n_trained == rows.n_rows:
        return f"all of its {rows.n_rows} relevant rows are also in training"
    return (
        f"of its {rows.n_rows} relevant rows, {rows.n_untrained} are of items that were "
        f"not trained on, and {rows.n_trained} are also in training"
    )


def check_features(loaders: Sequence[Loader], tables: Mapping[str, Table]) -> tuple[str, ...]:
    """Check that the ids of the features are those of the interactions.

    Args:
        loaders: of the experiment.
        tables: the splits, before anything is dropped.

    Returns:
        Warnings about items without a vector.

    Raises:
        DataError: a matrix without ids cannot belong to the items.
    """
    ids = sort_ids(set().union(*(set(t.frame["item_id"].unique()) for t in tables.values())))
    return tuple(warning for loader in loaders for warning in _check_loader(loader, ids))


def _check_loader(loader: Loader, ids: Sequence[str]) -> Iterator[str]:
    known = loader.items()
    absent = [item_id for item_id in ids if item_id not in known]
    if loader.has_row_numbers:
        yield from _check_row_numbers(loader.path, list(known), ids, absent)
        return
    alike = spelling_note(absent, known)
    if alike or len(absent) > _LARGE_SHARE * len(ids):
        sides = both_sides(absent, Vocabulary(known).ids, loader.name)
        yield (
            f"{loader.path}: {loader.name} has no vector for {len(absent):,} of {len(ids):,} items "
            f"({len(absent) / len(ids):.0%}): {sides}{alike}"
        )


def _check_row_numbers(
    path: Path, known: Sequence[str], ids: Sequence[str], absent: Sequence[str]
) -> Iterator[str]:
    """Check the ids of a matrix without ids, which are the numbers of its rows."""
    how = (
        f"write {path.stem}{ID_SUFFIXES[0]} next to it, with the item id of each row in a line of "
        "its own"
    )
    if find_format(path) in ("csv", "tsv"):
        how = "call the column of the item ids 'id'"
    first, last = int(known[0]), int(known[-1])
    rows = f"the matrix has {len(known):,} rows and no ids, so row 0 is item '{first}'"
    if absent:
        numbers = [int(name) for name in ids if ROW_NUMBER.fullmatch(name)]
        guess = ""
        if numbers and min(numbers) == first + 1 and max(numbers) == last + 1:
            guess = f" (the ids seem to start at {first + 1})"
        elif numbers and min(numbers) == first - 1 and max(numbers) == last - 1:
            guess = f" (the ids seem to start at {first - 1})"
        elif numbers and min(numbers) > last:
            guess = " (the items seem to be numbered after the users)"
        raise DataError(
            f"{path}: {rows} and row {len(known) - 1} is item '{last}'; but {len(absent):,} of "
            f"{len(ids):,} items of the interactions have other ids{guess}: {examples(absent)}; "
            f"{how}"
        )
    least, largest = (int(ids[place]) for place in (0, -1))
    if least == first and largest == last:
        return
    parts = []
    if least > first:
        parts.append(f"no item has the ids {first} to {least - 1}; do the ids start at {least}?")
    if largest < last:
        parts.append(f"no item has the ids {largest + 1} to {last}; is the first row padding?")
    yield f"{path}: {rows}, but {' '.join(parts)} If rows and ids differ, {how}"
