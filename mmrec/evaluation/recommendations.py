"""Evaluating recommendation lists of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmrec.data import (
    FloatArray,
    IntArray,
    Interactions,
    Table,
    Vocabulary,
    read_labelled,
    read_split,
)
from mmrec.data.mismatches import TRAINING, unknown_ids
from mmrec.evaluation.complex_metrics import ComplexMetric, Ids, read_complex_metrics
from mmrec.evaluation.evaluator import Evaluator
from mmrec.evaluation.list_files import read_lists
from mmrec.evaluation.list_warnings import (
    few_lists,
    internal_numbers,
    require_known_users,
    require_reachable_items,
    short_lists,
    trained_rows,
)
from mmrec.evaluation.ranking import ranking_from_frame
from mmrec.text import counted

OWN_ITEM = "item of the user's training items"


@dataclass(frozen=True, eq=False)
class FileEvaluation:
    """The figures of a recommendation file, and counts of its rows."""

    order: str
    """How the lists are ordered, such as ``by 'score', the largest first``."""
    figures: dict[str, float]
    """As in :class:`~mmrec.evaluation.Evaluation`."""
    per_user: dict[str, FloatArray]
    """As in :class:`~mmrec.evaluation.Evaluation`, for the users of the training split."""
    n_users: int
    """Users with at least one relevant held-out item."""
    n_users_without_list: int
    """Users with held-out items but without a recommendation; they count as misses."""
    n_rows: int
    """Number of rows of the file."""
    ignored_rows: dict[str, int]
    """Numbers of ignored rows, by reason."""
    kept_rows: dict[str, int]
    """Numbers of unusual rows that are evaluated unchanged, by reason."""
    ignored_test_rows: int
    """Rows of the test split of users outside of the training split."""
    trained_test_rows: int
    """Rows of the test split that are also in training; they count."""
    n_test_rows: int
    """Number of rows of the test split."""
    warnings: tuple[str, ...] = ()
    """On ids that the training split lacks or that are only written in another way, on cutoffs
    beyond the lists, on lists for less than half of the users, on ids that look like row numbers
    of another program, and on rows that are also in training."""

    def lines(self) -> list[str]:
        """Return how the lists are ordered and the counts of unusual rows and users, as lines."""
        rows = {f"ignored, {reason}": number for reason, number in self.ignored_rows.items()}
        rows |= {f"kept, {reason}": number for reason, number in self.kept_rows.items()}
        unlisted = "without a list, who count as misses"
        counts = [
            *((number, self.n_rows, "row", what) for what, number in rows.items()),
            (self.n_users_without_list, self.n_users, "user", unlisted),
            (self.ignored_test_rows, self.n_test_rows, "test row", "ignored, user not in training"),
            (self.trained_test_rows, self.n_test_rows, "test row", "kept, also in training"),
        ]
        return [f"lists ordered {self.order}"] + [
            f"{number:,} of {counted(total, noun)}: {what}"
            for number, total, noun, what in counts
            if number
        ]


def evaluate_file(
    recs: Path,
    train: Path,
    test: Path,
    *,
    metrics: Sequence[str],
    cutoffs: Sequence[int],
    relevance_threshold: float = 0.0,
    binarize: bool = False,
    complex_metrics: Path | Sequence[Mapping[str, Any]] = (),
) -> FileEvaluation:
    """Evaluate the lists of a recommendation file without changes.

    Args:
        recs: user, item and score, see :func:`~mmrec.evaluation.read_recommendations`.
        train: the training split, in a form of :mod:`mmrec.data.reading`, with or without a
            header; it defines users, catalogue and popularity.
        test: the split to evaluate on. If it is the same file, its column ``x_label`` assigns rows
            to splits.
        metrics: names, in any case.
        cutoffs: lengths at which lists are cut.
        relevance_threshold: the least test rating that is relevant.
        binarize: set every rating to 1.
        complex_metrics: metrics with settings, see
            :func:`~mmrec.evaluation.complex_metrics.read_complex_metrics`.

    Raises:
        ConfigError: a metric is unknown or invalid, or a cutoff is not positive.
        DataError: a file cannot be used, or the files have no user in common.
        ModelError: a metric needs lists of all candidates, and these are not.
    """
    configured = read_complex_metrics(complex_metrics) if complex_metrics else ()
    return evaluate_tables(
        recs,
        *_read_splits(train, test),
        metrics=metrics,
        cutoffs=cutoffs,
        relevance_threshold=relevance_threshold,
        binarize=binarize,
        complex_metrics=configured,
    )


def evaluate_tables(
    recs: Path,
    train: Table,
    test: Table,
    *,
    metrics: Sequence[str],
    cutoffs: Sequence[int],
    relevance_threshold: float = 0.0,
    binarize: bool = False,
    complex_metrics: Sequence[ComplexMetric] = (),
) -> FileEvaluation:
    """Evaluate the lists of a recommendation file on splits that have been read.

    Items outside of the training split keep their position and are hits if they are among the
    user's test items. Training items of the user are kept as well. Users with test items but
    without a row in the file count with an empty list.

    Args:
        recs: as for :func:`evaluate_file`, as are all other arguments.
        train: the training split.
        test: the split to evaluate on.
        metrics: names.
        cutoffs: lengths.
        relevance_threshold: the least relevant rating.
        binarize: set every rating to 1.
        complex_metrics: metrics with settings.

    Raises:
        ConfigError: as from :func:`evaluate_file`, as are the others.
        DataError: a file cannot be used.
        ModelError: the lists are too short.
    """
    frame, order = read_lists(recs)
    trained, held_out = train.frame, test.frame
    # The numbers of trained items are those of a run, whatever other items the files have.
    users = Vocabulary(trained["user_id"].unique())
    trained_items = Vocabulary(trained["item_id"].unique())
    items = trained_items.extended(
        item for part in (held_out, frame) for item in part["item_id"].unique()
    )
    warnings = _check_ids(recs, frame, train, test, users, trained_items)
    if binarize:
        held_out = held_out.assign(rating=1.0)
    training = _interactions(trained, users, items)
    testing = _interactions(held_out, users, items)
    evaluator = Evaluator(
        training,
        testing,
        metrics,
        cutoffs,
        relevance_threshold,
        complex_metrics=complex_metrics,
        ids=Ids(users, items),
    )
    ignored, kept, lengths = _row_facts(frame, users, items, training, testing)
    top_k = evaluator.cutoffs[-1]
    if any(metric.complete for metric in evaluator.metrics):
        top_k = max(top_k, int(lengths.max()))
    missing = int(np.count_nonzero((testing.user_degrees > 0) & (lengths == 0)))
    trained_test_rows = int(np.count_nonzero(training.contains(testing.users, testing.items)))
    warnings += [
        short_lists(recs, lengths, evaluator.cutoffs),
        few_lists(recs, int(np.count_nonzero(testing.user_degrees > 0)), missing),
        trained_rows(recs, kept[OWN_ITEM], int(lengths.sum())),
        trained_rows(test.path, trained_test_rows, len(testing)),
    ]
    evaluation = evaluator.evaluate(ranking_from_frame(frame, users, items, top_k))
    return FileEvaluation(
        order=order,
        figures=evaluation.figures,
        per_user=evaluation.per_user,
        n_users=evaluator.n_users,
        n_users_without_list=missing,
        n_rows=len(frame),
        ignored_rows=ignored | {"past the last cutoff": int(np.maximum(lengths - top_k, 0).sum())},
        kept_rows=kept,
        ignored_test_rows=len(held_out) - len(testing),
        trained_test_rows=trained_test_rows,
        n_test_rows=len(held_out),
        warnings=tuple(warning for warning in warnings if warning is not None),
    )


def _read_splits(train: Path, test: Path) -> tuple[Table, Table]:
    if train == test:
        tables = read_labelled(train, header=None)
        return tables["train"], tables["test"]
    return read_split(train, header=None), read_split(test, header=None)


def _check_ids(
    recs: Path,
    frame: pd.DataFrame,
    train: Table,
    test: Table,
    users: Vocabulary,
    items: Vocabulary,
) -> list[str | None]:
    """Return warnings about ids that are not in training, or that look like row numbers.

    Args:
        recs: the file of the lists.
        frame: the lists.
        train: the training split.
        test: the split to evaluate on.
        users: of the training split.
        items: of the training split.

    Raises:
        DataError: no user is in the training split, or no item can be found.
    """
    for path, part in ((recs, frame), (test.path, test.frame)):
        require_known_users(path, part["user_id"].unique(), users, f"{TRAINING} {train.path}")
    test_items, listed_items = (part["item_id"].unique() for part in (test.frame, frame))
    require_reachable_items(test.path, test_items, listed_items, items)
    warnings = [
        unknown_ids(path, part[f"{what}_id"], known, what, TRAINING)
        for path, part in ((test.path, test.frame), (recs, frame))
        for what, known in (("user", users), ("item", items))
    ]
    for what in ("user", "item"):
        key = f"{what}_id"
        known = {*train.frame[key].unique(), *test.frame[key].unique()}
        warnings.append(internal_numbers(recs, frame[key].unique(), known, what))
    return warnings


def _interactions(frame: pd.DataFrame, users: Vocabulary, items: Vocabulary) -> Interactions:
    """Return the rows of known users, numbered."""
    rows = users.numbers(frame["user_id"], missing="negative")
    known = rows >= 0
    return Interactions.from_arrays(
        rows[known],
        items.numbers(frame["item_id"][known]),
        len(users),
        len(items),
        frame["rating"].to_numpy(np.float64)[known],
    )


def _row_facts(
    frame: pd.DataFrame,
    users: Vocabulary,
    items: Vocabulary,
    train: Interactions,
    test: Interactions,
) -> tuple[dict[str, int], dict[str, int], IntArray]:
    """Return counts of ignored rows, of unusual rows, and of evaluated rows of each user [U]."""
    rows = users.numbers(frame["user_id"], missing="negative")
    columns = items.numbers(frame["item_id"])
    is_known = rows >= 0
    is_judged = is_known & (test.user_degrees[rows] > 0)
    rows, columns = rows[is_judged], columns[is_judged]
    is_own = train.contains(rows, columns)
    ignored = {
        "user not in the training split": int(np.count_nonzero(~is_known)),
        "user without test items": int(np.count_nonzero(is_known & ~is_judged)),
    }
    kept = {
        OWN_ITEM: int(np.count_nonzero(is_own)),
        "item not in the training split": int(np.count_nonzero(train.item_degrees[columns] == 0)),
    }
    return ignored, kept, np.bincount(rows, minlength=len(users)).astype(np.int64)
