"""Sparse matrices: by hand, against dense formulas, and against PyTorch Geometric."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torch import Tensor

from mmrec.graph import SparseMatrix, bipartite, coalesce
from mmrec.graph.matrix import symmetric_normalise

# Users 0 and 1, items 0, 1 and 2 (nodes 2, 3 and 4): edges 0-2, 0-3, 1-3; item 2 has none.
USERS, ITEMS = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1])
BY_HAND = torch.tensor(
    [
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 0],
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ],
    dtype=torch.float32,
)


@pytest.fixture(scope="module")
def pyg() -> ModuleType:
    """torch_geometric.nn; importing it is not free of warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch_geometric.nn

        return torch_geometric.nn


def random_edges(n_users: int, n_items: int, seed: int) -> tuple[Tensor, Tensor]:
    mask = torch.rand(n_users, n_items, generator=torch.Generator().manual_seed(seed)) < 0.4
    users, items = mask.nonzero().T
    return users, items


def graph(users: Tensor, items: Tensor, n_users: int, n_items: int) -> SparseMatrix:
    return bipartite(SparseMatrix.from_edges(users, items, (n_users, n_items)))


def test_raw_by_hand() -> None:
    assert torch.equal(graph(USERS, ITEMS, 2, 3).to_dense(), BY_HAND)


def test_symmetric_by_hand() -> None:
    # Degrees 2 1 1 2 0: an edge between degrees a and b weighs 1 / sqrt(a b).
    a = 2**-0.5
    expected = torch.tensor(
        [
            [0, 0, a, 0.5, 0],
            [0, 0, 0, a, 0],
            [a, 0, 0, 0, 0],
            [0.5, a, 0, 0, 0],
            [0, 0, 0, 0, 0],
        ]
    )
    found = graph(USERS, ITEMS, 2, 3).symmetric().to_dense()
    torch.testing.assert_close(found, expected)


def test_rows_with_self_loops_by_hand() -> None:
    # Degrees with the loop 3 2 2 3 1: every row is its ones over its degree.
    third, half = 1 / 3, 1 / 2
    expected = torch.tensor(
        [
            [third, 0, third, third, 0],
            [0, half, 0, half, 0],
            [half, 0, half, 0, 0],
            [third, third, 0, third, 0],
            [0, 0, 0, 0, 1],
        ]
    )
    matrix = SparseMatrix.from_edges(USERS, ITEMS, (2, 3))
    found = bipartite(matrix, self_loops=True).by_row()
    torch.testing.assert_close(found.to_dense(), expected)
    torch.testing.assert_close(found.row_sums, torch.ones(5))


def test_a_product_is_one_propagation() -> None:
    x = torch.tensor([[1.0], [10.0], [100.0], [1000.0], [7.0]])
    # User 0: items 0 and 1; user 1: item 1; item 0: user 0; item 1: users 0 and 1; item 2: none.
    assert (graph(USERS, ITEMS, 2, 3) @ x).flatten().tolist() == [1100, 1000, 1, 11, 0]


@pytest.mark.parametrize("normalisation", ["none", "symmetric", "row"])
@pytest.mark.parametrize("self_loops", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_against_the_dense_formulas(normalisation: str, self_loops: bool, seed: int) -> None:
    users, items = random_edges(9, 7, seed)
    found = bipartite(SparseMatrix.from_edges(users, items, (9, 7)), self_loops=self_loops)
    if normalisation != "none":
        found = found.symmetric() if normalisation == "symmetric" else found.by_row()
    a = torch.zeros(16, 16, dtype=torch.float64)
    a[users, items + 9] = a[items + 9, users] = 1
    if self_loops:
        a += torch.eye(16)
    degrees = a.sum(1)
    if normalisation == "symmetric":
        inverse_root = torch.where(degrees > 0, degrees.rsqrt(), 0)
        a = inverse_root[:, None] * a * inverse_root
    elif normalisation == "row":
        a = torch.where(degrees[:, None] > 0, a / degrees[:, None], 0)
    torch.testing.assert_close(found.to_dense().double(), a, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_symmetric_against_pytorch_geometric(pyg: ModuleType, seed: int) -> None:
    users, items = random_edges(20, 15, seed)
    ours = graph(users, items, 20, 15).symmetric()
    edges = torch.stack([torch.cat([users, items + 20]), torch.cat([items + 20, users])])

    edge_index, weights = pyg.conv.gcn_conv.gcn_norm(edges, num_nodes=35, add_self_loops=False)
    theirs = torch.zeros(35, 35)
    theirs[edge_index[1], edge_index[0]] = weights
    torch.testing.assert_close(ours.to_dense(), theirs)

    x = torch.randn(35, 8, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(ours @ x, pyg.LGConv()(x, edges))
    torch.testing.assert_close(ours @ (ours @ x), pyg.LGConv()(pyg.LGConv()(x, edges), edges))


def test_lightgcn_s_mean_of_layers_against_pytorch_geometric(pyg: ModuleType) -> None:
    users, items = random_edges(12, 10, 5)
    adjacency = graph(users, items, 12, 10).symmetric()
    edges = torch.stack([torch.cat([users, items + 12]), torch.cat([items + 12, users])])
    model = pyg.LightGCN(22, 6, 3)
    layers = [model.embedding.weight]
    for _ in range(3):
        layers.append(adjacency @ layers[-1])
    torch.testing.assert_close(torch.stack(layers).mean(0), model.get_embedding(edges))


_matrices = st_numpy.arrays(
    np.float64,
    st.integers(1, 6).map(lambda n: (n, n)),
    elements=st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.25, 1.0, 2.0]),
)


@given(matrix=_matrices)
def test_symmetric_normalise_with_any_row_sums(matrix: np.ndarray) -> None:
    s = torch.from_numpy(matrix)
    rows, cols = s.nonzero().T
    pattern, _ = coalesce(rows, cols, (len(s), len(s)))
    found = SparseMatrix(pattern, symmetric_normalise(pattern, s[rows, cols])).to_dense()
    expected = torch.zeros_like(s)
    sums = s.sum(1)
    for i in range(len(s)):
        for j in range(len(s)):
            if sums[i] > 0 and sums[j] > 0:
                expected[i, j] = s[i, j] / (sums[i] * sums[j]).sqrt()
    torch.testing.assert_close(found, expected)


def test_gradient_of_the_normalisation_with_rows_without_a_scale() -> None:
    # Row sums 3, 0, -1 and 2.5: the middle rows have no scale and become zero.
    s = torch.tensor(
        [
            [1, 2, 0, 0],
            [0.5, -0.5, 0, 0],
            [0, 0, -1, 0],
            [1, 0.5, 0, 1],
        ],
        dtype=torch.float64,
    )
    rows, cols = s.nonzero().T
    pattern, _ = coalesce(rows, cols, (4, 4))
    values = s[rows, cols].requires_grad_()
    normalised = symmetric_normalise(pattern, values)
    # (0, 0) = 1 / 3, (3, 0) = 1 / sqrt(2.5 * 3), (3, 3) = 1 / 2.5; all else meets rows 1 and 2.
    expected = [1 / 3, 0, 0, 0, 0, 7.5**-0.5, 0, 1 / 2.5]
    torch.testing.assert_close(normalised, torch.tensor(expected, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(normalised.sin().sum(), [values])
    assert gradient.isfinite().all()
    assert gradient[4] == 0  # of the edge (2, 2)

    kept = torch.tensor([0, 1, 5, 6, 7])  # a step of 1e-6 does not give row 1 a sum of 0 again

    def normalise(some: Tensor) -> Tensor:
        return symmetric_normalise(pattern, values.detach().index_put((kept,), some))

    assert torch.autograd.gradcheck(normalise, values.detach()[kept].requires_grad_())


def dense(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers, half of them zero, with a zero row and a zero column."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(*shape, dtype=torch.float64, generator=generator)
    values[values < 0.5] = 0
    values[1], values[:, 2] = 0, 0
    return values


def sparse(values: Tensor) -> SparseMatrix:
    rows, cols = values.detach().nonzero().T
    return SparseMatrix.from_edges(
        rows, cols, (values.shape[0], values.shape[1]), values[rows, cols]
    )


def test_edges_in_any_order_and_repeated_ones() -> None:
    rows, cols = torch.tensor([1, 0, 1]), torch.tensor([2, 0, 2])
    assert SparseMatrix.from_edges(rows, cols, (2, 3)).to_dense().tolist() == [
        [1, 0, 0],
        [0, 0, 1],
    ]
    values = torch.tensor([1.0, 2.0, 4.0])
    summed = SparseMatrix.from_edges(rows, cols, (2, 3), values)
    assert summed.to_dense().tolist() == [[2, 0, 0], [0, 0, 5]]
    assert repr(summed) == "<SparseMatrix 2 x 3 with 2 edges>"


@pytest.mark.parametrize("seed", range(3))
def test_algebra_against_dense(seed: int) -> None:
    a, b = dense(4, 6, seed=seed), dense(4, 6, seed=seed + 10)
    one, other = sparse(a), sparse(b)
    x = dense(6, 3, seed=seed + 20)
    close = torch.testing.assert_close
    close(one @ x, a @ x)
    close((one + other).to_dense(), a + b)
    close((one + other) @ x, (a + b) @ x)
    close((one + one).to_dense(), 2 * a)
    close((3 * one).to_dense(), (one * 3).to_dense())
    close((one * torch.tensor(0.5)).to_dense(), a / 2)
    close(one.transposed().to_dense(), a.T)
    close(one.transposed() @ dense(4, 5), a.T @ dense(4, 5))
    close(one.row_sums, a.sum(1))
    close(one.detach().to_dense(), a)
    close(SparseMatrix.weighted_sum([one, other], (0.25, 2.0)).to_dense(), a / 4 + 2 * b)
    some = torch.tensor([0, 2, 3])
    kept = torch.zeros_like(a)
    kept[one.pattern.rows[some], one.pattern.cols[some]] = one.values[some]
    close(one.select(some).to_dense(), kept)


def test_the_gradient_of_a_weighted_sum() -> None:
    a, b = (dense(4, 6, seed=n).requires_grad_() for n in (1, 2))
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    x = dense(6, 3, seed=3)
    found = SparseMatrix.weighted_sum([sparse(a), sparse(b)], weights) @ x
    expected = (weights[0] * a + weights[1] * b) @ x
    inputs = (a, b, weights)
    gradients = torch.autograd.grad(found.sin().sum(), inputs)
    (of_a, of_b, of_weights) = torch.autograd.grad(expected.sin().sum(), inputs)
    for ours, theirs, edges in ((gradients[0], of_a, a), (gradients[1], of_b, b)):
        torch.testing.assert_close(ours, torch.where(edges != 0, theirs, 0))
    torch.testing.assert_close(gradients[2], of_weights)


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 2.0, 3.0)])
def test_a_weighted_sum_has_a_weight_for_each_matrix(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="2 weights"):
        SparseMatrix.weighted_sum([sparse(dense(3, 3))] * 2, weights)


def test_rows_and_columns_scale_the_block_of_users_and_items() -> None:
    interactions = SparseMatrix.from_edges(USERS, ITEMS, (2, 3))
    both = bipartite(interactions).symmetric().to_dense()
    torch.testing.assert_close(interactions.by_row_and_column().to_dense(), both[:2, 2:])


@pytest.mark.parametrize("n_columns", [3, 4])
def test_normalising_a_zero_row_leaves_zeros(n_columns: int) -> None:
    a = dense(3, n_columns, seed=4)
    found = sparse(a).by_row().to_dense()
    assert found.isfinite().all()
    sums = a.sum(1)
    torch.testing.assert_close(found.sum(1), (sums > 0).double())
    cancelled = sparse(torch.tensor([[1.0, -1.0], [0.0, 2.0]]))
    assert cancelled.by_row().to_dense().tolist() == [[0, 0], [0, 1]]


def test_a_row_whose_sum_is_zero_has_no_gradient() -> None:
    values = torch.tensor([1.0, -1.0, 3.0, 1.0], requires_grad=True)
    rows, cols = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 1]])
    SparseMatrix.from_edges(rows, cols, (2, 2), values).by_row().values[::2].sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0, 1 / 16, -3 / 16]


def test_a_copy_of_trained_values_is_made_anew() -> None:
    values = torch.ones(2, requires_grad=True)
    matrix = SparseMatrix.from_edges(torch.arange(2), torch.arange(2), (2, 2))
    matrix = SparseMatrix(matrix.pattern, values)
    assert matrix.to(matrix.device, torch.float64).values.tolist() == [1, 1]
    with torch.no_grad():
        values.mul_(3)
    assert matrix.to(matrix.device, torch.float64).values.tolist() == [3, 3]


@pytest.mark.parametrize("how", ["symmetric", "by_row", "by_row_and_column"])
def test_a_negative_row_sum_is_refused(how: str) -> None:
    negative = sparse(torch.tensor([[1.0, 1.0], [0.5, -2.0]]))
    with pytest.raises(ValueError, match="row 1"):
        getattr(negative, how)()


def test_a_negative_column_sum_is_refused() -> None:
    negative = sparse(torch.tensor([[2.0, -1.0], [1.0, 0.5]]))
    with pytest.raises(ValueError, match="negative"):
        negative.by_row_and_column()


def test_symmetric_expects_a_square_matrix() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        SparseMatrix.from_edges(USERS, ITEMS, (2, 3)).symmetric()


def test_matrices_of_two_shapes_are_not_added() -> None:
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        sparse(dense(3, 3)) + sparse(dense(3, 4))
