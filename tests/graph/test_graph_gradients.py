"""Every gradient that is written by hand, against finite differences over random patterns."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from mmrec.graph import (
    Pattern,
    SparseMatrix,
    coalesce,
    edge_products,
    mean_of_layers,
    propagate,
)
from mmrec.graph.matrix import symmetric_normalise


@st.composite
def patterns(draw: st.DrawFn, square: bool = False) -> Pattern:
    """One row or column up to five; rows and columns without an edge, and edges that repeat."""
    n = draw(st.integers(1, 5))
    m = n if square else draw(st.integers(1, 5))
    places = st.tuples(st.integers(0, n - 1), st.integers(0, m - 1))
    edges = sorted(draw(st.lists(places, min_size=1, max_size=12)), key=lambda edge: edge[0])
    rows, cols = torch.tensor(edges).T.contiguous()
    return Pattern(rows, cols, (n, m))


def random(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)


def quick(function: object, inputs: tuple[Tensor, ...]) -> bool:
    """One random direction for each output and input: as strict, and in a fraction of the time."""
    return gradcheck(function, inputs, fast_mode=True)  # type: ignore[arg-type]


seeds = st.integers(0, 2**31)
some = settings(max_examples=40)


@some
@given(pattern=patterns(), width=st.integers(1, 3), seed=seeds)
def test_propagate(pattern: Pattern, width: int, seed: int) -> None:
    values, x = random(len(pattern), seed=seed), random(pattern.shape[1], width, seed=seed + 1)
    assert quick(lambda a, b: propagate(pattern, a, b), (values, x))


@some
@given(pattern=patterns(), width=st.integers(1, 3), seed=seeds)
def test_edge_products(pattern: Pattern, width: int, seed: int) -> None:
    x, y = (random(n, width, seed=seed + i) for i, n in enumerate(pattern.shape))
    assert quick(lambda a, b: edge_products(pattern, a, b), (x, y))


@some
@given(pattern=patterns(square=True), seed=seeds)
def test_symmetric_normalise(pattern: Pattern, seed: int) -> None:
    values = random(len(pattern), seed=seed).detach().exp().requires_grad_()
    assert quick(lambda a: symmetric_normalise(pattern, a), (values,))


@some
@given(
    pattern=patterns(square=True),
    n_layers=st.integers(0, 3),
    data=st.data(),
    normalised=st.booleans(),
    seed=seeds,
)
def test_mean_of_layers(
    pattern: Pattern, n_layers: int, data: st.DataObject, normalised: bool, seed: int
) -> None:
    n = pattern.shape[0]
    loops = torch.arange(n)  # a row of zeros has a norm without a derivative
    rows, cols = torch.cat([pattern.rows, loops]), torch.cat([pattern.cols, loops])
    merged, _ = coalesce(rows, cols, (n, n))
    graph = SparseMatrix(merged, random(len(merged), seed=seed).detach().exp())
    nodes = torch.tensor(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=8)))
    x = random(n, 3, seed=seed + 1)
    assert quick(lambda a: mean_of_layers(graph, a, n_layers, nodes, normalised=normalised), (x,))
