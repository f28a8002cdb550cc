"""Lists made elsewhere as a model of an experiment: what may be wrong with them is reported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import assert_contains, refusal, write_text
from tiny_experiment import experiment_writer

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.models import RecommendationFile
from mmrec.models.recommendation_file import RecommendationFileConfig
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    plan = make_plan(read_experiment(experiment_writer(tmp_path)()), use_cache=False)
    return load_datasets(plan)[0]


def own_numbers(user: int, length: int) -> list[int]:
    """Items of the other users' group, which this user has not in training."""
    return [10 * (2 * place + 1 - user % 2) for place in range(length)]


def other_numbers(user: int, length: int) -> list[int]:
    return list(range(length))


@pytest.mark.parametrize(
    ("users", "items", "length", "facts"),
    [
        (range(24), own_numbers, 3, []),
        (range(24), own_numbers, 2, ["lists.tsv: the longest list has 2 items"]),
        (range(5), own_numbers, 3, ["lists.tsv: only 5 of 24 users"]),
        (range(24), other_numbers, 3, ["items are numbers from 0 to 2", "row numbers"]),
    ],
)
def test_lists_that_may_not_be_what_was_meant(
    users: range,
    items: Callable[[int, int], list[int]],
    length: int,
    facts: list[str],
    dataset: Dataset,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = "".join(f"{user}\t{item}\n" for user in users for item in items(user, length))
    path = write_text(tmp_path / "lists.tsv", rows)
    with caplog.at_level(logging.WARNING):
        model = RecommendationFile(RecommendationFileConfig(file=path), dataset)
        model.rank(dataset.train, 3, torch.device("cpu"))
    assert bool(caplog.text) is bool(facts)
    assert_contains(caplog.text, facts)


def test_lists_of_other_users_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    config = RecommendationFileConfig(file=write_text(tmp_path / "lists.tsv", "u0\t10\t1\n"))
    message = refusal(DataError, RecommendationFile, config, dataset)
    assert_contains(message, ["lists.tsv", "u0", "the training split"])
