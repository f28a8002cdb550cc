"""The tests that every metric has to pass."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from mmrec.data import Dataset
from mmrec.evaluation import (
    METRICS,
    Evaluation,
    Evaluator,
    Metric,
    Ranking,
    find_metric,
    rank,
)
from mmrec.seeding import rng_for
from mmrec.testing.data import tiny_dataset

_CUTOFFS = (1, 5)


class MetricTests:
    """The rules for every metric, as tests.

    Subclass it under a name that begins with ``Test`` and set ``metric``. A metric for which one of
    the tests makes no sense overrides that test and says why.
    """

    metric: ClassVar[str]
    """The name under test."""

    def dataset(self) -> Dataset:
        """Return the data to evaluate on."""
        return tiny_dataset()

    def found(self) -> Metric:
        """Return the metric under test."""
        return find_metric(self.metric)

    def ranking(self, seed: int = 0) -> Ranking:
        """Return random lists of all candidates."""
        dataset = self.dataset()
        rng = rng_for(seed, "scores")
        scores = torch.from_numpy(rng.random((dataset.n_users, dataset.n_items), np.float32))
        return rank(lambda users: scores[users], dataset.train, dataset.n_items)

    def evaluated(self, ranking: Ranking) -> Evaluation:
        """Return the figures of some lists."""
        dataset = self.dataset()
        evaluator = Evaluator(dataset.train, dataset.test, [self.metric], _CUTOFFS)
        return evaluator.evaluate(ranking)

    def test_is_registered_under_its_name(self) -> None:
        """Experiment files find it, in any case."""
        assert METRICS[self.metric.upper()].name == self.metric

    def test_has_a_definition(self) -> None:
        """The docstring of its function says what is computed."""
        assert self.found().formula, f"the function of {self.metric} has no docstring"

    def test_figures_are_numbers(self) -> None:
        """A number at each cutoff, and of each user if it is a mean over users.

        One number for all lists may be undefined, and is NaN then.
        """
        evaluation = self.evaluated(self.ranking())
        assert len(evaluation.figures) == len(_CUTOFFS)
        for label, figure in evaluation.figures.items():
            is_undefined = np.isnan(figure) and not self.found().per_user
            assert np.isfinite(figure) or is_undefined, f"{label} is {figure}"
        assert set(evaluation.per_user) == (
            set(evaluation.figures) if self.found().per_user else set()
        )

    def test_evaluating_changes_nothing(self) -> None:
        """The same lists give the same bits, and the function leaves its input as it is."""
        ranking = self.ranking()
        items, scores = ranking.items.copy(), ranking.scores.copy()
        one, other = self.evaluated(ranking), self.evaluated(ranking)
        _assert_equal(one, other)
        assert np.array_equal(ranking.items, items), "the metric changes the lists"
        assert np.array_equal(ranking.scores, scores), "the metric changes the scores"

    def test_lists_may_be_short_or_empty(self) -> None:
        """Unlisted positions, which have negative item numbers, count as no item.

        The value of an empty list may be undefined, that of a short one may not.
        """
        if self.found().complete:
            return
        ranking = self.ranking()
        items = ranking.items.copy()
        items[::2, 3:] = -1
        items[-1] = -1
        whole, short = self.evaluated(ranking), self.evaluated(replace(ranking, items=items))
        assert not np.isinf(list(short.figures.values())).any(), f"found {short.figures}"
        for label, values in short.per_user.items():
            undefined = np.isnan(values) & ~np.isnan(whole.per_user[label])
            assert not undefined[:-1].any(), f"{label} of a short list is NaN, and left out"

    def test_items_after_the_cutoff_do_not_count(self) -> None:
        """``Recall@5`` of long lists is that of their first five items."""
        if self.found().complete:
            return
        ranking = self.ranking()
        last = _CUTOFFS[-1]
        cut = Ranking(ranking.items[:, :last], ranking.scores[:, :last])
        _assert_equal(self.evaluated(cut), self.evaluated(ranking))

    def test_the_value_of_a_user_depends_on_no_other_list(self) -> None:
        """A mean over users is one of independent values."""
        one, other = self.ranking(), self.ranking(seed=1)
        items, scores = one.items.copy(), one.scores.copy()
        items[1:], scores[1:] = other.items[1:], other.scores[1:]
        changed = self.evaluated(Ranking(items, scores)).per_user
        for label, values in self.evaluated(one).per_user.items():
            assert np.array_equal(values[:1], changed[label][:1], equal_nan=True), (
                f"{label} of a user changes with the lists of others"
            )


def _assert_equal(one: Evaluation, other: Evaluation) -> None:
    for label, figure in one.figures.items():
        found = other.figures[label]
        assert np.array_equal(figure, found, equal_nan=True), f"{label}: {figure} and {found}"
