"""What lists are worth for popular, middling and rare items apart.

The groups share the training interactions out in thirds: the **head** is the few most popular items
that hold the first third, the **mid** holds the second, the **tail** is all the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrec.data import IntArray, Interactions
from mmrec.evaluation.context import Context, ground_truth, judge
from mmrec.evaluation.ranking import Ranking

GROUPS = ("head", "mid", "tail")
"""By descending popularity."""


def popularity_groups(train: Interactions) -> IntArray:
    """Return [I] int64: the place in :data:`GROUPS` of each item, -1 for one that was not trained.

    Items are taken by descending number of training interactions, ties by ascending item number.
    An item belongs to the group in whose third of the interactions its own begin: to the head if
    the items before it hold less than a third of all, to the tail if they hold two thirds or more.
    """
    counts = train.item_degrees
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    groups = np.empty(len(counts), np.int64)
    groups[order] = len(GROUPS) * before // max(len(train), 1)
    groups[counts == 0] = -1
    return groups


class GroupEvaluator:
    """Judges rankings group by group on one held-out split.

    Args:
        train: the training split.
        held_out: validation or test, in the same numbers.
        cutoffs: lengths at which the lists are cut.
        relevance_threshold: the least held-out rating that is relevant.

    Raises:
        DataError: no held-out row is relevant, or the splits are numbered differently.
    """

    def __init__(
        self,
        train: Interactions,
        held_out: Interactions,
        cutoffs: Sequence[int],
        relevance_threshold: float = 0.0,
    ) -> None:
        self._cutoffs = tuple(sorted(set(cutoffs)))
        self._truth = ground_truth(train, held_out, relevance_threshold, self._cutoffs[-1])
        self._train = train
        groups = popularity_groups(train)
        self._members = {name: groups == place for place, name in enumerate(GROUPS)}

    def evaluate(self, ranking: Ranking) -> dict[str, dict[str, float]]:
        """Return the facts and figures of each group, by its name.

        ``items``, ``interactions`` and ``relevant`` count its items, their training rows and the
        relevant held-out rows of such items; ``users`` are those with at least one of the latter.
        ``Recall@k`` is the mean over these users of hits in the group / relevant items in the
        group. ``Share@k`` is the share of the group in all recommendations to users with any
        relevant item. Held-out items that were never trained on belong to no group. Figures are
        NaN where nothing is relevant or recommended.

        Raises:
            ModelError: the ranking has another form than the splits.
        """
        judged = judge(self._truth, ranking)
        lists = {cutoff: judged.at(cutoff) for cutoff in self._cutoffs}
        found = {}
        for name, members in self._members.items():
            relevant = self._relevant(members)
            facts: dict[str, float] = {
                "items": int(members.sum()),
                "interactions": int(self._train.item_degrees[members].sum()),
                "relevant": int(relevant.sum()),
                "users": int(np.count_nonzero(relevant)),
            }
            for cutoff, at_cutoff in lists.items():
                facts[f"Recall@{cutoff}"] = _recall(at_cutoff, members, relevant)
            for cutoff, at_cutoff in lists.items():
                facts[f"Share@{cutoff}"] = self._share(at_cutoff, members)
            found[name] = facts
        return found

    def _relevant(self, members: np.ndarray) -> IntArray:
        """Return [V]: how many relevant items of a group each user has."""
        users, items = np.divmod(self._truth.keys, self._train.n_items)
        rows = np.searchsorted(self._truth.users, users[members[items]])
        return np.bincount(rows, minlength=len(self._truth.users)).astype(np.int64)

    def _share(self, lists: Context, members: np.ndarray) -> float:
        counting = self._truth.n_relevant > 0
        places = lists.lengths[counting].sum()
        return float(lists.count(members)[counting].sum() / places) if places else float("nan")


def _recall(lists: Context, members: np.ndarray, relevant: IntArray) -> float:
    having = relevant > 0
    hits = np.count_nonzero(lists.hits & members[lists.items], axis=1)
    return float((hits[having] / relevant[having]).mean()) if having.any() else float("nan")
