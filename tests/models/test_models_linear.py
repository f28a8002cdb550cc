"""EASER and Slim, against dense solutions and the conditions of the optimum."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from helpers import dataset_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import nnls

from mmrec.errors import ModelError
from mmrec.models import MODELS, all_pairs
from mmrec.models.closed_form import training_matrix
from mmrec.models.easer import EASER, EASERConfig
from mmrec.models.elastic_net import ElasticNet
from mmrec.models.slim import Slim, SlimConfig

GIB = 2**30


def ratings_of(n_users: int, n_items: int, seed: int = 0, *, graded: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    is_there = rng.random((n_users, n_items)) < 0.5 * rng.random((1, n_items))
    return is_there * (rng.integers(1, 6, is_there.shape).astype(float) if graded else 1.0)


def easer(ratings: np.ndarray, **config: object) -> EASER:
    return EASER(EASERConfig.model_validate(config), dataset_of(ratings))


def slim(ratings: np.ndarray, **config: object) -> np.ndarray:
    """Return the weights, dense."""
    weights: np.ndarray = Slim(
        SlimConfig.model_validate(config), dataset_of(ratings)
    ).right.toarray()
    return weights


def test_both_are_known_to_experiment_files() -> None:
    assert (MODELS["EASER"], MODELS["Slim"]) == (EASER, Slim)


def test_easer_on_ones_predicts_each_item_from_the_others() -> None:
    # Column j is ridge regression on the other items.
    ratings = ratings_of(60, 25, graded=False)
    weights = easer(ratings, l2_norm=3).right
    for j in range(25):
        others = np.delete(ratings, j, axis=1)
        system = others.T @ others + 3 * np.eye(24)
        expected = np.linalg.solve(system, others.T @ ratings[:, j])
        assert np.allclose(np.delete(weights[:, j], j), expected, atol=1e-12)
    assert not weights.diagonal().any()


def test_easer_replaces_the_diagonal_by_numbers_of_ratings() -> None:
    ratings = ratings_of(60, 25)
    gram = ratings.T @ ratings
    np.fill_diagonal(gram, (ratings > 0).sum(0) + 7)
    inverse = np.linalg.inv(gram)
    expected = -inverse / inverse.diagonal()
    np.fill_diagonal(expected, 0)
    model = easer(ratings, l2_norm=7)
    assert np.linalg.eigvalsh(gram)[0] < 0  # no Cholesky decomposition
    assert np.allclose(model.right, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    scores = model.scorer()(torch.tensor([3, 0])).numpy()
    assert np.allclose(scores, (ratings @ expected)[[3, 0]], atol=1e-8)


def test_easer_warns_on_graded_ratings_and_names_the_key(caplog: pytest.LogCaptureFixture) -> None:
    graded = ratings_of(30, 10)
    implicit = easer(graded, implicit=True)
    ones = easer(np.sign(graded))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert np.array_equal(implicit.right, ones.right)
    easer(graded)
    assert "implicit: True" in caplog.text


@pytest.mark.parametrize("ratings", [np.ones((5, 4)), ratings_of(30, 60, graded=False)])
def test_a_singular_matrix_names_l2_norm(ratings: np.ndarray) -> None:
    with pytest.raises(ModelError, match="l2_norm"):
        easer(ratings, l2_norm=0)


def test_easer_refuses_a_neighborhood() -> None:
    assert EASERConfig(neighborhood=-1).neighborhood == -1
    with pytest.raises(ValidationError, match="neighborhood"):
        EASERConfig(neighborhood=3)


def is_optimum(gram: np.ndarray, weights: np.ndarray, net: ElasticNet) -> bool:
    """Check the conditions of the optimum in every entry."""
    residuals = gram - gram @ weights - net.l2 * weights
    tolerance = 1e-8 * gram.max()
    free = ~np.eye(len(gram), dtype=bool) if net.is_hidden else np.full(gram.shape, True)
    inside = np.abs(residuals - net.l1 * np.sign(weights)) <= tolerance
    slack = residuals if net.is_positive else np.abs(residuals)
    outside = slack <= net.l1 + tolerance
    is_right = np.where(weights != 0, inside, outside)[free].all()
    is_allowed = not net.is_positive or (weights >= 0).all()
    return bool(is_right and is_allowed and not (net.is_hidden and weights.diagonal().any()))


@settings(deadline=None, max_examples=30)
@given(
    n_items=st.integers(1, 40),
    seed=st.integers(0, 1000),
    l1=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e6]),
    l2=st.sampled_from([1.0, 50.0]),
    is_positive=st.booleans(),
    is_hidden=st.booleans(),
)
def test_coefficients_meet_the_conditions_of_the_optimum(
    n_items: int, seed: int, l1: float, l2: float, is_positive: bool, is_hidden: bool
) -> None:
    ratings = ratings_of(30, n_items, seed)
    gram = ratings.T @ ratings
    net = ElasticNet(l1, l2, is_positive, is_hidden)
    assert is_optimum(gram, net.columns(gram).toarray().T, net)


@pytest.mark.parametrize("is_positive", [True, False])
def test_many_columns_in_several_blocks(is_positive: bool) -> None:
    ratings = ratings_of(60, 300, graded=False)
    gram = ratings.T @ ratings
    net = ElasticNet(1.0, 2.0, is_positive)
    assert is_optimum(gram, net.columns(gram).toarray().T, net)


@pytest.mark.parametrize("is_positive", [True, False])
def test_without_an_l2_penalty_it_is_a_lasso(is_positive: bool) -> None:
    ratings = ratings_of(60, 20)
    gram = ratings.T @ ratings
    net = ElasticNet(5.0, 0.0, is_positive)
    assert is_optimum(gram, net.columns(gram).toarray().T, net)


def test_without_an_l1_penalty_it_is_a_non_negative_least_squares_problem() -> None:
    ratings = ratings_of(50, 20)
    weights = slim(ratings, alpha=0.1, l1_ratio=0, neighborhood=-1)
    for j in range(20):
        others = np.delete(ratings, j, axis=1)
        system = np.vstack([others, np.sqrt(50 * 0.1) * np.eye(19)])
        expected, _ = nnls(system, np.append(ratings[:, j], np.zeros(19)))
        assert np.allclose(np.delete(weights[:, j], j), expected, atol=1e-9)


def test_bits_do_not_depend_on_threads() -> None:
    ratings = ratings_of(80, 120)
    gram, net = ratings.T @ ratings, ElasticNet(2.0, 3.0)
    expected, before = net.columns(gram), torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found = net.columns(gram)
            assert np.array_equal(found.data, expected.data)
            assert np.array_equal(found.indices, expected.indices)
    finally:
        torch.set_num_threads(before)


def test_slim_keeps_the_largest_weights_of_each_column() -> None:
    ratings = ratings_of(60, 30)
    every, kept = (slim(ratings, neighborhood=k, l1_ratio=0.1) for k in (-1, 3))
    for j in range(30):
        largest = np.sort(every[:, j])[-3:]
        assert np.array_equal(np.sort(kept[:, j])[-3:], largest)
        assert (kept[:, j] > 0).sum() == min(3, (every[:, j] > 0).sum())
    assert ((kept == 0) | (kept == every)).all()


def test_slim_on_ratings_or_on_ones() -> None:
    ratings = ratings_of(60, 30)
    ones = slim(np.sign(ratings), alpha=0.01)
    assert np.array_equal(slim(ratings, alpha=0.01, implicit=True), ones)
    # alpha grows with the square of the ratings.
    assert np.allclose(slim(5 * np.sign(ratings), alpha=0.25), ones, atol=1e-12)
    assert not np.allclose(slim(ratings, alpha=0.01), ones, atol=1e-3)


def test_slim_with_signed_weights() -> None:
    ratings = ratings_of(60, 30)
    assert (slim(ratings, positive_only=False, neighborhood=-1) < 0).any()


def test_an_item_may_predict_itself_on_request() -> None:
    ratings = ratings_of(60, 30, graded=False)
    assert not slim(ratings).diagonal().any()
    itself = slim(ratings, hide_item=False).diagonal()
    assert (itself[ratings.any(0)] > 0.9).all()


@pytest.mark.parametrize(
    ("name", "config", "bytes_of_pair"), [("EASER", {"implicit": True}, 24), ("Slim", {}, 16)]
)
def test_the_bytes_are_reported_and_what_does_not_fit_is_refused(
    name: str,
    config: dict[str, object],
    bytes_of_pair: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind, data = MODELS[name], dataset_of(ratings_of(20, 1000))
    needed = bytes_of_pair * 1000**2
    monkeypatch.setattr(all_pairs, "available_memory", lambda device: needed - 1)
    with caplog.at_level(logging.INFO), pytest.raises(ModelError) as raised:
        kind(kind.Config.model_validate(config), data)
    for text in (caplog.text, str(raised.value)):
        assert f"{needed / GIB:.2f} GiB" in text
        assert "1,000 items" in text
    assert "999 items" in str(raised.value)


@pytest.mark.parametrize(
    "failure", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_an_allocation_that_fails_is_an_error_of_the_model(failure: Exception) -> None:
    with pytest.raises(ModelError, match="allocation"), all_pairs.all_pairs("EASER", 10, 3):
        raise failure


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="other"), all_pairs.all_pairs("EASER", 10, 3):
        raise RuntimeError("other")


def test_the_gram_matrix() -> None:
    ratings = ratings_of(20, 15)
    matrix = training_matrix(dataset_of(ratings).train, implicit=False)
    assert np.array_equal(all_pairs.gram_matrix(matrix), ratings.T @ ratings)
