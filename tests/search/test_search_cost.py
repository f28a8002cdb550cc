"""Points that cost alike, and what the measured ones say of the others."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.models import LATTICE, LightGCNM
from mmrec.search.cost import Cost, CostSpace, cost_of


@pytest.mark.parametrize(
    "values",
    [{"lr": 0.5}, {"l_w": 0}, {"seed": 7}, {"epochs": 9}, {"l_m": 1}, {"dl": (0.5, 0.2, 0.1)}],
)
def test_what_costs_nothing(values: dict) -> None:
    assert cost_of(LATTICE.Config(**values)) == cost_of(LATTICE.Config())


@pytest.mark.parametrize(
    "values",
    [
        *({"batch_size": 64}, {"factors": 8}, {"n_layers": 3}, {"aggregation": "concat"}),
        *({"modalities": ("visual",)}, {"normalize": False}),
    ],
)
def test_what_costs(values: dict) -> None:
    assert cost_of(LightGCNM.Config(**values)) != cost_of(LightGCNM.Config())


def grid(**dimensions: list) -> CostSpace:
    points = product(*dimensions.values())
    return CostSpace([tuple(zip(dimensions, point, strict=True)) for point in points])


GRID = grid(factors=[16, 64, 256], cf=["mf", "ngcf"], top_k=[10, 20, 40, 80])


def cost(factors: int, cf: str, top_k: int) -> Cost:
    return (("factors", factors), ("cf", cf), ("top_k", top_k))


def test_numbers_are_as_far_apart_as_their_places() -> None:
    assert GRID.distance(cost(16, "mf", 10), cost(16, "mf", 10)) == 0
    assert GRID.distance(cost(16, "mf", 10), cost(64, "mf", 10)) == 0.5
    assert GRID.distance(cost(16, "mf", 10), cost(256, "ngcf", 20)) == pytest.approx(2 + 1 / 3)


def test_the_first_ones_measured_are_far_from_each_other() -> None:
    first = cost(256, "ngcf", 80)
    chosen = GRID.spread_out(first, 2)
    assert chosen == [first, cost(16, "mf", 10)]
    assert len(set(GRID.spread_out(first, 8))) == 8
    assert set(GRID.spread_out(first, 100)) == set(GRID.costs)


@given(st.integers(0, 23), st.integers(1, 24), st.integers(0, 23))
def test_shares_are_of_one(first: int, n_measured: int, asked: int) -> None:
    measured = GRID.spread_out(GRID.costs[first], n_measured)
    shares = GRID.weights(GRID.costs[asked], measured)
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0
    by_share = sorted(shares, key=lambda x: -shares[x])
    distances = [round(GRID.distance(GRID.costs[asked], x), 6) for x in by_share]
    assert distances == sorted(distances)


def test_what_tells_them_apart_is_told() -> None:
    assert GRID.told(cost(16, "mf", 10)) == "factors 16, cf mf, top_k 10"
    assert grid(factors=[16, 64], cf=["mf"]).told((("factors", 16), ("cf", "mf"))) == "factors 16"
