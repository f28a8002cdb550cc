"""When training stops: the rule case by case."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.training.early_stopping import EarlyStopping
from mmrec.training.objective import Objective

OBJECTIVES = {"min": Objective.of("loss"), "max": Objective.of("Recall@5")}
CASES = {
    # patience, mode, further fields, observations, stop?
    "too few": (2, "max", {}, [3, 2], False),
    "all later ones worse": (2, "max", {}, [3, 2, 1], True),
    "worse in any order": (2, "max", {}, [3, 1, 2], True),
    "one better": (2, "max", {}, [3, 1, 4], False),
    "the last one better": (2, "max", {}, [1, 0, 2], False),
    "an equal one goes on": (2, "max", {}, [3, 1, 3], False),
    "all equal": (3, "max", {}, [2, 2, 2, 2], False),
    "only the last 1 + patience count": (2, "max", {}, [9, 3, 4, 5], False),
    "an early best does not count": (2, "max", {}, [9, 3, 2, 1], True),
    "better than the one before does not help": (2, "max", {}, [5, 1, 2], True),
    "patience 1": (1, "max", {}, [3, 2], True),
    "patience 1, equal": (1, "max", {}, [3, 3], False),
    "patience 0 never stops": (0, "max", {}, [3, 2, 1, 0], False),
    "no observation": (1, "max", {}, [], False),
    "loss rises": (2, "min", {}, [1, 2, 3], True),
    "loss falls": (2, "min", {}, [3, 2, 1], False),
    "loss falls once": (2, "min", {}, [3, 4, 2], False),
    "loss equal": (2, "min", {}, [3, 4, 3], False),
    "negative loss rises": (1, "min", {}, [-2, -1], True),
    # An improvement of at most min_delta is none.
    "min_delta: too small": (1, "max", {"min_delta": 0.5}, [1, 1.5], True),
    "min_delta: enough": (1, "max", {"min_delta": 0.5}, [1, 1.75], False),
    "min_delta: loss too small": (1, "min", {"min_delta": 0.5}, [2, 1.5], True),
    "min_delta: loss enough": (1, "min", {"min_delta": 0.5}, [2, 1.25], False),
    "min_delta 0: equal is worse": (1, "max", {"min_delta": 0.0}, [1, 1], True),
    # An improvement of at most this share of the first value is none.
    "rel_delta: too small": (1, "max", {"rel_delta": 0.25}, [4, 5], True),
    "rel_delta: enough": (1, "max", {"rel_delta": 0.25}, [4, 5.5], False),
    "rel_delta: loss too small": (1, "min", {"rel_delta": 0.25}, [4, 3], True),
    "rel_delta: loss enough": (1, "min", {"rel_delta": 0.25}, [4, 2.5], False),
    "rel_delta: of the size of a negative value": (1, "max", {"rel_delta": 0.25}, [-4, -3], True),
    "rel_delta: negative, enough": (1, "max", {"rel_delta": 0.25}, [-4, -2.5], False),
    # A value not better than the baseline is worse.
    "baseline: below": (1, "max", {"baseline": 5.0}, [1, 4], True),
    "baseline: at": (1, "max", {"baseline": 5.0}, [1, 5], True),
    "baseline: above": (1, "max", {"baseline": 5.0}, [1, 6], False),
    "baseline: above but falling": (1, "max", {"baseline": 5.0}, [8, 6], True),
    "baseline: loss above": (1, "min", {"baseline": 0.5}, [2, 1], True),
    "baseline: loss below": (1, "min", {"baseline": 0.5}, [2, 0.25], False),
    "either delta is enough to be worse": (
        1,
        "max",
        {"min_delta": 0.1, "rel_delta": 0.5},
        [1, 1.25],
        True,
    ),
    "a missing value is worse": (1, "max", {"min_delta": 0.5}, [1, None], True),
    "a missing loss is worse": (1, "min", {}, [1, None], True),
    "nothing is worse than a missing value": (1, "max", {"rel_delta": 0.5}, [None, 1], False),
    "all missing": (2, "max", {}, [None, None, None], False),
}


@pytest.mark.parametrize(
    ("patience", "mode", "fields", "observations", "stops"), CASES.values(), ids=CASES.keys()
)
def test_rule(
    patience: int,
    mode: Literal["min", "max"],
    fields: dict[str, float],
    observations: list[float | None],
    stops: bool,
) -> None:
    assert EarlyStopping(patience, OBJECTIVES[mode], **fields).should_stop(observations) is stops


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_missing(value: float) -> None:
    assert OBJECTIVES["max"].value(0.5, {"Recall@5": value}) is None
    assert OBJECTIVES["min"].value(value, {"Recall@5": 0.5}) is None


_values = st.lists(st.integers(-3, 3).map(float), max_size=8)


@given(values=_values, patience=st.integers(1, 4))
def test_the_rule_in_one_line(values: list[float], patience: int) -> None:
    last = values[-(1 + patience) :]
    expected = len(last) == 1 + patience and max(last[1:]) < last[0]
    assert EarlyStopping(patience, OBJECTIVES["max"]).should_stop(values) is expected


@given(values=_values, patience=st.integers(0, 4), delta=st.none() | st.floats(0, 2))
def test_loss_mirrors_a_figure(values: list[float], patience: int, delta: float | None) -> None:
    rising = EarlyStopping(patience, OBJECTIVES["max"], delta, delta, baseline=1.0).should_stop(
        values
    )
    mirrored = EarlyStopping(patience, OBJECTIVES["min"], delta, delta, baseline=-1.0)
    assert mirrored.should_stop([-value for value in values]) is rising


@given(values=_values, patience=st.integers(1, 4))
def test_the_other_fields_only_stop_sooner(values: list[float], patience: int) -> None:
    if EarlyStopping(patience, OBJECTIVES["max"]).should_stop(values):
        for fields in ({"min_delta": 0.5}, {"rel_delta": 0.5}, {"baseline": 0.0}):
            assert EarlyStopping(patience, OBJECTIVES["max"], **fields).should_stop(values)
