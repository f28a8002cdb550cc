"""The example users of a report: their choice, their items and their recommendations."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from mmrec.config import Experiment, Problems
from mmrec.data import COLD, Dataset, Interactions
from mmrec.errors import listing
from mmrec.evaluation import Ranking

ExampleLists = dict[str, list[tuple[str | None, float]]]
"""By user id: item id and score, best first; None for an item that is not in the data."""


def check_example_users(experiment: Experiment, dataset: Dataset, problems: Problems) -> None:
    """Refuse an experiment whose report names users who are not in the training split.

    Raises:
        ConfigError: it does not; the message has every such user with similar ids.
    """
    users = () if experiment.report is None else experiment.report.users
    for index, user_id in enumerate(() if isinstance(users, int) else users):
        if user_id not in dataset.users:
            problems.add(
                ("experiment", "report", "users", index), unknown_user(user_id, dataset.users.ids)
            )
    problems.raise_if_any()


def unknown_user(user_id: str, known: Sequence[str]) -> str:
    """Return the message that a user does not exist, with similar ids."""
    close = difflib.get_close_matches(user_id, known, n=5, cutoff=0.5)
    hint = f"; similar: {listing(close)}" if close else f"; for example: {listing(known[:5], 5)}"
    return f"no user {user_id!r} among the {len(known):,} users of training{hint}"


def example_users(experiment: Experiment, dataset: Dataset) -> list[int]:
    """Return the numbers of the example users, in the order of the report.

    Users with a relevant test item that can be recommended are ordered by their training
    interactions, ties by number, and divided into n equal groups; the middle user of each group is
    chosen. Metrics have no influence.

    Args:
        experiment: has the number of users or their ids.
        dataset: of the first fold.
    """
    if experiment.report is None:
        return []
    users = experiment.report.users
    if not isinstance(users, int):
        known: list[int] = dataset.users.numbers(users).tolist()
        return known
    test = dataset.test
    counts = (test.ratings >= experiment.evaluation.relevance_threshold) & (test.items != COLD)
    eligible = np.unique(test.users[counts])
    by_activity = eligible[np.argsort(dataset.train.user_degrees[eligible], kind="stable")]
    n = min(users, len(eligible))
    chosen: list[int] = by_activity[
        [(2 * i + 1) * len(eligible) // (2 * n) for i in range(n)]
    ].tolist()
    return chosen


def example_lists(ranking: Ranking, dataset: Dataset, users: Sequence[int]) -> ExampleLists:
    """Return the recommendation lists of some users, with ids as in the data's files."""
    return {
        dataset.users.id_of(user): [
            (None if item < 0 else dataset.items.id_of(item), float(score))
            for item, score in zip(ranking.items[user], ranking.scores[user], strict=True)
            if score > -np.inf
        ]
        for user in users
    }


def held_out_ids(dataset: Dataset, user: int, threshold: float) -> dict[str, tuple[str, ...]]:
    """Return the ids of a user's relevant held-out items that can be recommended, by split."""
    return {
        name: tuple(dataset.items.id_of(i) for i in items_of(split, user, threshold) if i != COLD)
        for name, split in dataset.held_out.items()
    }


def items_of(split: Interactions, user: int, threshold: float = -np.inf) -> list[int]:
    """Return the items of a user, those with a rating of at least ``threshold``, by number."""
    rows = slice(split.offsets[user], split.offsets[user + 1])
    items: list[int] = split.items[rows][split.ratings[rows] >= threshold].tolist()
    return items
