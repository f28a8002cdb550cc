"""MostPop and Random."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import dataset_of
from scipy import stats

from mmrec.models import MODELS, RecommenderConfig
from mmrec.models.baselines import MostPop, Random, RandomConfig

CPU = torch.device("cpu")


MASK = np.array([[1, 0, 0, 1], [1, 0, 1, 1], [1, 0, 1, 0]])


def test_both_are_known_to_experiment_files() -> None:
    assert (MODELS["MostPop"], MODELS["Random"]) == (MostPop, Random)


def test_most_popular_scores_by_training_interactions() -> None:
    scorer = MostPop(RecommenderConfig(), dataset_of(MASK)).scorer()
    assert scorer(torch.tensor([2, 0])).tolist() == [[3, 0, 2, 2]] * 2


def test_most_popular_lists() -> None:
    # Popularity 3 0 2 2: without what is known, and item 2 before item 3 on the tie.
    data = dataset_of(MASK)
    ranking = MostPop(RecommenderConfig(), data).rank(data.train, 3, CPU)
    assert ranking.items.tolist() == [[2, 1, -1], [1, -1, -1], [3, 1, -1]]
    assert ranking.scores[0].tolist() == [2, 0, -np.inf]


def random(n_users: int = 50, n_items: int = 40, **config: int) -> Random:
    return Random(RandomConfig(**config), dataset_of(np.eye(n_users, n_items)))


def test_random_scores_do_not_depend_on_the_batch() -> None:
    scorer = random().scorer()
    everyone = scorer(torch.arange(50))
    assert everyone.shape == (50, 40)
    assert everyone.dtype == torch.float32
    assert torch.equal(scorer(torch.tensor([7])), everyone[[7]])
    assert torch.equal(scorer(torch.tensor([30, 7, 7])), everyone[[30, 7, 7]])
    assert torch.equal(random().scorer()(torch.arange(50)), everyone)


def test_random_scores_do_not_depend_on_the_other_users() -> None:
    few, many = random(n_users=5).scorer(), random(n_users=500).scorer()
    assert torch.equal(few(torch.arange(5)), many(torch.arange(5)))


def test_random_scores_do_not_touch_a_global_generator() -> None:
    before = torch.get_rng_state()
    first = random().scorer()(torch.arange(3))
    torch.manual_seed(123)
    assert torch.equal(random().scorer()(torch.arange(3)), first)
    torch.set_rng_state(before)


def test_random_scores_are_uniform_and_independent() -> None:
    scores = random(300, 200).scorer()(torch.arange(300)).numpy()
    assert len(np.unique(scores)) > 0.99 * scores.size
    assert stats.kstest(scores.ravel(), "uniform").pvalue > 1e-4
    # Neighbouring users and neighbouring seeds are not shifted copies of each other.
    others = random(300, 200, seed=43).scorer()(torch.arange(300)).numpy()
    for one, other in ((scores[:-1], scores[1:]), (scores, others), (scores[1:], others[:-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("config", "same_as"),
    [
        ({"seed": 5}, {"seed": 5}),
        ({"random_seed": 5}, {"seed": 5}),
        ({"random_seed": 5, "seed": 9}, {"seed": 5}),
        ({"random_seed": 0, "seed": 9}, {"seed": 0}),
        ({}, {"seed": 42}),
    ],
)
def test_elliot_s_name_of_the_seed_wins(config: dict[str, int], same_as: dict[str, int]) -> None:
    users = torch.arange(4)
    assert torch.equal(random(**config).scorer()(users), random(**same_as).scorer()(users))
    assert not torch.equal(random(**config).scorer()(users), random(seed=77).scorer()(users))
