"""The metrics that trec_eval lacks, against loops over users and lists, on random rankings."""

from __future__ import annotations

from collections import Counter
from math import isnan, log2, nan
from statistics import fmean, pstdev

import numpy as np
import pytest
from helpers import metrics_of_cut_lists
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import entropy
from test_eval_oracle import Case, cases, interactions

from mmrec.data import Interactions
from mmrec.evaluation import Evaluator, Ranking


class Plain:
    """A ranking and its splits as Python's lists, sets and counters."""

    def __init__(
        self, train: Interactions, held_out: Interactions, threshold: float, lists: list[list[int]]
    ) -> None:
        self.pairs = set(zip(train.users.tolist(), train.items.tolist(), strict=True))
        self.counts = Counter(item for _, item in self.pairs)
        self.n_train_users = len({user for user, _ in self.pairs})
        self.relevant: dict[int, list[int]] = {user: [] for user in sorted(set(held_out.users))}
        for user, item, rating in zip(
            held_out.users, held_out.items, held_out.ratings, strict=True
        ):
            if rating >= threshold:
                self.relevant[user].append(item)
        self.lists = {user: lists[user] for user in self.relevant}
        self.shown = Counter(item for items in self.lists.values() for item in items)
        self.head, reached = set(), 0
        for item in sorted(self.counts, key=lambda item: (-self.counts[item], item)):
            if 5 * reached >= 4 * len(self.pairs):
                break
            self.head.add(item)
            reached += self.counts[item]
        self.tail = set(self.counts) - self.head

    def hits(self, user: int) -> list[bool]:
        return [item in self.relevant[user] for item in self.lists[user]]

    def parity(self, wanted: dict[int, set[int]], *, found: dict[int, list[int]]) -> float:
        """Dispersion over head and tail of what is found / what could be."""
        shares = []
        for group in (self.head, self.tail):
            possible = sum(
                (user, item) not in self.pairs for user in wanted for item in wanted[user] & group
            )
            n_found = sum(item in group for items in found.values() for item in items)
            shares.append(n_found / possible if possible else nan)
        return pstdev(shares) / fmean(shares) if any(shares) and not isnan(sum(shares)) else nan


def by_loops(p: Plain, k: int) -> dict[str, float]:
    """The figures at k by metric."""
    values: dict[str, list[float]] = {
        name: [] for name in ("F1", "MAP", "EFD", "EPC", "NumRetrieved", "ACLT", "APLT", "ARP")
    }
    surprises = []
    rarest = min(p.counts.values())
    for user, items in p.lists.items():
        values["ACLT"].append(sum(item in p.tail for item in items))
        if items:
            values["APLT"].append(fmean(item in p.tail for item in items))
            values["ARP"].append(fmean(p.counts[item] for item in items))
            surprises.append(fmean(-log2(p.shown[item] / p.shown.total()) for item in items))
        if not p.relevant[user]:
            continue
        hits = p.hits(user)
        precision, recall = sum(hits) / k, sum(hits) / len(p.relevant[user])
        both = precision + recall
        values["F1"].append(2 * precision * recall / both if both else 0)
        values["MAP"].append(fmean(sum(hits[:n]) / n for n in range(1, k + 1)))
        values["NumRetrieved"].append(len(items))
        places = [(1 / log2(n + 1), item) for n, item in enumerate(items, 1)]
        norm = sum(weight for weight, _ in places) or 1.0
        found = [place for place, hit in zip(places, hits, strict=True) if hit]
        rarity = sum(-w * log2((p.counts[i] or rarest) / len(p.pairs)) for w, i in found)
        values["EFD"].append(rarity / norm)
        values["EPC"].append(sum(w * (1 - p.counts[i] / p.n_train_users) for w, i in found) / norm)
    everything = set(p.counts)
    return {name: fmean(x) if x else nan for name, x in values.items()} | {
        "SEntropy": fmean(surprises) if surprises else nan,
        "ItemCoverage": len(p.shown),
        "UserCoverage": sum(bool(items) for items in p.lists.values()),
        "PopRSP": p.parity(dict.fromkeys(p.lists, everything), found=p.lists),
        "PopREO": p.parity(
            {user: set(items) for user, items in p.relevant.items()},
            found={u: [i for i in p.lists[u] if i in p.relevant[u]] for u in p.lists},
        ),
    }


def gini(p: Plain) -> float:
    """By mean absolute differences of all pairs; 1 is even, as Elliot has it."""
    shown = [p.shown[item] for item in p.counts]
    n, total = len(shown), sum(shown)
    differences = sum(abs(a - b) for a in shown for b in shown)
    return 1 - differences / (2 * n * total) * n / (n - 1)


@given(case=cases(), threshold=st.sampled_from([1.0, 2.0]), seed=st.integers(0, 99))
def test_agrees_with_loops(case: Case, threshold: float, seed: int) -> None:
    train, rows = interactions(case)
    assume(len(train))
    ratings = 1.0 + np.arange(len(rows)) % 2
    held_out = Interactions(rows.users, rows.items, ratings, *case.shape)
    assume((ratings >= threshold).any())
    k = case.cutoff
    # Lists of any length and of any items, also of those without a training row.
    rng = np.random.default_rng(seed)
    lists = [rng.permutation(case.shape[1])[: rng.integers(k + 1)].tolist() for _ in case.train]
    padded = np.array([[*items, *[-1] * (k - len(items))] for items in lists], np.int64)
    ranking = Ranking(padded, np.zeros(padded.shape, np.float32))

    plain = Plain(train, held_out, threshold, lists)
    evaluator = Evaluator(train, held_out, metrics_of_cut_lists(), [k], threshold)
    found = evaluator.evaluate(ranking).figures
    expected = by_loops(plain, k)
    assert {name: found[f"{name}@{k}"] for name in expected} == pytest.approx(
        expected, rel=1e-9, abs=1e-12, nan_ok=True
    )
    if plain.shown and set(plain.shown) <= set(plain.counts) and len(plain.counts) > 1:
        assert found[f"Gini@{k}"] == pytest.approx(gini(plain))
    if len({len(items) for items in plain.lists.values()}) == 1 and plain.shown:
        assert found[f"SEntropy@{k}"] == pytest.approx(entropy(list(plain.shown.values()), base=2))
