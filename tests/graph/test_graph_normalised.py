"""Propagation with normalised layers, against the same written with autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph import Adjacency, coalesce, mean_of_normalised_layers


def adjacency(n: int = 7, seed: int = 0) -> Adjacency:
    """A random matrix that is not symmetric, in float64, with an empty row and column."""
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(n, n, dtype=torch.float64, generator=generator)
    dense[dense < 0.5] = 0
    dense[3], dense[:, 5] = 0, 0
    rows, cols = dense.nonzero().T
    pattern, _ = coalesce(rows, cols, (n, n))
    return Adjacency(pattern, dense[rows, cols])


def by_autograd(graph: Adjacency, x: Tensor, n_layers: int) -> Tensor:
    layers = [x]
    for _ in range(n_layers):
        layers.append(normalize(graph.to_dense() @ layers[-1]))
    return torch.stack(layers).mean(0)


@pytest.mark.parametrize("n_layers", [0, 1, 2, 4])
def test_value_and_gradient(n_layers: int) -> None:
    graph = adjacency()
    x = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    weights = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found, expected = mean_of_normalised_layers(graph, x, n_layers), by_autograd(graph, x, n_layers)
    torch.testing.assert_close(found, expected)
    found_gradient, expected_gradient = (
        torch.autograd.grad((y * weights).sum(), x)[0] for y in (found, expected)
    )
    torch.testing.assert_close(found_gradient, expected_gradient)


def test_gradcheck() -> None:
    graph = adjacency()
    # Away from the empty row, whose norm is 0 and has no derivative.
    x = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    keep = (torch.arange(7) != 3).to(x.dtype)[:, None]
    assert torch.autograd.gradcheck(lambda x: mean_of_normalised_layers(graph, x, 1) * keep, x)


def test_the_input_is_not_changed() -> None:
    x = torch.ones(7, 3, dtype=torch.float64)
    mean_of_normalised_layers(adjacency(), x, 2)
    assert x.eq(1).all()
