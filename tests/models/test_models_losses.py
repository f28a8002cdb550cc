"""Losses against formulas written with loops, and at extreme values."""

from __future__ import annotations

from math import exp, log, sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.distributions import Normal, kl_divergence

from mmrec.models.losses import (
    alignment_loss,
    bpr_from_scores,
    bpr_loss,
    contrastive,
    info_nce,
    info_nce_in_batch,
    info_nce_to_all,
    kl_to_normal,
    l2_penalty,
    norm_penalty,
    total_loss,
    uniformity_loss,
)

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def cosine(x: Tensor, y: Tensor) -> float:
    return float(x @ y) / sqrt(float(x @ x) * float(y @ y))


def finite_gradients(loss: Tensor, *inputs: Tensor) -> bool:
    return all(g.isfinite().all() for g in torch.autograd.grad(loss, inputs))


@given(n=sizes, width=sizes, seed=seeds)
def test_bpr_of_embeddings(n: int, width: int, seed: int) -> None:
    user, positive, negative = random(3, n, width, seed=seed)
    terms = [
        log(1 + exp(float(u @ j) - float(u @ i)))
        for u, i, j in zip(user, positive, negative, strict=True)
    ]
    assert bpr_loss(user, positive, negative).item() == pytest.approx(sum(terms) / n)


@given(n=sizes, k=sizes, seed=seeds)
def test_bpr_with_several_negatives_is_the_mean_over_them(n: int, k: int, seed: int) -> None:
    user, positive = random(2, n, 3, seed=seed)
    negative = random(n, k, 3, seed=seed + 1)
    each = [bpr_loss(user, positive, negative[:, j]).item() for j in range(k)]
    assert bpr_loss(user, positive, negative).item() == pytest.approx(sum(each) / k)


@pytest.mark.parametrize("has_gradient", [(1, 1, 1), (0, 1, 0), (1, 0, 0)])
def test_gradients_of_bpr_and_of_the_penalty(has_gradient: tuple[int, ...]) -> None:
    rows = [
        random(4, 3, seed=n).requires_grad_(bool(needs)) for n, needs in enumerate(has_gradient)
    ]
    assert gradcheck(bpr_loss, rows)
    assert gradcheck(l2_penalty, rows)
    assert gradcheck(lambda *rows: bpr_loss(*rows, l_w=0.3), rows)


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3)])
def test_bpr_with_a_penalty_is_the_sum_of_both(shape: tuple[int, ...]) -> None:
    rows = random(4, 3), random(4, 3, seed=1), random(*shape, seed=2)
    expected = bpr_loss(*rows) + 0.3 * l2_penalty(*rows)
    torch.testing.assert_close(bpr_loss(*rows, l_w=0.3), expected)


def test_bpr_of_scores_by_hand() -> None:
    # Differences 1 and -3.
    expected = (log(1 + exp(-1)) + log(1 + exp(3))) / 2
    found = bpr_from_scores(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    assert found.item() == pytest.approx(expected, rel=1e-6)
    several = bpr_from_scores(torch.tensor([2.0, 0.0]), torch.tensor([[1.0, 1.0], [3.0, 3.0]]))
    assert several.item() == pytest.approx(expected, rel=1e-6)


def test_bpr_neither_overflows_nor_loses_digits() -> None:
    assert bpr_from_scores(torch.tensor([-500.0]), torch.tensor([500.0])).item() == 1000
    found = bpr_from_scores(torch.tensor([60.0]), torch.tensor([0.0])).item()
    assert found == pytest.approx(exp(-60))


@given(n=sizes, seed=seeds, temperature=st.sampled_from([0.1, 0.5, 2.0]))
def test_info_nce(n: int, seed: int, temperature: float) -> None:
    x, y = random(2, n, 4, seed=seed)
    terms = []
    for i in range(n):
        logits = [cosine(x[i], y[j]) / temperature for j in range(n)]
        terms.append(log(sum(map(exp, logits))) - logits[i])
    assert info_nce(x, y, temperature).item() == pytest.approx(sum(terms) / n)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e18])
def test_info_nce_is_finite_at_extreme_values(scale: float) -> None:
    x = (scale * torch.ones(3, 2)).requires_grad_()
    y = (scale * torch.eye(3, 2)).requires_grad_()
    loss = info_nce(x, y, 1e-3)
    assert loss.isfinite()
    assert finite_gradients(loss, x, y)


@given(n=sizes, seed=seeds)
def test_info_nce_of_counted_rows_is_that_of_repeated_ones(n: int, seed: int) -> None:
    x, y = (z.requires_grad_() for z in random(2, n, 4, seed=seed))
    counts = torch.randint(1, 4, (n,), generator=torch.Generator().manual_seed(seed))
    found = info_nce(x, y, 0.5, counts)
    expected = info_nce(x.repeat_interleave(counts, 0), y.repeat_interleave(counts, 0), 0.5)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found, (x, y)), torch.autograd.grad(expected, (x, y)), strict=True
    ):
        torch.testing.assert_close(one, other)


@given(n=sizes, n_all=sizes, seed=seeds)
def test_info_nce_in_a_batch_counts_a_place_as_often_as_it_occurs(
    n: int, n_all: int, seed: int
) -> None:
    x, y = random(2, n_all, 4, seed=seed)
    places = torch.randint(n_all, (n,), generator=torch.Generator().manual_seed(seed))
    found = info_nce_in_batch(x, y, places, 0.5)
    torch.testing.assert_close(found, info_nce(x[places], y[places], 0.5))


@pytest.mark.parametrize("block", [1, 1 << 22])
@given(n=sizes, n_all=sizes, seed=seeds, temperature=st.sampled_from([0.1, 0.5, 2.0]))
def test_info_nce_to_all(block: int, n: int, n_all: int, seed: int, temperature: float) -> None:
    x, y = (
        random(n, 4, seed=seed).requires_grad_(),
        random(n_all, 4, seed=seed + 1).requires_grad_(),
    )
    generator = torch.Generator().manual_seed(seed)
    positives = torch.randint(n_all, (n,), generator=generator)
    weights = torch.randint(3, (n,), generator=generator)
    directions, keys = (z / z.norm(dim=1, keepdim=True) for z in (x, y))
    logits = directions @ keys.T / temperature
    terms = logits.exp().sum(1).log() - logits[torch.arange(n), positives]
    for given_weights, expected in ((None, terms.sum()), (weights, terms @ weights.double())):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contrastive, "_BLOCK_VALUES", block)
            patch.setattr(contrastive, "_LEAST_ROWS", 1)
            found = info_nce_to_all(x, y, positives, temperature, given_weights)
        torch.testing.assert_close(found, expected)
        for one, other in zip(
            torch.autograd.grad(found, (x, y)),
            torch.autograd.grad(expected, (x, y), retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("scale", [0.0, 1e-18, 1e18])
def test_info_nce_to_all_is_finite_at_extreme_values(scale: float) -> None:
    x = (scale * torch.ones(2, 2)).requires_grad_()
    y = (-scale * torch.ones(3, 2)).requires_grad_()
    loss = info_nce_to_all(x, y, torch.tensor([0, 2]), 1e-3)
    assert loss.item() == pytest.approx(2 * log(3), rel=1e-3)
    assert finite_gradients(loss, x, y)


@given(n=sizes, seed=seeds)
def test_alignment(n: int, seed: int) -> None:
    x, y = random(2, n, 4, seed=seed)
    expected = 1 - sum(cosine(a, b) for a, b in zip(x, y, strict=True)) / n
    assert alignment_loss(x, y).item() == pytest.approx(expected)


def test_alignment_has_no_gradient_in_its_target() -> None:
    x, y = random(3, 2).requires_grad_(), random(3, 2, seed=1).requires_grad_()
    alignment_loss(x, y).backward()
    assert x.grad is not None
    assert y.grad is None


def test_alignment_with_a_zero_row_is_finite() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    loss = alignment_loss(x, torch.ones(2, 3))
    assert loss.item() == 1
    assert finite_gradients(loss, x)


@given(n=st.integers(2, 6), seed=seeds, t=st.sampled_from([0.5, 2.0]))
def test_uniformity(n: int, seed: int, t: float) -> None:
    x = random(n, 4, seed=seed)
    directions = [row / row.norm() for row in x]
    distances = [
        float((directions[i] - directions[j]).square().sum()) for i in range(n) for j in range(i)
    ]
    expected = log(sum(exp(-t * d) for d in distances) / len(distances))
    assert uniformity_loss(x, t).item() == pytest.approx(expected)


def test_uniformity_of_one_row_and_of_equal_rows() -> None:
    x = torch.ones(1, 3, requires_grad=True)
    assert uniformity_loss(x).item() == 0
    assert finite_gradients(uniformity_loss(x), x)
    assert uniformity_loss(torch.ones(4, 3)).item() == pytest.approx(0, abs=1e-6)


@given(n=sizes, seed=seeds)
def test_kl(n: int, seed: int) -> None:
    mean, log_variance = random(2, n, 4, seed=seed)
    expected = kl_divergence(
        Normal(mean, (log_variance / 2).exp()), Normal(torch.zeros(()), torch.ones(()))
    )
    found = kl_to_normal(mean, log_variance)
    torch.testing.assert_close(found, expected.sum(1).mean(), rtol=1e-9, atol=1e-12)


def test_kl_keeps_the_digits_near_its_minimum() -> None:
    # -1/2 (1 + v - exp(v)) = v^2 / 4 for small v.
    tiny = torch.full((1, 1), 1e-3)
    assert kl_to_normal(torch.zeros(1, 1), tiny).item() == pytest.approx(2.5e-7, rel=1e-2)


def test_l2_penalty_by_hand() -> None:
    # Squares 1 + 4 + 9 + 16 = 30 and 2, over 2 * 2 rows.
    x, y = torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[1.0, 1], [0, 0]])
    assert l2_penalty(x, y).item() == 8
    assert l2_penalty(x, y, divisor=16).item() == 1
    assert l2_penalty(x, y.view(2, 1, 2)).item() == 8


def test_norm_penalty_by_hand() -> None:
    # Norms 5 and 2, over the 4 rows of the last one.
    x, y = torch.tensor([[3.0, 4]]), torch.tensor([[1.0], [1], [1], [1]])
    assert norm_penalty(x, y).item() == (5 + 2) / 4


def test_norm_penalty_of_zeros_has_a_finite_gradient() -> None:
    x = torch.zeros(2, 2, requires_grad=True)
    assert finite_gradients(norm_penalty(x), x)


def test_terms_are_added_in_their_order() -> None:
    terms = {"first": torch.tensor(1e8), "second": torch.tensor(-1e8), "third": torch.tensor(1.0)}
    assert total_loss(terms) == 1  # 1e8 + 1 is 1e8 in float32
