"""Figures for popular, middling and rare items.

Each group has about a third of the training interactions: the few **popular** items the first, the
**middling** items the second, and the many **rare** items the third. The short head and the long
tail of APLT, ACLT, PopRSP and PopREO are different: they have 80 % and 20 %.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import IntArray, Interactions
from mmrec.evaluation.evaluator import Evaluator
from mmrec.evaluation.judged_lists import JudgedLists, judge
from mmrec.evaluation.ranking import Ranking

GROUPS = ("popular", "middling", "rare")
"""By descending popularity."""


def popularity_groups(train: Interactions) -> IntArray:
    """Return [I] int64: the index in :data:`GROUPS` of each item, -1 without training rows.

    Items are ordered by descending number of training interactions, ties by ascending number. An
    item is popular if the items before it have less than a third of all interactions, and rare if
    they have two thirds or more.
    """
    counts = train.item_degrees
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    groups = np.empty(len(counts), np.int64)
    groups[order] = len(GROUPS) * before // max(len(train), 1)
    groups[counts == 0] = -1
    return groups


class GroupEvaluator:
    """Computes figures of rankings for each group on a held-out split.

    Args:
        evaluator: of the same split; its cutoffs and relevant rows are used.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._cutoffs, self._truth = evaluator.cutoffs, evaluator.truth
        self._train = evaluator.train
        groups = popularity_groups(self._train)
        self._members = {name: groups == index for index, name in enumerate(GROUPS)}

    def evaluate(self, ranking: Ranking) -> dict[str, dict[str, float]]:
        """Return the figures of each group, by its name.

        ``items`` is the number of its items, ``interactions`` of their training rows, ``relevant``
        of their relevant held-out rows, and ``users`` of the users with such a row. ``Recall@k`` is
        the mean over these users of hits in the group / relevant items in the group. ``Share@k`` is
        the share of the group in all recommendations to users with any relevant item. Held-out
        items without training rows are in no group. Undefined figures are NaN.

        Raises:
            ModelError: the ranking has the wrong shape.
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
        """Return [V] int64: the number of relevant items of a group of each user."""
        users, items = np.divmod(self._truth.keys, self._train.n_items)
        rows = np.searchsorted(self._truth.users, users[members[items]])
        return np.bincount(rows, minlength=len(self._truth.users)).astype(np.int64)

    def _share(self, lists: JudgedLists, members: np.ndarray) -> float:
        counting = self._truth.n_relevant > 0
        places = lists.lengths[counting].sum()
        return float(lists.count(members)[counting].sum() / places) if places else float("nan")


def _recall(lists: JudgedLists, members: np.ndarray, relevant: IntArray) -> float:
    having = relevant > 0
    hits = np.count_nonzero(lists.hits & members[lists.items], axis=1)
    return float((hits[having] / relevant[having]).mean()) if having.any() else float("nan")
