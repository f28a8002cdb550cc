"""iALS and PureSVD, against dense solutions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers import dataset_of
from pydantic import ValidationError
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from mmrec.errors import ModelError
from mmrec.models import MODELS
from mmrec.models.ials import IALS, IALSConfig
from mmrec.models.least_squares import LeastSquares
from mmrec.models.puresvd import PureSVD, PureSVDConfig
from mmrec.models.svd import right_singular_vectors


def binary(n_users: int, n_items: int, seed: int = 0) -> np.ndarray:
    """Interactions whose degrees differ widely, with an empty row and an empty column."""
    rng = np.random.default_rng(seed)
    share = rng.random((n_users, 1)) ** 3 * rng.random((1, n_items)) * 2
    matrix = (rng.random((n_users, n_items)) < share).astype(float)
    matrix[1], matrix[:, 2] = 0, 0
    return matrix


def ials(matrix: np.ndarray, **settings: object) -> IALS:
    return IALS(IALSConfig.model_validate(settings), dataset_of(matrix))


def solved_densely(
    matrix: np.ndarray, y: np.ndarray, reg: np.ndarray, weight: float, target: float, every: float
) -> np.ndarray:
    """One half of an epoch, a system for each row."""
    systems = [
        every * y.T @ y + weight * (y * row[:, None]).T @ y + penalty * np.eye(y.shape[1])
        for row, penalty in zip(matrix, reg, strict=True)
    ]
    return np.array(
        [
            np.linalg.solve(a, target * row @ y) if row.any() else np.zeros(y.shape[1])
            for a, row in zip(systems, matrix, strict=True)
        ]
    )


@pytest.mark.parametrize("factors", [1, 6, 30])
@pytest.mark.parametrize(
    ("settings", "c"),
    [
        ({}, 2.0),
        ({"alpha": 0, "reg": 1e-6}, 1.0),
        ({"alpha": 40, "reg": 3, "epochs": 3}, 41.0),
        ({"scaling": "log", "alpha": 3, "epsilon": 0.5, "seed": 7}, 1 + 3 * math.log(3)),
    ],
)
def test_the_objective_of_2008(settings: dict[str, float | str], c: float, factors: int) -> None:
    matrix = binary(60, 35)
    model = ials(matrix, factors=factors, **settings)
    y = model.initial_factors()[1].numpy()
    reg = model.config.reg
    for _ in range(model.config.epochs):
        x = solved_densely(matrix, y, np.full(60, reg), c - 1, c, 1)
        y = solved_densely(matrix.T, x, np.full(35, reg), c - 1, c, 1)
    assert np.allclose(model.left, x, rtol=0, atol=1e-9 * np.abs(x).max())
    assert np.allclose(model.right.T, y, rtol=0, atol=1e-9 * np.abs(y).max())


@pytest.mark.parametrize("factors", [4, 30])
@pytest.mark.parametrize("nu", [0.0, 0.5, 1.0])
def test_the_objective_of_2022(nu: float, factors: int) -> None:
    matrix = binary(60, 35)
    settings = {"alpha0": 0.3, "reg": 0.05, "nu": nu, "n_iterations": 3, "factors": factors}
    model = ials(matrix, objective="ials2022", **settings)
    y = model.initial_factors()[1].numpy()
    for _ in range(3):
        x = solved_densely(matrix, y, 0.05 * (matrix.sum(1) + 0.3 * 35) ** nu, 1, 1, 0.3)
        y = solved_densely(matrix.T, x, 0.05 * (matrix.sum(0) + 0.3 * 60) ** nu, 1, 1, 0.3)
    assert np.allclose(model.left, x, rtol=0, atol=1e-10 * np.abs(x).max())
    assert np.allclose(model.right.T, y, rtol=0, atol=1e-10 * np.abs(y).max())


def test_with_nu_0_both_objectives_have_the_same_minimiser() -> None:
    # alpha0 = 1 / (c - 1), reg2022 = reg2008 / c; the scores of 2008 are c / (c - 1) times those
    # of 2022.
    matrix, c, reg = binary(50, 30), 5.0, 2.0
    old = ials(matrix, factors=3, alpha=c - 1, reg=reg, epochs=400)
    settings = {"alpha0": 1 / (c - 1), "reg": reg / c, "nu": 0, "n_iterations": 400}
    new = ials(matrix, objective="ials2022", factors=3, **settings)
    assert np.allclose(old.left @ old.right, new.left @ new.right * c / (c - 1), atol=1e-6)


def test_initial_factors_are_those_of_numpys_generators() -> None:
    state = np.random.get_state()  # noqa: NPY002
    users, items = ials(binary(9, 8), factors=3, seed=5).initial_factors()
    stream = np.random.RandomState(5)
    assert np.array_equal(users, stream.normal(0, 0.01, (9, 3)))
    assert np.array_equal(items, stream.normal(0, 0.01, (8, 3)))
    users, items = ials(binary(9, 8), objective="ials2022", seed=5).initial_factors()
    rng = np.random.default_rng(5)
    assert np.array_equal(users, rng.normal(0, 0.1 / math.sqrt(128), (9, 128)))
    assert np.array_equal(items, rng.normal(0, 0.1 / math.sqrt(128), (8, 128)))
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_users_and_items_without_rows_have_zero_factors() -> None:
    model = ials(binary(20, 12))
    assert not model.left[1].any()
    assert not model.right[:, 2].any()


def test_ratings_do_not_matter() -> None:
    matrix = binary(20, 12)
    for kind, config in ((IALS, IALSConfig(factors=3)), (PureSVD, PureSVDConfig(factors=3))):
        one, other = kind(config, dataset_of(matrix)), kind(config, dataset_of(matrix * 4))  # type: ignore[operator]
        assert np.array_equal(one.left, other.left)
        assert np.array_equal(one.right, other.right)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("factors", [7, 45])
def test_bits_depend_neither_on_threads_nor_on_blocks(threads: int, factors: int) -> None:
    rows = csr_array(binary(90, 200))
    y = torch.from_numpy(np.random.default_rng(1).normal(size=(200, factors)))
    penalties = np.full(90, 0.1)
    expected = LeastSquares(rows, penalties, weight=3.0).solve(y)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        for values in (1, 999, 1 << 24):
            solved = LeastSquares(rows, penalties, weight=3.0, block_values=values).solve(y)
            assert torch.equal(solved, expected)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_singular_equations_name_reg() -> None:
    with pytest.raises(ModelError, match="reg"):
        ials(binary(20, 12), factors=15, reg=0)  # 12 items span no 15 dimensions
    with pytest.raises(ModelError, match="reg"):
        ials(binary(20, 12), objective="ials2022", factors=15, reg=0)


def test_a_small_penalty_suffices() -> None:
    matrix = binary(20, 12)
    model = ials(matrix, factors=15, reg=1e-9, epochs=5)
    assert np.allclose(model.left @ model.right, matrix, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"alpha0": 0.5}, ["alpha0", "alpha"]),
        ({"n_iterations": 3}, ["n_iterations", "epochs"]),
        ({"objective": "ials2022", "epochs": 30}, ["epochs", "n_iterations"]),
        ({"objective": "ials2022", "alpha": 3}, ["alpha", "alpha0"]),
        ({"scaling": "square"}, ["linear", "log"]),
        ({"seed": 2**32}, ["seed"]),
    ],
)
def test_keys_without_effect_are_refused(settings: dict[str, object], names: list[str]) -> None:
    with pytest.raises(ValidationError) as raised:
        IALSConfig.model_validate(settings)
    assert all(name in str(raised.value) for name in names)


def test_defaults_depend_on_the_objective() -> None:
    old, new = IALSConfig(), IALSConfig(objective="ials2022")
    assert (old.factors, old.reg, old.epochs) == (10, 0.1, 2)
    assert (new.factors, new.reg, new.alpha0, new.nu, new.n_iterations) == (128, 0.02, 0.1, 1, 12)
    assert IALSConfig.model_validate(new.model_dump()) == new


def test_both_are_known_to_experiment_files() -> None:
    assert (MODELS["iALS"], MODELS["PureSVD"]) == (IALS, PureSVD)


@pytest.mark.parametrize("shape", [(70, 50), (50, 70), (600, 240), (240, 600)])
@pytest.mark.parametrize("rank", [1, 5, 40, 50])
def test_pure_svd_is_the_best_approximation(shape: tuple[int, int], rank: int) -> None:
    matrix = binary(*shape)
    model = PureSVD(PureSVDConfig(factors=rank), dataset_of(matrix))
    u, s, vt = np.linalg.svd(matrix)
    assert np.allclose(model.left @ model.right, (u[:, :rank] * s[:rank]) @ vt[:rank], atol=1e-9)


@pytest.mark.parametrize("rank", [3, 9, 18])
def test_repeated_singular_values_are_found(rank: int) -> None:
    block = binary(60, 50)
    u, s, vt = np.linalg.svd(np.kron(np.eye(3), block))
    assert s[rank - 1] > s[rank] + 1e-3
    model = PureSVD(PureSVDConfig(factors=rank), dataset_of(np.kron(np.eye(3), block)))
    assert np.allclose(model.left @ model.right, (u[:, :rank] * s[:rank]) @ vt[:rank], atol=1e-10)


def test_a_matrix_of_low_rank_has_zero_singular_values_beyond() -> None:
    matrix = np.zeros((300, 200))
    matrix[:150, :100], matrix[150:, 100:] = 1, 1
    model = PureSVD(PureSVDConfig(factors=20), dataset_of(matrix))
    assert np.allclose(model.left @ model.right, matrix, atol=1e-10)


def test_singular_vectors_agree_with_scipys() -> None:
    matrix = csr_array(binary(900, 400))
    vectors = right_singular_vectors(matrix, 30).numpy()
    start = np.random.default_rng(0).normal(size=400)
    theirs = svds(matrix, 30, v0=start)[2]
    assert np.allclose(vectors @ vectors.T, theirs.T @ theirs, atol=1e-9)
    assert np.allclose(vectors.T @ vectors, np.eye(30), atol=1e-12)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], axis=0)
    assert (largest > 0).all()


@pytest.mark.parametrize("n_items", [60, 300])
def test_singular_vectors_do_not_depend_on_threads(n_items: int) -> None:
    matrix = csr_array(binary(500, n_items))
    expected = right_singular_vectors(matrix, 20)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(right_singular_vectors(matrix, 20), expected)
    finally:
        torch.set_num_threads(before)


def test_a_rank_beyond_the_matrix_is_refused() -> None:
    with pytest.raises(ModelError, match=r"factors.*31.*30"):
        PureSVD(PureSVDConfig(factors=31), dataset_of(binary(40, 30)))
