"""Random numbers of a training step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from mmrec.models.draws import dropout_factors, uniform


@pytest.mark.parametrize("shape", [(0, 3), (3, 3), (501, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uniform_numbers(shape: tuple[int, int], dtype: torch.dtype) -> None:
    like = torch.empty(shape, dtype=dtype)
    torch.manual_seed(3)
    one, other = uniform(like), uniform(like)
    torch.manual_seed(3)
    assert torch.equal(uniform(like), one)
    assert (one.shape, one.dtype) == (shape, dtype)
    assert one.gt(0).all()
    assert one.lt(1).all()
    assert not len(one) or not torch.equal(one, other)


def test_uniform_numbers_are_uniform_and_independent() -> None:
    torch.manual_seed(0)
    numbers = uniform(torch.empty(5000, 4)).double().numpy()
    assert stats.kstest(numbers.flatten(), "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(numbers.T) - np.eye(4)).max() < 0.06


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.95, 1 - 1e-9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dropout_factors(rate: float, dtype: torch.dtype) -> None:
    like = torch.empty(801, 25, dtype=dtype)
    torch.manual_seed(4)
    factors = dropout_factors(like, rate)
    torch.manual_seed(4)
    assert torch.equal(dropout_factors(like, rate), factors)
    assert (factors.shape, factors.dtype) == (like.shape, dtype)
    kept = factors != 0
    assert torch.equal(factors[kept], torch.full_like(factors[kept], 1 / (1 - rate)))
    n_kept = int(kept.sum())
    assert stats.binomtest(n_kept, kept.numel(), max(1 - rate, 2**-16)).pvalue > 1e-4


def test_a_factor_is_not_zero_where_a_uniform_number_is_above_the_rounded_rate() -> None:
    like = torch.empty(2**19)
    torch.manual_seed(5)
    numbers = uniform(like)
    assert (numbers.min(), numbers.max()) == (2**-17, 1 - 2**-17)
    torch.manual_seed(5)
    assert torch.equal(dropout_factors(like, 0.1) != 0, numbers > round(0.1 * 2**16) / 2**16)
