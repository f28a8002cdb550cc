"""The item graphs of LATTICE against a dense implementation of its equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mmrec.graph import Backend, SparseMatrix, kernels
from mmrec.models.learned_graph import learned_item_graph, raw_item_graph


def cosine(x: Tensor) -> Tensor:
    """Equation 2, [I, I]; the cosine with a zero vector is 0."""
    lengths = x.norm(dim=1, keepdim=True)
    directions = torch.where(lengths > 0, x / lengths.where(lengths > 0, 1), 0)
    return directions @ directions.T


def keep_largest(similarity: Tensor, top_k: int) -> Tensor:
    """Equation 3: zero but the top_k largest of each row, the lower column first on a tie."""
    rounded = np.round(similarity.detach().numpy(), 9) + 0.0
    kept = torch.zeros_like(similarity)
    for i, row in enumerate(rounded):
        for j in sorted(range(len(row)), key=lambda j: (-row[j], j))[:top_k]:
            kept[i, j] = 1
    return similarity * kept


def normalise(similarity: Tensor) -> Tensor:
    """Set the diagonal to 1, then D^-1/2 S D^-1/2; a row without a positive sum becomes zero."""
    items = torch.eye(len(similarity), dtype=torch.bool)
    similarity = torch.where(items, 1, similarity)
    sums = similarity.sum(1)
    scale = torch.where(sums > 0, sums.where(sums > 0, 1).rsqrt(), 0)
    return scale[:, None] * similarity * scale


def dense_raw(features: list[Tensor], top_k: int) -> list[Tensor]:
    return [normalise(keep_largest(cosine(x), top_k)) for x in features]


def dense_fused(
    raw: list[Tensor], projected: list[Tensor], weights: Tensor, top_k: int, raw_share: float
) -> Tensor:
    """Equations 2 to 6."""
    learned = [keep_largest(cosine(x), top_k) for x in projected]
    mixed = sum(w * s for w, s in zip(weights, learned, strict=True))
    fixed = sum(w * s for w, s in zip(weights, raw, strict=True))
    return (1 - raw_share) * normalise(mixed) + raw_share * fixed  # type: ignore[arg-type,operator]


def vectors(n_items: int, *widths: int, seed: int = 0) -> list[Tensor]:
    """Random features or projections in float64, all of them pointing roughly one way."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(n_items, width, dtype=torch.float64, generator=generator) + 0.5
        for width in widths
    ]


def raw_graphs(features: list[Tensor], top_k: int) -> list[SparseMatrix]:
    return SparseMatrix.aligned([raw_item_graph(x, top_k, "exact") for x in features])


def fuse(
    raw: list[SparseMatrix],
    projected: list[Tensor],
    weights: Tensor,
    *,
    top_k: int,
    raw_share: float,
) -> SparseMatrix:
    learned = learned_item_graph(projected, weights, top_k, "exact")
    return (1 - raw_share) * learned + raw_share * SparseMatrix.weighted_sum(raw, weights)


def dense_of(raw: list[SparseMatrix]) -> list[Tensor]:
    return [graph.to_dense() for graph in raw]


def test_raw_graph_by_hand() -> None:
    # Cosines: items 0 and 1 are at 45 degrees, item 2 is at 45 degrees to 1 and 90 to 0.
    # The two largest per row: 0 keeps itself and 1, 1 keeps itself and 0 (not 2: the lower
    # number wins the tie), 2 keeps itself and 1. With h = 1/sqrt(2) the row sums are all 1 + h,
    # so every value is divided by 1 + h.
    x = torch.tensor([[2.0, 0], [1, 1], [0, 3]], dtype=torch.float64)
    h = 2**-0.5
    expected = torch.tensor([[1, h, 0], [h, 1, 0], [0, h, 1]], dtype=torch.float64) / (1 + h)
    (found,) = dense_of(raw_graphs([x], top_k=2))
    torch.testing.assert_close(found, expected)


def test_fused_graph_by_hand() -> None:
    # Raw: equal vectors, 2 neighbours: all of [[1, 1], [1, 1]] / 2. Learned: cosine 3/5 beside a
    # diagonal of 1, weighted 1/4 and 3/4 with a modality of cosine -1/5:
    # 1/4 * 3/5 + 3/4 * -1/5 = 0 exactly off the diagonal, so S = identity, D = 1.
    # A = 0.6 * identity + 0.4 * [[1/2, 1/2], [1/2, 1/2]] = [[0.8, 0.2], [0.2, 0.8]].
    raw = raw_graphs([torch.ones(2, 3, dtype=torch.float64)] * 2, top_k=2)
    projected = [
        torch.tensor([[1.0, 0], [3, 4]], dtype=torch.float64),
        torch.tensor([[5.0, 0], [-1, 24**0.5]], dtype=torch.float64),
    ]
    weights = torch.tensor([0.25, 0.75], dtype=torch.float64)
    graph = fuse(raw, projected, weights, top_k=2, raw_share=0.4)
    expected = torch.tensor([[0.8, 0.2], [0.2, 0.8]], dtype=torch.float64)
    torch.testing.assert_close(graph.to_dense(), expected)
    x = torch.tensor([[1.0], [10]], dtype=torch.float64)
    assert (graph @ x).flatten().tolist() == pytest.approx([2.8, 8.2])


@pytest.mark.parametrize("widths", [(4,), (4, 3), (4, 3, 6)])
@pytest.mark.parametrize("top_k", [1, 2, 5, 14, 15, 100])
def test_raw_graphs_against_dense(widths: tuple[int, ...], top_k: int) -> None:
    features = vectors(15, *widths)
    raw = raw_graphs(features, top_k)
    assert all(graph.pattern is raw[0].pattern for graph in raw)
    for found, expected in zip(dense_of(raw), dense_raw(features, top_k), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("n_modalities", [1, 2, 3])
@pytest.mark.parametrize("top_k", [1, 2, 5, 14, 15, 100])
@pytest.mark.parametrize("raw_share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kernel", ["embedding_bag", "csr", "segment"])
def test_fused_values_and_gradients_against_dense(
    n_modalities: int,
    top_k: int,
    raw_share: float,
    kernel: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "default_backend", lambda device_type: kernel)
    features = vectors(15, *(4, 3, 6)[:n_modalities], seed=1)
    projected = [x.requires_grad_() for x in vectors(15, *(5, 5, 5)[:n_modalities], seed=2)]
    logits = torch.linspace(-1, 1, n_modalities, dtype=torch.float64).requires_grad_()
    raw = raw_graphs(features, top_k)

    graph = fuse(raw, projected, logits.softmax(0), top_k=top_k, raw_share=raw_share)
    dense = dense_fused(dense_raw(features, top_k), projected, logits.softmax(0), top_k, raw_share)
    torch.testing.assert_close(graph.to_dense(), dense)

    x = torch.randn(15, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = (*projected, logits)
    torch.testing.assert_close(
        torch.autograd.grad((graph @ x).sin().sum(), inputs),
        torch.autograd.grad((dense @ x).sin().sum(), inputs),
    )


def test_fused_gradients_against_finite_differences() -> None:
    features = vectors(6, 4, 3, seed=4)
    raw = raw_graphs(features, 3)
    projected = [x.requires_grad_() for x in vectors(6, 3, 3, seed=5)]
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)

    def values(*inputs: Tensor) -> Tensor:
        return fuse(raw, inputs[:2], inputs[2], top_k=3, raw_share=0.4).values

    assert torch.autograd.gradcheck(values, (*projected, weights))


@pytest.mark.parametrize("top_k", [1, 3, 12])
def test_duplicate_items(top_k: int) -> None:
    features, projected = vectors(12, 4, 3, seed=6), vectors(12, 5, 5, seed=7)
    for x in (*features, *projected):
        x[5] = x[9] = x[1]
        x[8] = 2 * x[2]
    raw = raw_graphs(features, top_k)
    weights = torch.tensor([0.5, 0.5], dtype=torch.float64)
    found = fuse(raw, projected, weights, top_k=top_k, raw_share=0.5)
    expected = dense_fused(dense_raw(features, top_k), projected, weights, top_k, 0.5)
    torch.testing.assert_close(found.to_dense(), expected)


@pytest.mark.parametrize("top_k", [1, 3, 12])
def test_an_item_without_direction_makes_no_nan(top_k: int) -> None:
    features, projected = vectors(12, 4, 3, seed=8), vectors(12, 5, 5, seed=9)
    features[0][4] = 0
    projected[0][4] = projected[1][4] = 0
    projected[1][7] = 0
    for x in projected:
        x.requires_grad_()
    weights = torch.tensor([0.4, 0.6], dtype=torch.float64, requires_grad=True)
    raw = raw_graphs(features, top_k)
    graph = fuse(raw, projected, weights, top_k=top_k, raw_share=0.5)
    expected = dense_fused(dense_raw(features, top_k), projected, weights, top_k, 0.5)
    torch.testing.assert_close(graph.to_dense(), expected)
    for gradient in torch.autograd.grad(graph.values.square().sum(), (*projected, weights)):
        assert gradient.isfinite().all()


def test_all_items_without_direction_leave_the_diagonal() -> None:
    zeros = torch.zeros(4, 3, dtype=torch.float64)
    raw = raw_graphs([zeros], 2)
    torch.testing.assert_close(dense_of(raw)[0], torch.eye(4, dtype=torch.float64))
    weights = torch.ones(1, dtype=torch.float64)
    projected = zeros.clone().requires_grad_()
    graph = fuse(raw, [projected], weights, top_k=2, raw_share=0.5)
    torch.testing.assert_close(graph.to_dense(), torch.eye(4, dtype=torch.float64))
    assert torch.autograd.grad(graph.values.sum(), projected)[0].eq(0).all()


def test_opposite_items_have_a_row_without_a_scale() -> None:
    # Three items, the last two opposite to the first: its row sums to 1 - 1 - 1 = -1.
    x = torch.tensor([[1.0, 0], [-1, 0], [-2, 0]], dtype=torch.float64)
    (found,) = dense_of(raw_graphs([x], 3))
    assert found.isfinite().all()
    torch.testing.assert_close(found, dense_raw([x], 3)[0])
    assert found[0].tolist() == [0, 0, 0]


_axes = st.sampled_from([[0.0, 0, 0], [1, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -1, 0], [0, 0, 4]])


@given(
    items=st.lists(st.tuples(*[_axes] * 6), min_size=1, max_size=8),
    n_modalities=st.integers(1, 3),
    top_k=st.integers(1, 9),
)
def test_many_ties(items: list[tuple[list[float], ...]], n_modalities: int, top_k: int) -> None:
    # Vectors along the axes have cosines of exactly -1, 0 and 1, so that ties are ties and a row
    # sum of zero is zero.
    features, projected = (
        [
            torch.tensor([row[start + m] for row in items], dtype=torch.float64)
            for m in range(n_modalities)
        ]
        for start in (0, 3)
    )
    weights = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)[:n_modalities]
    raw = raw_graphs(features, top_k)
    found = fuse(raw, projected, weights, top_k=top_k, raw_share=0.25).to_dense()
    expected = dense_fused(dense_raw(features, top_k), projected, weights, top_k, 0.25)
    torch.testing.assert_close(found, expected)


def test_float32_is_as_good_as_its_digits() -> None:
    features, projected = vectors(40, 8, 6, seed=10), vectors(40, 5, 5, seed=11)
    weights = torch.tensor([0.2, 0.8], dtype=torch.float64)
    expected = dense_fused(dense_raw(features, 6), projected, weights, 6, 0.7)
    raw = raw_graphs([x.float() for x in features], 6)
    projected32 = [x.float() for x in projected]
    found = fuse(raw, projected32, weights.float(), top_k=6, raw_share=0.7)
    assert found.values.dtype == torch.float32
    torch.testing.assert_close(found.to_dense().double(), expected, rtol=1e-5, atol=1e-6)


def test_the_same_bits_every_time() -> None:
    features, projected = vectors(50, 8, 6, seed=12), vectors(50, 5, 5, seed=13)
    results = []
    for _ in range(4):
        inputs = [x.float().requires_grad_() for x in projected]
        weights = torch.tensor([0.5, 0.5], requires_grad=True)
        raw = raw_graphs([x.float() for x in features], 7)
        values = fuse(raw, inputs, weights, top_k=7, raw_share=0.5).values
        gradients = torch.autograd.grad(values.square().sum(), (*inputs, weights))
        results.append((values, *gradients))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_detach_cuts_the_history_and_keeps_the_numbers() -> None:
    raw = raw_graphs(vectors(5, 3), 2)
    projected = [x.requires_grad_() for x in vectors(5, 4, seed=1)]
    weights = torch.ones(1, dtype=torch.float64)
    graph = fuse(raw, projected, weights, top_k=2, raw_share=0.5)
    assert graph.values.requires_grad
    cut = graph.detach()
    assert not cut.values.requires_grad
    assert cut.pattern is graph.pattern
    assert torch.equal(cut.values, graph.values)
