"""Scores of cold items, against models that have the items without training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from helpers import assert_contains, dataset_of, rated, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from test_models_content_neighbours import GENRES, N_ITEMS, N_USERS, RATINGS, TEXTUAL, VISUAL

from mmrec.data import ColdItems, Interactions, Vocabulary
from mmrec.errors import ModelError
from mmrec.models import MODELS, FeaturesConfig, Model, ModelConfig, Recommender
from mmrec.testing import tiny_dataset
from mmrec.training.build import build

FEATURES = {"VisualAttribute": VISUAL, "TextualAttribute": TEXTUAL, "ItemAttributes": GENRES}
USERS = torch.arange(N_USERS)


def built(name: str, **config: Any) -> Recommender:
    return MODELS[name](MODELS[name].Config.model_validate(config), dataset_of(RATINGS, FEATURES))


def cold_items(features: Mapping[str, np.ndarray]) -> ColdItems:
    """Cold items with these vectors and without a test row."""
    n = len(next(iter(features.values())))
    empty = np.empty(0, np.int64)
    rows = Interactions.from_arrays(empty, empty, N_USERS, N_ITEMS + n)
    return ColdItems(Vocabulary(f"new{i}" for i in range(n)), rows, features)


def some_cold_vectors(seed: int) -> dict[str, np.ndarray]:
    """Vectors of five cold items: two random, two of trained items, one of zeros."""
    rng = np.random.default_rng(seed)
    twins = rng.integers(0, N_ITEMS, 2)
    vectors = {}
    for loader, trained in FEATURES.items():
        near = trained[rng.integers(0, N_ITEMS, 2)]
        if loader == "ItemAttributes":
            near = near * (rng.random(near.shape) < 0.6)
        else:
            near = near + rng.normal(size=near.shape)
        zeros = np.zeros((1, trained.shape[1]))
        vectors[loader] = np.concatenate([near, trained[twins], zeros]).astype(np.float32)
    return vectors


def scores_in_the_catalogue(name: str, vectors: Mapping[str, np.ndarray], **config: Any) -> Any:
    """Scores [U] of one item of a model whose catalogue has it, without a training row."""
    features = {loader: np.concatenate([x, vectors[loader]]) for loader, x in FEATURES.items()}
    ratings = np.concatenate([RATINGS, np.zeros((N_USERS, 1))], axis=1)
    kind = MODELS[name]
    model = kind(kind.Config.model_validate(config), dataset_of(ratings, features))
    return model.scorer()(USERS)[:, N_ITEMS].numpy()


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["ItemKNNCBF", "AttributeItemKNN"]),
    cut=st.sampled_from(["row", "column"]),
    neighbors=st.sampled_from([1, 4, N_ITEMS - 1, N_ITEMS, N_ITEMS + 1, 90]),
    similarity=st.sampled_from(["cosine", "dot", "euclidean", "correlation", "cityblock"]),
    modalities=st.sampled_from([("visual",), ("visual", "textual"), ("attributes",)]),
    seed=st.integers(0, 999),
)
def test_a_cold_item_is_scored_as_one_of_the_catalogue_without_training_rows(
    name: str,
    cut: str,
    neighbors: int,
    similarity: str,
    modalities: tuple[str, ...],
    seed: int,
) -> None:
    config = {"cut": cut, "neighbors": neighbors, "similarity": similarity}
    config |= {"modalities": modalities, "shrink": 0}
    vectors = some_cold_vectors(seed)
    ours = built(name, **config).cold_scorer(cold_items(vectors))(USERS).numpy()
    for place in range(5):
        own = {loader: x[[place]] for loader, x in vectors.items()}
        expected = scores_in_the_catalogue(name, own, **config)
        assert np.allclose(ours[:, place], expected, atol=1e-9)


@pytest.mark.parametrize("cut", ["row", "column"])
def test_sets_of_attributes(cut: str) -> None:
    config = {"cut": cut, "neighbors": 5, "similarity": "jaccard"}
    vectors = some_cold_vectors(1)
    ours = built("AttributeItemKNN", **config).cold_scorer(cold_items(vectors))(USERS).numpy()
    for place in range(5):
        own = {loader: x[[place]] for loader, x in vectors.items()}
        expected = scores_in_the_catalogue("AttributeItemKNN", own, **config)
        assert np.allclose(ours[:, place], expected)


def test_attributes_that_no_trained_item_has_do_not_count() -> None:
    vectors = some_cold_vectors(2)
    others = vectors | {"ItemAttributes": vectors["ItemAttributes"].copy()}
    others["ItemAttributes"][:, 7] = 1
    model = built("AttributeItemKNN", similarity="russellrao")
    scores = [model.cold_scorer(cold_items(x))(USERS) for x in (vectors, others)]
    assert torch.equal(*scores)


def test_values_of_attributes_that_no_trained_item_has_do_not_count_either() -> None:
    vectors = some_cold_vectors(2)
    others = vectors | {"ItemAttributes": vectors["ItemAttributes"].copy()}
    others["ItemAttributes"][:, 7] = 0.5
    model = built("AttributeItemKNN", similarity="cosine")
    scores = [model.cold_scorer(cold_items(x))(USERS) for x in (vectors, others)]
    assert torch.allclose(*scores)


def test_features_that_are_no_sets_are_refused_by_similarities_of_sets() -> None:
    vectors = some_cold_vectors(2)
    vectors["ItemAttributes"] = vectors["ItemAttributes"] / 2
    model = built("AttributeItemKNN", similarity="jaccard")
    message = refusal(ModelError, lambda: model.cold_scorer(cold_items(vectors)))
    assert_contains(message, ["similarity: jaccard", "ItemAttributes", "cosine"])


def test_variances_are_those_of_the_trained_items() -> None:
    vectors = some_cold_vectors(3)
    config = {"similarity": "seuclidean", "modalities": ("visual",), "neighbors": 90}
    ours = built("AttributeItemKNN", **config).cold_scorer(cold_items(vectors))(USERS).numpy()
    variances = VISUAL.astype(float).var(axis=0, ddof=1)
    distances = cdist(VISUAL, vectors["VisualAttribute"][:4], "seuclidean", V=variances)
    assert np.allclose(ours[:, :4], RATINGS @ (1 / (1 + distances)), atol=1e-5)


def test_by_hand() -> None:
    # Two users and two trained items with orthogonal vectors; shrink 1 divides by 1 * 1 + 1.
    features = {"VisualAttribute": np.array([[1, 0], [0, 1]], np.float32)}
    dataset = dataset_of(np.eye(2), features)
    kind = MODELS["ItemKNNCBF"]
    model = kind(kind.Config(modalities=("visual",), shrink=1, neighbors=2), dataset)
    rows = rated(np.eye(2, 3))
    new = {"VisualAttribute": np.array([[0.6, 0.8]], np.float32)}
    scores = model.cold_scorer(ColdItems(Vocabulary(["new"]), rows, new))(torch.arange(2))
    assert scores.tolist() == [[pytest.approx(0.3)], [pytest.approx(0.4)]]


@pytest.mark.parametrize(("name", "expected"), [("ItemKNNCBF", 0.0), ("AttributeItemKNN", -1.0)])
def test_zeros_take_places_of_neighbours_in_itemknncbf_alone(name: str, expected: float) -> None:
    # The first item has the cosines 1 with itself, 0 with the second and -1 with the new one.
    dataset = dataset_of(np.eye(2), {"VisualAttribute": np.array([[2, 0], [0, 0]], np.float32)})
    config = {"modalities": ("visual",), "shrink": 0, "neighbors": 2, "cut": "row"}
    model = MODELS[name](MODELS[name].Config.model_validate(config), dataset)
    new = {"VisualAttribute": np.array([[-3, 0]], np.float32)}
    scores = model.cold_scorer(ColdItems(Vocabulary(["new"]), rated(np.eye(2, 3)), new))
    assert scores(torch.arange(2)).tolist() == [[pytest.approx(expected)], [0.0]]


@pytest.mark.parametrize("name", ["Random", "ItemKNNCBF", "AttributeItemKNN"])
def test_other_cold_items_do_not_matter(name: str) -> None:
    vectors = some_cold_vectors(4)
    first = {loader: x[:2] for loader, x in vectors.items()}
    model = built(name)
    alone, together = (model.cold_scorer(cold_items(x))(USERS) for x in (first, vectors))
    assert torch.allclose(alone, together[:, :2])


def test_random_continues_the_numbers_of_each_user() -> None:
    model = built("Random", seed=3)
    numbers = np.random.default_rng([3, 5]).random(N_ITEMS + 5, dtype=np.float32)
    cold = model.cold_scorer(cold_items(some_cold_vectors(0)))
    assert np.array_equal(model.scorer()(USERS)[5], numbers[:N_ITEMS])
    assert np.array_equal(cold(USERS)[5], numbers[N_ITEMS:])


@pytest.mark.parametrize("name", sorted(n for n in MODELS if not MODELS[n].ranks_cold_items()))
def test_other_models_say_why_not(name: str) -> None:
    kind = MODELS[name]
    config = kind.Config.model_validate({})
    loaders = config.sources.values() if isinstance(config, FeaturesConfig) else ()
    model = build(kind, config, tiny_dataset(tuple(loaders)))
    message = refusal(ModelError, lambda: model.cold_scorer(cold_items(FEATURES)))
    assert_contains(message, [kind.no_cold_items])
    if isinstance(model, Model):  # the reason is true: an array has a row for each item
        assert isinstance(config, ModelConfig)
        rows = {p.shape[0] for p in model.parameters()}
        assert rows & {model.n_items, model.n_users + model.n_items}
    else:  # an item without training rows has the same score for everyone
        features = {loader: np.concatenate([x, x[:1]]) for loader, x in FEATURES.items()}
        ratings = np.concatenate([RATINGS, np.zeros((N_USERS, 1))], axis=1)
        given = kind(config, dataset_of(ratings, features))
        scores = given.scorer()(USERS)[:, N_ITEMS].double()
        assert torch.allclose(scores, torch.zeros_like(scores), atol=1e-6)
