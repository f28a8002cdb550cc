"""ItemKNN, UserKNN and RP3beta against their definitions, dense and one entry at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import assert_contains, dataset_of, refusal
from pydantic import ValidationError

from mmrec.graph import row_blocks
from mmrec.models import MODELS, Recommender
from mmrec.models.itemknn import ItemKNNConfig
from mmrec.models.neighbours import similarities
from mmrec.models.rp3beta import RP3beta
from mmrec.models.userknn import UserKNNConfig

CPU = torch.device("cpu")


def some_ratings(n_users: int = 40, n_items: int = 31, seed: int = 0) -> np.ndarray:
    """Ratings from 1 to 5; every user and item has one."""
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 6, (n_users, n_items)) * (rng.random((n_users, n_items)) < 0.25)
    ratings[np.arange(n_users), np.arange(n_users) % n_items] = 3
    return ratings.astype(float)


RATINGS = some_ratings()


def built(name: str, ratings: np.ndarray = RATINGS, **config: Any) -> Recommender:
    kind = MODELS[name]
    return kind(kind.Config.model_validate(config), dataset_of(ratings))


def scores(name: str, ratings: np.ndarray = RATINGS, **config: Any) -> np.ndarray:
    return built(name, ratings, **config).scorer()(torch.arange(len(ratings))).numpy()


def chosen(similarity: np.ndarray, k: int, *, zeros_compete: bool) -> np.ndarray:
    """Keep the k largest of each column, of equal ones those of the lowest rows."""
    kept = np.zeros_like(similarity)
    for column, values in enumerate(similarity.T):
        rows = np.arange(len(values)) if zeros_compete else np.flatnonzero(values)
        order = rows[np.lexsort((rows, -np.round(values[rows], 12)))][:k]
        kept[order, column] = values[order]
    return kept


def cosine(x: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(x, axis=1)
    return x @ x.T / np.outer(norms, norms)


def aiolli_cosine(x: np.ndarray, shrink: float) -> np.ndarray:
    norms = np.linalg.norm(x, axis=1)
    similarity = x @ x.T / (np.outer(norms, norms) + shrink + 1e-6)
    np.fill_diagonal(similarity, 0)
    return similarity


@pytest.mark.parametrize("implicit", [False, True])
def test_itemknn_standard(implicit: bool) -> None:
    r = (RATINGS > 0) * 1.0 if implicit else RATINGS
    expected = r @ chosen(cosine(r.T), 5, zeros_compete=False)
    assert np.allclose(scores("ItemKNN", neighbors=5, implicit=implicit), expected)


def test_itemknn_aiolli() -> None:
    expected = RATINGS @ chosen(aiolli_cosine(RATINGS.T, 4), 5, zeros_compete=True)
    ours = scores("ItemKNN", neighbors=5, implementation="aiolli", shrink=4)
    assert np.allclose(ours, expected)


def test_the_candidate_has_the_exponent_of_asymmetric() -> None:
    # s_01 has the neighbour i = 0 of the candidate j = 1.
    ratings = np.array([[1.0, 0], [1, 1], [1, 1]])
    ours = scores(
        "ItemKNN", ratings, implementation="aiolli", similarity="asymmetric", asymmetric_alpha=0.2
    )
    assert ours[0, 1] == pytest.approx(2 / (2**0.2 * 3**0.8 + 1e-6), abs=1e-12)


def test_userknn_counts_the_votes_of_users_that_chose_the_user_or_of_those_chosen() -> None:
    weights = chosen(aiolli_cosine(RATINGS, 0), 4, zeros_compete=True)
    assert not np.array_equal(weights != 0, weights.T != 0)
    config = {"neighbors": 4, "implementation": "aiolli"}
    assert np.allclose(scores("UserKNN", **config), weights @ RATINGS)
    assert np.allclose(scores("UserKNN", votes="own", **config), weights.T @ RATINGS)


def test_a_user_that_nobody_chose_has_scores_of_zero_in_ascending_order() -> None:
    ratings = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1]])
    model = built("UserKNN", ratings, neighbors=1, implementation="aiolli")
    data = dataset_of(ratings)
    ranking = model.rank(data.train, 4, CPU)
    assert ranking.items[2].tolist() == [1, 2, -1, -1]
    assert ranking.scores[2, :2].tolist() == [0, 0]


def test_equal_similarities_go_by_ascending_number() -> None:
    # Items 1, 2 and 3 are equal for item 0, by any similarity.
    ratings = np.array([[1.0, 1, 1, 1], [1, 0, 0, 0]])
    for config in (
        {"implementation": "aiolli"},
        {"implementation": "aiolli", "similarity": "jaccard"},
    ):
        model = built("ItemKNN", ratings, neighbors=2, **config)
        assert np.flatnonzero(model.right.toarray()[:, 0]).tolist() == [1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["ItemKNN", "UserKNN", "RP3beta"])
def test_a_trial_is_the_same_with_other_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scores(name)
    monkeypatch.setattr(row_blocks, "_BLOCK_VALUES", 100)
    assert np.array_equal(scores(name), before)


@pytest.mark.parametrize("name", ["ItemKNN", "UserKNN"])
@pytest.mark.parametrize("n", [101, 201])
def test_sizes_that_crash_elliot(name: str, n: int) -> None:
    shape = {"n_users": n, "n_items": 30} if name == "UserKNN" else {"n_users": 30, "n_items": n}
    ratings = some_ratings(**shape)
    ratings[np.arange(n) % shape["n_users"], np.arange(n) % shape["n_items"]] = 2
    assert np.isfinite(scores(name, ratings, implementation="aiolli")).all()


@pytest.mark.parametrize("name", ["ItemKNN", "UserKNN", "RP3beta"])
def test_ratings_of_zero_and_less_count_as_absent(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with_absent = RATINGS.copy()
    with_absent[0, :3] = -2
    assert np.array_equal(scores(name, with_absent), scores(name, np.maximum(with_absent, 0)))
    assert_contains(caplog.text, ["3 of the", "0 or less"])


def rp3beta(
    r: np.ndarray, alpha: float, beta: float, k: int, *, normalize: bool = False
) -> np.ndarray:
    """The definition, dense: the weights W."""
    degrees = (r > 0).sum(axis=0)
    to_item = np.where(r > 0, r / r.sum(axis=1, keepdims=True), 0) ** alpha * (r > 0)
    to_user = ((r > 0) / degrees).T ** alpha * (r > 0).T
    weights = to_user @ to_item * degrees**-beta
    np.fill_diagonal(weights, 0)
    rows = chosen(weights.T, k, zeros_compete=False).T
    if normalize:
        rows = rows / rows.sum(axis=1, keepdims=True)
    return chosen(rows, k, zeros_compete=False)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.6), (0.7, 0.3), (1.3, 0.0)])
def test_rp3beta(alpha: float, beta: float, normalize: bool) -> None:
    config = {"alpha": alpha, "beta": beta, "neighborhood": 4, "normalize_similarity": normalize}
    expected = RATINGS @ rp3beta(RATINGS, alpha, beta, 4, normalize=normalize)
    assert np.allclose(scores("RP3beta", **config), expected, rtol=1e-10, atol=1e-12)


def test_rp3beta_on_ones_and_with_all_neighbours() -> None:
    ones = (RATINGS > 0) * 1.0
    expected = ones @ rp3beta(ones, 0.8, 0.5, len(RATINGS.T))
    ours = scores("RP3beta", alpha=0.8, beta=0.5, neighborhood=-1, implicit=True)
    assert np.allclose(ours, expected, rtol=1e-10, atol=1e-12)


def test_rp3beta_keeps_columns_of_the_rows_that_were_kept() -> None:
    model = built("RP3beta", neighborhood=3)
    assert isinstance(model, RP3beta)
    rows = model.cut_rows(model.left).toarray()
    assert (rows > 0).sum(axis=1).max() == 3
    weights = model.right.toarray()
    assert (weights > 0).sum(axis=0).max() == 3
    assert ((weights == 0) | (weights == rows)).all()
    assert (weights > 0).sum() < (rows > 0).sum()


@pytest.mark.parametrize(
    ("name", "config", "facts"),
    [
        ("ItemKNN", {"similarity": "chi2"}, ["similarity", "cosine", "jaccard", "tversky"]),
        ("UserKNN", {"similarity": "mahalanobis"}, ["similarity", "cosine"]),
        ("ItemKNN", {"similarity": "pearson"}, ["similarity", "pearson", "standard", "euclidean"]),
        (
            "UserKNN",
            {"similarity": "euclidean", "implementation": "aiolli"},
            ["similarity", "euclidean", "aiolli", "tversky"],
        ),
        ("ItemKNN", {"neighbors": 0}, ["neighbors", "1"]),
        ("ItemKNN", {"neighbors": -1}, ["neighbors", "1"]),
        ("ItemKNN", {"implementation": "fast"}, ["implementation", "standard", "aiolli"]),
        ("ItemKNN", {"shrink": -1}, ["shrink"]),
        ("ItemKNN", {"asymmetric_alpha": 1.5}, ["asymmetric_alpha"]),
        ("ItemKNN", {"asymmetric_alpha": True}, ["asymmetric_alpha"]),
        ("ItemKNN", {"row_weights": [1]}, ["row_weights"]),
        ("ItemKNN", {"votes": "own"}, ["votes"]),
        ("UserKNN", {"votes": "both"}, ["votes", "reverse", "own"]),
        ("RP3beta", {"neighborhood": 0}, ["neighborhood", "-1"]),
        ("RP3beta", {"alpha": -0.1}, ["alpha"]),
    ],
)
def test_other_values_are_refused(name: str, config: dict[str, Any], facts: list[str]) -> None:
    message = refusal(ValidationError, lambda: MODELS[name].Config.model_validate(config))
    assert_contains(message, facts)


def test_elliot_s_values_are_read() -> None:
    config = ItemKNNConfig.model_validate(
        {"asymmetric_alpha": False, "tversky_alpha": "False", "tversky_beta": 0, "shrink": 10}
    )
    assert (config.asymmetric_alpha, config.tversky_alpha, config.tversky_beta) == (0, 0, 0)
    assert config.neighbors == 40
    assert UserKNNConfig().votes == "reverse"
    assert (
        not MODELS["RP3beta"]
        .Config.model_validate({"normalize_similarity": "False"})
        .normalize_similarity
    )  # type: ignore[attr-defined]


def test_keys_without_effect_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    built("ItemKNN", shrink=10, normalize=False)
    assert_contains(caplog.text, ["shrink", "10", "normalize", "standard", "aiolli"])
    caplog.clear()
    built("ItemKNN", shrink=10, normalize=False, implementation="aiolli")
    built("ItemKNN")
    assert caplog.text == ""


def test_similarities_are_rows_of_the_choosing_side() -> None:
    config = UserKNNConfig(
        implementation="aiolli", similarity="tversky", tversky_alpha=1, tversky_beta=0
    )
    vectors = row_blocks.csr_array(np.array([[1.0, 1, 1], [1, 0, 0]]))
    block = similarities(vectors, config)(0, 2)
    assert np.allclose(row_blocks.dense(block), [[0, 1 / 3], [1, 0]], atol=1e-5)
