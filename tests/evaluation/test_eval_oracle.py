"""Accuracy metrics of random rankings against trec_eval."""

from __future__ import annotations

from dataclasses import dataclass

import ir_measures
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from ir_measures import AP, RR, P, R, Success, nDCG

from mmrec.data import COLD, Interactions
from mmrec.evaluation import Evaluator, Ranking, rank

NAMES = {
    "Recall": R,
    "Precision": P,
    "HR": Success,
    "MRR": RR,
    "MAPTrec": AP,
    "nDCGRendle2020": nDCG,
}


@dataclass(frozen=True)
class Case:
    scores: np.ndarray  # [U, I] of both signs, many of them equal
    train: np.ndarray  # [U, I] bool
    held_out: np.ndarray  # [U, I] bool, disjoint from train
    n_cold: np.ndarray  # [U]: relevant items that nothing can recommend
    cutoff: int  # may exceed I

    @property
    def shape(self) -> tuple[int, int]:
        return self.train.shape[0], self.train.shape[1]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 14)))
    role = draw(st_numpy.arrays(np.int8, shape, elements=st.integers(0, 3)))
    n_cold = draw(st_numpy.arrays(np.int64, shape[0], elements=st.integers(0, 2)))
    if not n_cold.any() and not (role == 1).any():
        n_cold[0] = 1  # something must be relevant
    return Case(
        scores=draw(st_numpy.arrays(np.float32, shape, elements=st.integers(-3, 3))),
        train=role == 0,
        held_out=role == 1,
        n_cold=n_cold,
        cutoff=draw(st.integers(1, 17)),
    )


def interactions(case: Case) -> tuple[Interactions, Interactions]:
    users, items = case.held_out.nonzero()
    cold_users = np.repeat(np.arange(len(case.n_cold)), case.n_cold)
    held_out = Interactions.from_arrays(
        np.concatenate([users, cold_users]),
        np.concatenate([items, np.full(len(cold_users), COLD)]),
        *case.shape,
    )
    return Interactions.from_arrays(*case.train.nonzero(), *case.shape), held_out


def trec_run(ranking: Ranking) -> list[ir_measures.ScoredDoc]:
    return [
        # trec_eval breaks ties by descending name, so it is given ranks instead of scores.
        ir_measures.ScoredDoc(str(user), f"item {item}", -place)
        for user, items in enumerate(ranking.items)
        for place, item in enumerate(items)
        if item >= 0
    ]


def trec_values(case: Case, ranking: Ranking) -> dict[str, np.ndarray]:
    """By figure name the values [U] that trec_eval gives, NaN for users with nothing relevant."""
    qrels = [
        ir_measures.Qrel(str(user), f"item {item}", 1)
        for user, item in zip(*case.held_out.nonzero(), strict=True)
    ]
    for user, count in enumerate(case.n_cold):
        qrels += [ir_measures.Qrel(str(user), f"cold {i}", 1) for i in range(count)]
    measures = {name: measure @ case.cutoff for name, measure in NAMES.items()}
    has_relevant = case.held_out.any(axis=1) | (case.n_cold > 0)
    values = {name: np.where(has_relevant, 0.0, np.nan) for name in measures}
    by_measure = {str(measure): name for name, measure in measures.items()}
    for result in ir_measures.iter_calc(list(measures.values()), qrels, trec_run(ranking)):
        if has_relevant[int(result.query_id)]:
            values[by_measure[str(result.measure)]][int(result.query_id)] = result.value
    return {f"{name}@{case.cutoff}": array for name, array in values.items()}


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_agrees_with_trec_eval(case: Case) -> None:
    train, held_out = interactions(case)
    table = torch.from_numpy(case.scores)
    ranking = rank(lambda users: table[users], train, case.cutoff)
    evaluation = Evaluator(train, held_out, list(NAMES), [case.cutoff]).evaluate(ranking)
    expected = trec_values(case, ranking)
    assert evaluation.per_user.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(evaluation.per_user[name], values, rtol=1e-12, err_msg=name)
        assert evaluation.figures[name] == np.nanmean(evaluation.per_user[name])


@settings(max_examples=50, deadline=None)
@given(case=cases())
def test_graded_ndcg_agrees_with_trec_eval_on_the_same_gains(case: Case) -> None:
    # trec_eval's nDCG takes the relevance itself as the gain: feed it 2^(rating - 1 + 1) - 1.
    train, held_out = interactions(case)
    ratings = 1.0 + np.arange(len(held_out)) % 4
    graded = Interactions(held_out.users, held_out.items, ratings, *case.shape)
    table = torch.from_numpy(case.scores)
    ranking = rank(lambda users: table[users], train, case.cutoff)
    found = Evaluator(train, graded, ["nDCG"], [case.cutoff], 1).evaluate(ranking)

    qrels = [
        ir_measures.Qrel(
            str(user), f"item {item}" if item >= 0 else f"cold {row}", int(2**rating - 1)
        )
        for row, (user, item, rating) in enumerate(
            zip(graded.users, graded.items, ratings, strict=True)
        )
    ]
    expected = np.where(held_out.user_degrees > 0, 0.0, np.nan)
    for result in ir_measures.iter_calc([nDCG @ case.cutoff], qrels, trec_run(ranking)):
        expected[int(result.query_id)] = result.value
    np.testing.assert_allclose(found.per_user[f"nDCG@{case.cutoff}"], expected, rtol=1e-12)
