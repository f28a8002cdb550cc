"""Samplers of training batches."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import interactions, refusal
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import stats

from mmrec.data import (
    SAMPLERS,
    AllUsers,
    DistinctUsers,
    EachInteraction,
    Pairs,
    Sampler,
    Samples,
    UniformUsers,
)
from mmrec.errors import DataError

WITH_NEGATIVES = [UniformUsers, DistinctUsers, EachInteraction, AllUsers]
BY_USER = [UniformUsers, DistinctUsers]
_masks = st_numpy.arrays(
    np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 12)), elements=st.booleans()
)


def has_eligible_user(mask: np.ndarray) -> bool:
    degrees = mask.sum(1)
    return bool(((degrees > 0) & (degrees < mask.shape[1])).any())


def draw(sampler: type[Sampler], mask: np.ndarray, batch_size: int, seed: int = 0) -> Samples:
    train = interactions(mask)
    return sampler(train, batch_size).draw_epoch(np.random.default_rng(seed))


@pytest.mark.parametrize("sampler", WITH_NEGATIVES)
@given(mask=_masks, batch_size=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_positives_are_the_user_s_and_negatives_are_not(
    sampler: type[Sampler], mask: np.ndarray, batch_size: int, seed: int
) -> None:
    assume(has_eligible_user(mask))
    users, positives, negatives = draw(sampler, mask, batch_size, seed)
    assert negatives is not None
    assert len(users) == len(positives) == len(negatives) > 0
    assert {array.dtype for array in (users, positives, negatives)} == {np.dtype(np.int64)}
    assert mask[users, positives].all()
    assert negatives.min() >= 0
    assert negatives.max() < mask.shape[1]
    assert not mask[users, negatives].any()


@given(mask=_masks, batch_size=st.integers(1, 12))
def test_uniform_users_draws_as_many_samples_as_interactions(
    mask: np.ndarray, batch_size: int
) -> None:
    assume(has_eligible_user(mask))
    assert len(draw(UniformUsers, mask, batch_size).users) == mask.sum()
    assert UniformUsers(interactions(mask), batch_size).batch_size == batch_size


@given(mask=_masks, batch_size=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_distinct_users_fills_batches_without_repetition(
    mask: np.ndarray, batch_size: int, seed: int
) -> None:
    assume(has_eligible_user(mask))
    degrees = mask.sum(1)
    n_eligible = int(((degrees > 0) & (degrees < mask.shape[1])).sum())
    sampler = DistinctUsers(interactions(mask), batch_size)
    assert sampler.batch_size == min(batch_size, n_eligible)

    users = sampler.draw_epoch(np.random.default_rng(seed)).users
    n_batches = int(np.ceil(mask.sum() / batch_size))
    assert len(users) == n_batches * sampler.batch_size
    for batch in users.reshape(n_batches, sampler.batch_size):
        assert len(set(batch)) == len(batch)


@pytest.mark.parametrize(
    ("batch_size", "n_batches", "used"),
    [(1, 7, 1), (2, 4, 2), (3, 3, 3), (4, 2, 4), (7, 1, 4), (100, 1, 4)],
)
def test_distinct_users_batches_by_hand(batch_size: int, n_batches: int, used: int) -> None:
    # 7 interactions of 4 users: ceil(7 / batch_size) batches of at most 4 users.
    mask = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1]])
    sampler = DistinctUsers(interactions(mask), batch_size)
    assert sampler.batch_size == used
    assert len(sampler.draw_epoch(np.random.default_rng(0)).users) == n_batches * used


@pytest.mark.parametrize("sampler", WITH_NEGATIVES)
def test_a_user_without_any_or_with_every_item_is_never_drawn(
    sampler: type[Sampler],
) -> None:
    mask = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
    drawn = {user for seed in range(50) for user in draw(sampler, mask, 2, seed).users.tolist()}
    assert drawn == {1, 3}


def pairs(samples: Samples) -> list[tuple[int, int]]:
    return list(zip(samples.users.tolist(), samples.positives.tolist(), strict=True))


@given(mask=_masks, batch_size=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_pairs_has_each_interaction_once_without_negatives(
    mask: np.ndarray, batch_size: int, seed: int
) -> None:
    samples = draw(Pairs, mask, batch_size, seed)
    assert samples.negatives is None
    assert sorted(pairs(samples)) == list(zip(*(x.tolist() for x in mask.nonzero()), strict=True))


@given(mask=_masks, batch_size=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_each_interaction_of_users_with_a_negative_item_once(
    mask: np.ndarray, batch_size: int, seed: int
) -> None:
    assume(has_eligible_user(mask))
    expected = [(u, i) for u, i in np.argwhere(mask).tolist() if not mask[u].all()]
    assert sorted(pairs(draw(EachInteraction, mask, batch_size, seed))) == expected


@pytest.mark.parametrize("sampler", [EachInteraction, Pairs])
def test_every_epoch_has_another_order(sampler: type[Sampler], mask: np.ndarray) -> None:
    one, rng = sampler(interactions(mask), 5), np.random.default_rng(0)
    first, second = pairs(one.draw_epoch(rng)), pairs(one.draw_epoch(rng))
    assert first != second
    assert sorted(first) == sorted(second) != first


def test_all_users_are_one_batch() -> None:
    mask = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1]])
    sampler = AllUsers(interactions(mask), 1)
    assert sampler.draw_epoch(np.random.default_rng(0)).users.tolist() == [1, 3]
    assert (sampler.batch_size, sampler.n_batches) == (2, 1)


@pytest.mark.parametrize("sampler", SAMPLERS.values())
@given(mask=_masks, batch_size=st.integers(1, 12))
def test_batches_are_counted_without_drawing(
    sampler: type[Sampler], mask: np.ndarray, batch_size: int
) -> None:
    assume(has_eligible_user(mask))
    one = sampler(interactions(mask), batch_size)
    n_samples = len(one.draw_epoch(np.random.default_rng(0)).users)
    assert n_samples == one.n_samples
    assert one.n_batches == int(np.ceil(n_samples / one.batch_size))


@pytest.mark.parametrize("sampler", WITH_NEGATIVES)
@given(mask=_masks, seed=st.integers(0, 2**32), n_negatives=st.integers(2, 4))
def test_several_negatives(
    sampler: type[Sampler], mask: np.ndarray, seed: int, n_negatives: int
) -> None:
    assume(has_eligible_user(mask))
    samples = sampler(interactions(mask), 3, n_negatives).draw_epoch(np.random.default_rng(seed))
    assert samples.negatives is not None
    assert samples.negatives.shape == (len(samples.users), n_negatives)
    assert not mask[samples.users[:, None], samples.negatives].any()


@pytest.mark.parametrize("sampler", WITH_NEGATIVES)
@pytest.mark.parametrize("mask", [np.ones((2, 3)), [[1, 1], [0, 0]], np.zeros((2, 2))])
def test_no_negative_item_is_an_error(sampler: type[Sampler], mask: np.ndarray) -> None:
    assert refusal(DataError, sampler, interactions(mask), 4) == (
        "every user has every item: there is no negative item to train on"
    )


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    """12 users with 1 to 12 of 15 items each."""
    rng = np.random.default_rng(3)
    mask = np.zeros((12, 15), bool)
    for user in range(12):
        mask[user, rng.choice(15, user + 1, replace=False)] = True
    return mask


def p_value(counts: np.ndarray) -> float:
    """Of a chi-square test that the counts are draws from a uniform distribution."""
    return float(stats.chisquare(counts).pvalue)


def many(sampler: type[Sampler], mask: np.ndarray, n_epochs: int) -> Samples:
    one = sampler(interactions(mask), 5)
    rng = np.random.default_rng(7)
    epochs = [one.draw_epoch(rng) for _ in range(n_epochs)]
    return Samples(*(np.concatenate(columns) for columns in zip(*epochs, strict=True)))  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", BY_USER)
def test_draws_are_uniform(sampler: type[Sampler], mask: np.ndarray) -> None:
    users, positives, negatives = many(sampler, mask, 700)
    assert len(users) > 50_000
    p_values = [p_value(np.bincount(users, minlength=12))]
    for user in range(12):
        own, missing = mask[user], ~mask[user]
        mine = users == user
        if own.sum() > 1:
            p_values.append(p_value(np.bincount(positives[mine], minlength=15)[own]))
        p_values.append(p_value(np.bincount(negatives[mine], minlength=15)[missing]))
    # 24 tests: one of them below 1e-4 by chance has a probability of 0.2 %.
    assert min(p_values) > 1e-4
    # And the draws are not too even either, as they would be if items were dealt out in turn.
    assert max(p_values) < 1 - 1e-4


def test_positive_and_negative_are_independent(mask: np.ndarray) -> None:
    users, positives, negatives = many(UniformUsers, mask, 700)
    mine = users == 4  # five items: a table of 5 x 10 counts
    table = np.zeros((15, 15))
    np.add.at(table, (positives[mine], negatives[mine]), 1)
    table = table[mask[4]][:, ~mask[4]]
    assert table.shape == (5, 10)
    assert 1e-4 < stats.chi2_contingency(table).pvalue < 1 - 1e-4


@pytest.mark.parametrize("sampler", WITH_NEGATIVES)
def test_the_generator_decides_and_nothing_else(sampler: type[Sampler], mask: np.ndarray) -> None:
    one, other = sampler(interactions(mask), 5), sampler(interactions(mask), 5)
    first = one.draw_epoch(np.random.default_rng(1))
    one.draw_epoch(np.random.default_rng(2))
    again = one.draw_epoch(np.random.default_rng(1))
    elsewhere = other.draw_epoch(np.random.default_rng(1))
    for a, b, c in zip(first, again, elsewhere, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    different = other.draw_epoch(np.random.default_rng(3))
    assert not np.array_equal(first.positives, different.positives)


@pytest.mark.parametrize("sampler", WITH_NEGATIVES)
def test_numpy_s_global_generator_is_neither_read_nor_moved(
    sampler: type[Sampler], mask: np.ndarray
) -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    first = draw(sampler, mask, 5)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(draw(sampler, mask, 5), first)
