"""The shipped test kit for metrics: on mmrec's, and on broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mmrec.data import FloatArray
from mmrec.evaluation import METRICS, JudgedLists, metric
from mmrec.testing import MetricTests

TESTS = [name for name in vars(MetricTests) if name.startswith("test_")]


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_mmrec_passes(name: str, test: str) -> None:
    kit(name, test)


def kit(name: str, test: str) -> None:
    """Run one test of the kit on a metric."""
    made = type("TestMine", (MetricTests,), {"metric": name})
    getattr(made(), test)()


def not_a_number(lists: JudgedLists) -> FloatArray:
    """NaN, [V]."""
    return np.full(len(lists.items), np.nan)


def reads_unlisted_positions(lists: JudgedLists) -> FloatArray:
    """The mean logarithm of the item numbers, [V]."""
    with np.errstate(invalid="ignore"):
        return np.log(lists.items + 0.5).mean(axis=1)


def relative(lists: JudgedLists) -> FloatArray:
    """The hits of each list less those of the best, [V]."""
    return lists.items[:, 0] - float(lists.items.max())


def undefined(lists: JudgedLists) -> FloatArray:
    return np.zeros(len(lists.items))


BROKEN: dict[Callable[[JudgedLists], FloatArray], str] = {
    not_a_number: "test_figures_are_numbers",
    reads_unlisted_positions: "test_lists_may_be_short_or_empty",
    relative: "test_the_value_of_a_user_depends_on_no_other_list",
    undefined: "test_has_a_definition",
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget the metrics of a test."""
    with METRICS.isolated():
        yield


@pytest.mark.parametrize("function", BROKEN)
def test_a_broken_metric_fails(function: Callable[[JudgedLists], FloatArray]) -> None:
    metric("Broken", over="held-out")(function)
    with pytest.raises(AssertionError):
        kit("Broken", BROKEN[function])
