"""What recommenders in closed form share: the matrix of ratings, and scores as a product."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from helpers import assert_contains, dataset_of, rated, refusal
from scipy.sparse import csr_array

from mmrec.data import Interactions
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import Matrix
from mmrec.models import MODELS, Model, RecommenderConfig
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.testing.data import tiny_dataset

RATINGS = np.array([[4.0, 0, 2.5, 0], [0, 1, 0, 0], [0, 0, 0, 5], [3, 0, 0, -1]])


class Product(ClosedForm):
    """Two given matrices."""

    def __init__(self, left: Matrix, right: Matrix) -> None:
        ones = np.ones((left.shape[0], right.shape[1]))
        super().__init__(RecommenderConfig(), dataset_of(ones))
        self.left, self.right = left, right


def matrices(density: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = ((300, 40), (40, 50))
    left, right = (rng.normal(size=shape) * (rng.random(shape) < density) for shape in shapes)
    return left, right


def test_the_matrix_has_the_positive_ratings(caplog: pytest.LogCaptureFixture) -> None:
    matrix = training_matrix(rated(RATINGS), implicit=False)
    assert matrix.dtype == np.float64
    assert matrix.has_sorted_indices
    assert np.array_equal(matrix.toarray(), np.maximum(RATINGS, 0))
    assert "1 of the 6 training ratings" in caplog.text


def test_an_implicit_matrix_has_ones(caplog: pytest.LogCaptureFixture) -> None:
    matrix = training_matrix(rated(RATINGS), implicit=True)
    assert np.array_equal(matrix.toarray(), RATINGS > 0)
    assert "1 of the 6 training ratings" in caplog.text


@pytest.mark.parametrize("implicit", [False, True])
def test_a_rating_of_zero_counts_as_absent(
    implicit: bool, caplog: pytest.LogCaptureFixture
) -> None:
    train = Interactions.from_arrays(
        np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2, np.array([0.0, 1.0, 1.0])
    )
    matrix = training_matrix(train, implicit=implicit)
    assert (matrix.nnz, matrix.toarray().tolist()) == (2, [[0, 1], [0, 1]])
    assert "1 of the 3 training ratings" in caplog.text


def test_positive_ratings_give_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        training_matrix(rated(np.abs(RATINGS)), implicit=False)
    assert not caplog.records


@pytest.mark.parametrize(
    ("ratings", "facts"),
    [(-np.ones((2, 3)), ["none of the 6", "binarize"]), (1e200 * np.eye(2), ["1e+200", "1e+100"])],
)
def test_ratings_that_cannot_be_used(ratings: np.ndarray, facts: list[str]) -> None:
    message = refusal(ModelError, lambda: training_matrix(rated(ratings), implicit=False))
    assert_contains(message, facts)


def test_each_call_returns_a_new_matrix() -> None:
    train = rated(np.abs(RATINGS))
    training_matrix(train, implicit=False).data[:] = 7
    assert np.array_equal(training_matrix(train, implicit=False).toarray(), np.abs(RATINGS))


@pytest.mark.parametrize("is_right_sparse", [False, True])
@pytest.mark.parametrize("is_left_sparse", [False, True])
def test_scores_are_the_product(is_left_sparse: bool, is_right_sparse: bool) -> None:
    left, right = matrices()
    model = Product(
        csr_array(left) if is_left_sparse else left, csr_array(right) if is_right_sparse else right
    )
    users = torch.tensor([5, 299, 0, 5])
    scores = model.scorer()(users)
    assert scores.dtype == torch.float64
    assert np.allclose(scores.numpy(), (left @ right)[users.numpy()], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("is_right_sparse", [False, True])
def test_a_user_s_scores_do_not_depend_on_the_other_users(is_right_sparse: bool) -> None:
    left, right = matrices()
    model = Product(csr_array(left), csr_array(right) if is_right_sparse else right)
    scorer = model.scorer()
    everyone = scorer(torch.arange(300))
    order = torch.from_numpy(np.random.default_rng(0).permutation(300))
    for users in order.split(7):
        assert torch.equal(scorer(users), everyone[users])


@pytest.mark.parametrize(
    "name", sorted(name for name, kind in MODELS.items() if not issubclass(kind, Model))
)
def test_a_model_without_a_gradient_says_whether_it_uses_the_seed(name: str) -> None:
    kind, data = MODELS[name], tiny_dataset()
    scores = []
    for seed in (1, 2):
        settings = {"loader": "VisualAttribute"} if "loader" in kind.Config.model_fields else {}
        config = kind.Config.model_validate(settings | {"seed": seed})
        scores.append(kind(config, data).scorer()(torch.arange(data.n_users)))
    assert torch.equal(*scores) != kind.uses_seed
