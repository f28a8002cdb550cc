"""ItemKNNCBF, AttributeItemKNN and AttributeUserKNN against their definitions, dense."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from helpers import assert_contains, dataset_of, refusal
from pydantic import ValidationError
from test_models_neighbours import chosen, cosine, some_ratings
from tiny_experiment import SPLITS_AND_FEATURES, Write

from mmrec import run_experiment
from mmrec.cli import main
from mmrec.errors import ModelError
from mmrec.graph.similarities import Similarity
from mmrec.models import MODELS, Recommender

RATINGS = some_ratings()
N_USERS, N_ITEMS = RATINGS.shape
VISUAL = np.random.default_rng(1).normal(size=(N_ITEMS, 6)).astype(np.float32)
TEXTUAL = 9 * np.random.default_rng(2).normal(size=(N_ITEMS, 3)).astype(np.float32)
GENRES = (np.random.default_rng(3).random((N_ITEMS, 8)) < 0.4).astype(np.float32)
GENRES[:, 0] = 1  # no item without an attribute
GENRES[:, 7] = 0  # an attribute that no item has


def built(name: str, **config: Any) -> Recommender:
    features = {"VisualAttribute": VISUAL, "TextualAttribute": TEXTUAL, "ItemAttributes": GENRES}
    kind = MODELS[name]
    return kind(kind.Config.model_validate(config), dataset_of(RATINGS, features))


def scores(name: str, **config: Any) -> np.ndarray:
    return built(name, **config).scorer()(torch.arange(N_USERS)).numpy()


def shrunk(x: np.ndarray, shrink: float) -> np.ndarray:
    norms = np.linalg.norm(x, axis=1)
    return x @ x.T / (np.outer(norms, norms) + shrink)


def joint(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate([part.astype(float) for part in parts], axis=1)


def test_itemknncbf_items_of_the_history_choose() -> None:
    similarity = shrunk(joint(VISUAL, TEXTUAL), 10)
    expected = (RATINGS > 0) @ chosen(similarity.T, 7, zeros_compete=True).T
    assert np.allclose(scores("ItemKNNCBF", knn_k=7), expected)
    assert np.allclose(scores("ItemKNNCBF", neighbors=7), expected)
    assert np.allclose(scores("ItemKNNCBF", neighbors=3, knn_k=7), expected)


def test_itemknncbf_candidates_choose_other_items() -> None:
    similarity = shrunk(joint(VISUAL), 0)
    np.fill_diagonal(similarity, 0)
    expected = RATINGS @ chosen(similarity, 7, zeros_compete=True)
    settings = {"cut": "column", "implicit": False, "modalities": ("visual",), "shrink": 0}
    assert np.allclose(scores("ItemKNNCBF", neighbors=7, **settings), expected)


def test_itemknncbf_with_normalised_modalities() -> None:
    parts = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (VISUAL, TEXTUAL)]
    expected = (RATINGS > 0) @ chosen(shrunk(joint(*parts), 1).T, 10, zeros_compete=True).T
    ours = scores("ItemKNNCBF", normalize_features=True, shrink=1)
    assert np.allclose(ours, expected, atol=1e-5)


def test_permuted_features_belong_to_other_items() -> None:
    own, permuted = (built("ItemKNNCBF", control=c).vectors for c in ("none", "permute"))  # type: ignore[attr-defined]
    assert not np.array_equal(own, permuted)
    assert np.array_equal(np.sort(own, axis=0), np.sort(permuted, axis=0))


@pytest.mark.parametrize("implicit", [False, True])
def test_attributeitemknn(implicit: bool) -> None:
    r = (RATINGS > 0) * 1.0 if implicit else RATINGS
    expected = r @ chosen(cosine(GENRES.astype(float)), 5, zeros_compete=False)
    assert np.allclose(scores("AttributeItemKNN", neighbors=5, implicit=implicit), expected)
    ours = scores("AttributeItemKNN", neighbors=5, implicit=implicit, loader="ItemAttributes")
    assert np.allclose(ours, expected)


def test_attributeitemknn_by_row_and_on_dense_features() -> None:
    distances = np.linalg.norm(VISUAL[:, None].astype(float) - VISUAL[None], axis=2)
    expected = RATINGS @ chosen(1 / (1 + distances), 5, zeros_compete=False).T
    ours = scores(
        "AttributeItemKNN",
        neighbors=5,
        cut="row",
        similarity="euclidean",
        modalities=("visual",),
    )
    assert np.allclose(ours, expected)


def profiles(items: np.ndarray) -> np.ndarray:
    seen = (RATINGS > 0) * 1.0
    return seen @ items / seen.sum(axis=1, keepdims=True)


def tfidf(attributes: np.ndarray) -> np.ndarray:
    counts = attributes.sum(axis=0)
    weighted = attributes * np.log(len(attributes) / np.maximum(counts, 1))
    norms = np.linalg.norm(weighted, axis=1, keepdims=True)
    return weighted / np.where(norms == 0, 1, norms)


@pytest.mark.parametrize("votes", ["reverse", "own"])
@pytest.mark.parametrize("profile", ["binary", "tfidf"])
def test_attributeuserknn(profile: str, votes: str) -> None:
    attributes = GENRES.astype(float)
    compared = profiles(tfidf(attributes) if profile == "tfidf" else attributes)
    weights = chosen(cosine(compared), 6, zeros_compete=False)
    expected = (weights if votes == "reverse" else weights.T) @ RATINGS
    ours = scores("AttributeUserKNN", neighbors=6, profile=profile, votes=votes)
    assert np.allclose(ours, expected)


def test_attributeuserknn_on_dense_features() -> None:
    weights = chosen(cosine(profiles(joint(VISUAL, TEXTUAL))), 6, zeros_compete=False)
    ours = scores("AttributeUserKNN", neighbors=6, modalities=("visual", "textual"))
    assert np.allclose(ours, weights @ RATINGS)


def test_profiles_have_items_with_positive_ratings_alone() -> None:
    ratings = RATINGS.copy()
    ratings[0, np.flatnonzero(ratings[0])[:2]] = -1
    kind, features = MODELS["AttributeUserKNN"], {"ItemAttributes": GENRES}
    config = kind.Config.model_validate({"similarity": "dot"})
    with_absent, without = (
        kind(config, dataset_of(x, features)).scorer()(torch.arange(N_USERS))
        for x in (ratings, np.maximum(ratings, 0))
    )
    assert torch.equal(with_absent, without)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("similarity", get_args(Similarity))
@pytest.mark.parametrize("name", ["AttributeItemKNN", "AttributeUserKNN"])
def test_items_without_attributes_are_similar_to_nothing(name: str, similarity: str) -> None:
    dataset = dataset_of(RATINGS, {"ItemAttributes": np.zeros((N_ITEMS, 2), np.float32)})
    kind = MODELS[name]
    model = kind(kind.Config.model_validate({"similarity": similarity}), dataset)
    assert not model.scorer()(torch.arange(N_USERS)).any()


def test_equal_shares_of_an_attribute_are_equal_to_the_last_bit() -> None:
    # Ten times 0.1 is not 1, and hamming counts values that differ.
    ratings = np.vstack([np.ones(10), np.eye(1, 10)])
    dataset = dataset_of(ratings, {"ItemAttributes": np.ones((10, 1), np.float32)})
    kind = MODELS["AttributeUserKNN"]
    model = kind(kind.Config.model_validate({"similarity": "hamming"}), dataset)
    assert model.left.toarray().tolist() == [[1, 1], [1, 1]]  # type: ignore[attr-defined]


def test_attributes_that_no_item_has_do_not_count() -> None:
    # The number of columns is part of russellrao.
    similarity = built("AttributeItemKNN", similarity="russellrao").right  # type: ignore[attr-defined]
    common = int((GENRES[1] * GENRES[2]).sum())
    assert similarity.toarray()[1, 2] == pytest.approx(1 / (1 + (7 - common) / 7))


@pytest.mark.parametrize(
    ("name", "config", "facts"),
    [
        (
            "ItemKNNCBF",
            {"similarity": "jaccard", "shrink": 0},
            ["similarity: jaccard", "VisualAttribute", "cosine, dot, euclidean"],
        ),
        (
            "AttributeUserKNN",
            {"similarity": "dice", "modalities": ("visual",)},
            ["similarity: dice", "VisualAttribute"],
        ),
        (
            "AttributeUserKNN",
            {"profile": "tfidf", "modalities": ("textual",)},
            ["profile: tfidf", "TextualAttribute", "binary"],
        ),
    ],
)
def test_sets_are_not_compared_on_dense_features(
    name: str, config: dict[str, Any], facts: list[str]
) -> None:
    assert_contains(refusal(ModelError, lambda: built(name, **config)), facts)


@pytest.mark.parametrize(
    ("name", "config", "facts"),
    [
        ("ItemKNNCBF", {"similarity": "euclidean"}, ["shrink", "10", "cosine"]),
        ("ItemKNNCBF", {"cut": "both"}, ["cut", "row", "column"]),
        ("ItemKNNCBF", {"knn_k": 0}, ["knn_k"]),
        ("AttributeItemKNN", {"similarity": "chi2"}, ["similarity", "cosine"]),
        ("AttributeItemKNN", {"neighbors": 0}, ["neighbors"]),
        ("AttributeUserKNN", {"profile": "count"}, ["profile", "binary", "tfidf"]),
        (
            "AttributeItemKNN",
            {"loader": "ItemAttributes", "modalities": ("visual",)},
            ["loader", "modalities"],
        ),
    ],
)
def test_other_values_are_refused(name: str, config: dict[str, Any], facts: list[str]) -> None:
    message = refusal(ValidationError, lambda: MODELS[name].Config.model_validate(config))
    assert_contains(message, facts)


def with_attributes(tmp_path: Path) -> dict[str, Any]:
    """Return a ``data_config`` with the parity of the tiny items as an attribute."""
    lines = [f"{10 * item}\t{item % 2}\tall\n" for item in range(20)]
    (tmp_path / "data/tiny/parity.tsv").write_text("".join(lines))
    entry = {"dataloader": "ItemAttributes", "attribute_file": "../data/{0}/parity.tsv"}
    sources = [*SPLITS_AND_FEATURES["side_information"], entry]
    return SPLITS_AND_FEATURES | {"side_information": sources}


@pytest.mark.slow
def test_all_are_searched_and_repeated_bit_for_bit(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {
        "ItemKNN": {"neighbors": [3, 5], "similarity": ["cosine", "jaccard"]},
        "external.UserKNN": {"implementation": "aiolli", "votes": ["reverse", "own"]},
        "RP3beta": {"alpha": [0.5, 1.0], "normalize_similarity": [True, False]},
        "ItemKNNCBF": {"modalities": "each_subset", "cut": ["row", "column"]},
        "AttributeItemKNN": {"loader": "ItemAttributes"},
        "AttributeUserKNN": {"profile": ["binary", "tfidf"]},
    }
    path = experiment_file(models, data_config=with_attributes(tmp_path))
    external = tmp_path / "external.py"
    external.write_text("from mmrec.models.userknn import UserKNN\n")
    path.write_text(path.read_text() + "  external_models_path: ../external.py\n")
    results = run_experiment(path)
    assert len(results.trials) == 4 + 2 + 4 + 14 + 1 + 2
    assert set(results.trials["status"]) == {"finished"}
    assert main(["verify", "--quiet", str(results.folder)]) == 0
    parallel = run_experiment(path, workers=2)
    columns = [column for column in results.best.columns if "@" in column]
    assert results.best[columns].equals(parallel.best[columns])


def test_a_loader_that_is_not_there_is_named(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"AttributeItemKNN": {}})
    assert main(["validate", str(path)]) == 2
    assert_contains(capsys.readouterr().err, ["AttributeItemKNN", "ItemAttributes"])
