"""Metrics with settings: values by hand, properties, files of groups, and what is refused.

The splits and lists are those of test_eval_by_hand.py. Users 0 and 2 are in group 0, user 1 in
group 1. Items 0 1 2 are in group 0, items 3 4 and one that the data do not have in group 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, refusal
from hypothesis import given
from hypothesis import strategies as st
from test_eval_by_hand import D2, HELD_OUT, LISTS, NORM3, TRAIN

from mmrec.data import Interactions, Vocabulary
from mmrec.errors import ConfigError, DataError, ModelError
from mmrec.evaluation import (
    COMPLEX_METRICS,
    METRICS,
    Better,
    ComplexMetric,
    Compute,
    Evaluation,
    Evaluator,
    Ids,
    JudgedLists,
    Ranking,
    complex_metric,
    read_complex_metrics,
)
from mmrec.evaluation.ground_truth import GroundTruth

IDS = Ids(Vocabulary(["u0", "u1", "u2", "u3"]), Vocabulary(["i0", "i1", "i2", "i3", "i4"]))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the files of groups and features."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users").write_text("u1\t1\nu0\t0\nu2\t0\n")
    (tmp_path / "items").write_text("i0\t0\ni3\t1\ni9\t1\ni1\t0\ni2\t0\ni4\t1\n")
    (tmp_path / "features").write_text("i2\t7\t8\t7\ni1\t8\ni0\t5\ni9\t6\n")
    return tmp_path


def evaluate(entry: Mapping[str, Any], cutoffs: tuple[int, ...] = (3,)) -> Evaluation:
    metrics = read_complex_metrics([entry])
    evaluator = Evaluator(TRAIN, HELD_OUT, ["Recall"], cutoffs, 2, complex_metrics=metrics, ids=IDS)
    return evaluator.evaluate(LISTS)


USERS = {"user_clustering_name": "g", "user_clustering_file": "users"}
ITEMS = {"item_clustering_name": "c", "item_clustering_file": "items"}
BY_HAND: list[tuple[dict[str, Any], dict[str, float]]] = [
    # User 0: P = R = 2/3. User 1: P = 1/3, R = 1.
    ({"metric": "DSC"}, {"DSC": (2 / 3 + 1 / 2) / 2}),
    ({"metric": "dsc", "beta": "2"}, {"DSC": (2 / 3 + (5 / 3) / (4 / 3 + 1)) / 2}),
    # Precision has values of users 0 and 1, ARP also of user 2, who is left out.
    (
        {"metric": "DSC", "metric_1": "arp"},
        {"DSC": ((4 / 3) / (5 / 3) + (2 * 4 / 9) / (5 / 3)) / 2},
    ),
    (
        {"metric": "ExtendedF1", "metric_0": "recall", "metric_1": "HR"},
        {"ExtendedF1_m0:Recall-m1:HR": (2 * (2 / 3) / (5 / 3) + 1) / 2},
    ),
    ({"metric": "ExtendedEFD"}, {"ExtendedEFD": (1.5 * log2(9) + D2 * log2(9 / 2)) / NORM3 / 2}),
    # Gains 7 and 1 of user 0 at ranks 1 and 3, 1 of user 1 at rank 2.
    (
        {"metric": "ExtendedEPC", "relevance": "discounted"},
        {"ExtendedEPC": ((7 + 1 / 2) * 0.75 + D2 * 0.5) / NORM3 / 2},
    ),
    # Half of the 9 rows: head 0 1, tail 2 3 4. Lists: item 1 twice, five of the tail. Users 0 1 2
    # have 3 + 1 rows of the head and 2 of the tail: P = 2/2 and 5/7.
    ({"metric": "ExtendedPopRSP", "pop_ratio": 0.5}, {"ExtendedPopRSP": (1 / 7) / (6 / 7)}),
    # Hits: item 1 of 1, items 2 and 4 of 2.
    ({"metric": "ExtendedPopREO", "pop_ratio": 0.5}, {"ExtendedPopREO": 0}),
    # Group 0: items 2 1 1 in the lists, 3 * 3 - 5 pairs. Group 1: 3 4 3 4, 3 * 3 - 1 pairs.
    (
        {"metric": "RSP", "clustering_name": "c", "clustering_file": "items"},
        {
            "RSP-ProbToBeRanked_items:c-0": 3 / 4,
            "RSP-ProbToBeRanked_items:c-1": 4 / 8,
            "RSP_items:c": (1 / 8) / (5 / 8),
        },
    ),
    (
        {"metric": "REO", "clustering_name": "c", "clustering_file": "items"},
        {"REO-ProbToBeRanked_items:c-0": 1, "REO-ProbToBeRanked_items:c-1": 1, "REO_items:c": 0},
    ),
    # Users 0 and 2 list one of 3 and all of 1 item of category 0: 2 of 4. User 1 lists 1 of 3.
    (
        {"metric": "BiasDisparityBR", **USERS, **ITEMS},
        {
            "BiasDisparityBR_users:g-0_items:c-0": (2 / 4) / (3 / 6),
            "BiasDisparityBR_users:g-0_items:c-1": (2 / 4) / (3 / 6),
            "BiasDisparityBR_users:g-1_items:c-0": (1 / 3) / (3 / 6),
            "BiasDisparityBR_users:g-1_items:c-1": (2 / 3) / (3 / 6),
        },
    ),
    # Training: 0 1 0 of category 0 and 3 of category 1; 0 2 of category 0.
    (
        {"metric": "BiasDisparityBS", **USERS, **ITEMS},
        {
            "BiasDisparityBS_users:g-0_items:c-0": (3 / 4) / (3 / 6),
            "BiasDisparityBS_users:g-0_items:c-1": (1 / 4) / (3 / 6),
            "BiasDisparityBS_users:g-1_items:c-0": 1 / (3 / 6),
            "BiasDisparityBS_users:g-1_items:c-1": 0,
        },
    ),
    (
        {"metric": "BiasDisparityBD", **USERS, **ITEMS},
        {
            "BiasDisparityBD_users:g-0_items:c-0": (1 - 3 / 2) / (3 / 2),
            "BiasDisparityBD_users:g-0_items:c-1": (1 - 1 / 2) / (1 / 2),
            "BiasDisparityBD_users:g-1_items:c-0": (2 / 3 - 2) / 2,
            "BiasDisparityBD_users:g-1_items:c-1": np.nan,
        },
    ),
    # All users: 3 of 7 listed items are in category 0; in training 7 of 9, of user 3 too.
    (
        {"metric": "BiasDisparityBD", **ITEMS},
        {
            "BiasDisparityBD_users:-0_items:c-0": (6 / 7 - 14 / 9) / (14 / 9),
            "BiasDisparityBD_users:-0_items:c-1": (8 / 7 - 4 / 9) / (4 / 9),
        },
    ),
    ({"metric": "BiasDisparityBR"}, {"BiasDisparityBR_users:-0_items:-0": 1}),
    # Features 5, 7 and 8 are in training. Hits of user 0: 7 8. Hit of user 1: 8.
    ({"metric": "SRecall", "feature_data": "features"}, {"SRecall": (2 / 3 + 1 / 3) / 2}),
    (
        {"metric": "UserMADranking", "clustering_name": "g", "clustering_file": "users"},
        {"UserMADranking_g": abs((7 + 1 / 2) / (7 + 3 * D2 + 1 / 2) - D2)},
    ),
    # Lists of users 0 and 1. Item 1: gain 1 in one list, item 2: 7 in one. Item 3: 0 in two,
    # item 4: 1 in one of two.
    (
        {"metric": "ItemMADranking", "clustering_name": "c", "clustering_file": "items"},
        {"ItemMADranking_c": (1 + 7) / 2 - (0 + 1 / 2) / 2},
    ),
    ({"metric": "clustered_Recall", **USERS}, {"Recall_users:g-0": 2 / 3, "Recall_users:g-1": 1}),
    (
        {"metric": "clustered_nDCG", **USERS},
        {"nDCG_users:g-0": (7 + 1 / 2) / (7 + 3 * D2 + 1 / 2), "nDCG_users:g-1": D2},
    ),
    # From here on user 2 counts.
    (
        {"metric": "clustered_APLT", **USERS},
        {"APLT_users:g-0": (1 / 3 + 0) / 2, "APLT_users:g-1": 1 / 3},
    ),
    ({"metric": "clustered_ACLT", **USERS}, {"ACLT_users:g-0": 1 / 2, "ACLT_users:g-1": 1}),
    (
        {"metric": "clustered_ARP", **USERS},
        {"ARP_users:g-0": (1 + 2) / 2, "ARP_users:g-1": 4 / 3},
    ),
    # Counts 0 1 1 1 1 and 0 0 1 1 1, times -4 -2 0 2 4.
    (
        {"metric": "clustered_GiniIndex", **USERS},
        {
            "Gini_users:g-0": 1 - (-2 + 0 + 2 + 4) / 4 / 4,
            "Gini_users:g-1": 1 - (0 + 2 + 4) / 3 / 4,
        },
    ),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("entry", "expected"), BY_HAND)
def test_values_by_hand(entry: dict[str, Any], expected: dict[str, float]) -> None:
    figures = evaluate(entry).figures
    assert list(figures) == ["Recall@3", *(f"{name}@3" for name in expected)]
    found = {name: figures[f"{name}@3"] for name in expected}
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_the_example_covers_every_complex_metric() -> None:
    covered = {entry["metric"] for entry, _ in BY_HAND} - {"dsc"}
    assert covered == set(COMPLEX_METRICS)


@pytest.mark.usefixtures("files")
def test_values_of_the_users() -> None:
    per_user = evaluate({"metric": "DSC"}, (1, 3)).per_user
    np.testing.assert_allclose(per_user["DSC@3"], [2 / 3, 1 / 2, np.nan, np.nan])
    per_user = evaluate({"metric": "clustered_ACLT", **USERS}).per_user
    np.testing.assert_allclose(per_user["ACLT_users:g-0@3"], [1, np.nan, 0, np.nan])
    assert set(evaluate({"metric": "BiasDisparityBR"}).per_user) == {"Recall@3"}


def test_groups_without_values(files: Path) -> None:
    (files / "users").write_text("u0\t0\nu3\t1\nu1\t2\n")  # user 3 has nothing held out
    figures = evaluate({"metric": "clustered_ARP", **USERS}).figures
    assert np.isnan(figures["ARP_users:g-1@3"])
    assert figures["ARP_users:g-2@3"] == pytest.approx(4 / 3)
    assert evaluate({"metric": "clustered_GiniIndex", **USERS}).figures["Gini_users:g-1@3"] == 1
    spread = {"clustering_name": "g", "clustering_file": "users"}
    assert np.isnan(evaluate({"metric": "UserMADranking", **spread}).figures["UserMADranking_g@3"])
    (files / "items").write_text("i4\t0\ni0\t1\n")  # item 0 is relevant to nobody
    parity = {"clustering_name": "c", "clustering_file": "items"}
    figures = evaluate({"metric": "REO", **parity}).figures
    assert figures["REO-ProbToBeRanked_items:c-0@3"] == 1
    assert np.isnan([figures["REO-ProbToBeRanked_items:c-1@3"], figures["REO_items:c@3"]]).all()
    assert np.isnan(evaluate({"metric": "ItemMADranking", **parity}).figures["ItemMADranking_c@3"])
    everything = {"metric": "ExtendedPopRSP", "pop_ratio": 1}
    assert np.isnan(evaluate(everything).figures["ExtendedPopRSP@3"])


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ({"metric": "DCS"}, ["metric", "did you mean 'DSC'?"]),
        ({"metric": "Recall"}, ["Recall", "simple_metrics"]),
        ({"metric": "UserMADrating"}, ["UserMADrating", "predicted ratings"]),
        ({"metric": "itemmadrating"}, ["ItemMADrating", "predicted ratings"]),
        ({"metric": "DSC", "betta": 1}, ["betta", "did you mean 'beta'?"]),
        ({"metric": "DSC", "beta": 0}, ["beta", "found 0", "above 0"]),
        ({"metric": "DSC", "metric_0": "Gini"}, ["metric_0", "'Gini'", "mean over users"]),
        ({"metric": "DSC", "metric_0": "GAUC"}, ["metric_0", "'GAUC'"]),
        ({"metric": "DSC", "metric_1": "RMSE"}, ["metric_1", "RMSE", "predicted ratings"]),
        ({"metric": "DSC", "metric_1": "Recal"}, ["metric_1", "did you mean 'Recall'?"]),
        ({"metric": "ExtendedF1", "metric_0": "Recall"}, ["metric_1", "required"]),
        ({"metric": "ExtendedEFD", "relevance": "graded"}, ["'binary' or 'discounted'"]),
        ({"metric": "ExtendedPopREO", "pop_ratio": 1.2}, ["pop_ratio", "at most 1"]),
        ({"metric": "SRecall"}, ["feature_data", "required"]),
        ({"metric": "RSP", "clustering_file": "items"}, ["clustering_name", "required"]),
        (
            {"metric": "RSP", "clustering_name": "c", "clustering_file": "itms"},
            ["clustering_file", "did you mean 'items'?"],
        ),
        (
            {"metric": "RSP", "clustering_name": "c@1", "clustering_file": "items"},
            ["clustering_name", "'c@1'"],
        ),
        (
            {"metric": "RSP", "clustering_name": "c", "clustering_file": 3},
            ["clustering_file", "found 3", "path"],
        ),
        (
            {"metric": "clustered_ARP", "user_clustering_name": "g"},
            ["user_clustering_file", "required"],
        ),
        (
            {"metric": "BiasDisparityBR", "user_clustering_file": "users"},
            ["user_clustering_file", "user_clustering_name"],
        ),
        (
            {"metric": "BiasDisparityBD", "item_clustering_name": "c"},
            ["item_clustering_file", "item_clustering_name"],
        ),
        (
            {"metric": "BiasDisparityBD", **ITEMS, "item_clustering_name": "c@1"},
            ["item_clustering_name", "'c@1'"],
        ),
        ({"beta": 1}, ["complex_metrics[0].metric", "required"]),
    ],
)
def test_refused_entries(entry: dict[str, Any], facts: list[str]) -> None:
    message = refusal(ConfigError, read_complex_metrics, [entry])
    assert_contains(message, ["complex_metrics[0]", *facts])
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["MAE", "mse", "RMSE"])
def test_metrics_of_predicted_ratings_are_refused_with_the_reason(name: str) -> None:
    message = refusal(ConfigError, Evaluator, TRAIN, HELD_OUT, [name], [3])
    assert_contains(message, [name.upper(), "predicted ratings"])


@pytest.mark.usefixtures("files")
def test_equal_columns_are_refused() -> None:
    message = refusal(
        ConfigError, read_complex_metrics, [{"metric": "DSC"}, {"metric": "DSC", "beta": 2}]
    )
    assert_contains(message, ["complex_metrics[1]", "'DSC'", "complex_metrics[0]"])
    groups = {"metric": "RSP", "clustering_name": "c", "clustering_file": "items"}
    other = groups | {"clustering_name": "d"}
    assert len(read_complex_metrics([groups, other])) == 2


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ("", ["empty"]),
        ("user\tgroup\nu0\t0\n", [":1:", "header"]),
        ("u0\t0\nu1,1\n", [":2:", "'u1,1'", "tab"]),
        ("u0\t0\nu1\t1.5\n", [":2:", "whole number"]),
        ("u0\t0\t1\n", [":1:", "one group", "0, 1"]),
        ("u0\t0\n\t1\n", [":2:", "an id"]),
        ("u0\t-1\n", [":1:", "from 0 up"]),
        ("u0\t0\nu1\t2\n", [":2:", "group 2", "no group 1"]),
        ("u0\t1\nu1\t2\n", [":2:", "group 2", "no group 0"]),
        ("u0\t0\nu1\t1\nu0\t0\n", [":3:", "'u0'", "line 1"]),
    ],
)
def test_refused_files_of_groups(content: str, facts: list[str], files: Path) -> None:
    (files / "users").write_text(content)
    message = refusal(ConfigError, read_complex_metrics, [{"metric": "clustered_ARP", **USERS}])
    assert_contains(message, [files / "users", "user_clustering_file", *facts])
    assert len(message.splitlines()) == 1


def test_refused_files_of_features(files: Path) -> None:
    for content, facts in (
        ("i0\n", [":1:", "a feature"]),
        ("i0\t1\ni1\tred\n", [":2:", "whole number"]),
        ("i0\t1\ni1\t2\ni0\t2\n", [":3:", "'i0'", "line 1"]),
    ):
        (files / "features").write_text(content)
        entry = {"metric": "SRecall", "feature_data": "features"}
        assert_contains(refusal(ConfigError, read_complex_metrics, [entry]), facts)


def test_a_file_of_other_ids_is_refused(files: Path) -> None:
    entry = {"metric": "clustered_ARP", **USERS, "user_clustering_file": "items"}
    message = refusal(DataError, evaluate, entry)
    assert_contains(message, [files / "items", "i0", "u0"])


@pytest.mark.parametrize(
    ("entry", "is_graded"),
    [
        ({"metric": "DSC", "metric_0": "nDCG"}, True),
        ({"metric": "DSC"}, False),
        ({"metric": "ExtendedEPC", "relevance": "discounted"}, True),
        ({"metric": "ExtendedEPC"}, False),
        ({"metric": "UserMADranking", "clustering_name": "g", "clustering_file": "users"}, True),
        ({"metric": "ItemMADranking", "clustering_name": "c", "clustering_file": "items"}, True),
        ({"metric": "clustered_nDCG", **USERS}, True),
        ({"metric": "clustered_Recall", **USERS}, False),
    ],
)
@pytest.mark.usefixtures("files")
def test_gains_that_are_infinite_are_refused(entry: dict[str, str], is_graded: bool) -> None:
    held_out = Interactions.from_arrays(
        HELD_OUT.users, HELD_OUT.items, 4, 5, np.full(len(HELD_OUT), 2000.0)
    )
    (metric,) = read_complex_metrics([entry])

    def make() -> Evaluator:
        return Evaluator(TRAIN, held_out, ["Recall"], [3], complex_metrics=[metric], ids=IDS)

    if is_graded:
        assert_contains(refusal(DataError, make), ["2000", entry["metric"]])
    else:
        make()


def test_complex_metrics_need_ids() -> None:
    def make() -> Evaluator:
        metrics = read_complex_metrics([{"metric": "DSC"}])
        return Evaluator(TRAIN, HELD_OUT, ["Recall"], [3], complex_metrics=metrics)

    assert "ids" in refusal(ConfigError, make)


def test_a_metric_that_does_not_keep_its_promise_is_refused() -> None:
    with COMPLEX_METRICS.isolated():

        @complex_metric("Odd")
        class Odd(ComplexMetric):
            shape: int
            name_of_output: str = "Odd"

            def outputs(self) -> dict[str, Better]:
                return {"Odd": "neither"}

            def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
                def compute(lists: JudgedLists) -> dict[str, np.ndarray]:
                    return {self.name_of_output: np.zeros(self.shape)}

                return compute

        assert evaluate({"metric": "Odd", "shape": 3}).figures["Odd@3"] == 0
        wrong_shape = {"metric": "Odd", "shape": 4}
        assert_contains(refusal(ModelError, evaluate, wrong_shape), ["Odd", "(4,)"])
        wrong_name = {"metric": "Odd", "shape": 3, "name_of_output": "Even"}
        assert_contains(refusal(ModelError, evaluate, wrong_name), ["Odd", "output"])


def test_the_names_of_metrics_and_of_complex_metrics_differ() -> None:
    folded = [name.casefold() for name in (*METRICS, *COMPLEX_METRICS)]
    assert len(set(folded)) == len(folded)


GROUPS = st.lists(st.integers(0, 2), min_size=4, max_size=4).filter(
    lambda labels: set(labels) == set(range(max(labels) + 1))
)


@given(labels=GROUPS, seed=st.integers(0, 999), threshold=st.sampled_from([1.0, 2.0]))
def test_the_groups_of_a_partition_add_up(
    labels: list[int], seed: int, threshold: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Figures of groups are those of all users: weighted by size, or with one group alone."""
    folder = tmp_path_factory.mktemp("groups")
    lines = [f"u{user}\t{group}\n" for user, group in enumerate(labels)]
    (folder / "many").write_text("".join(lines))
    (folder / "one").write_text("".join(f"u{user}\t0\n" for user in range(4)))
    entries = [
        {
            "metric": f"clustered_{name}",
            "user_clustering_name": kind,
            "user_clustering_file": str(folder / kind),
        }
        for kind in ("many", "one")
        for name in ("Recall", "nDCG", "ACLT", "GiniIndex")
    ]
    rng = np.random.default_rng(seed)
    items = np.array([rng.permutation(5)[:3] for _ in range(4)])
    evaluator = Evaluator(
        TRAIN,
        HELD_OUT,
        ["Recall", "nDCG", "ACLT", "Gini"],
        [2],
        threshold,
        complex_metrics=read_complex_metrics(entries),
        ids=IDS,
    )
    found = evaluator.evaluate(Ranking(items, np.zeros(items.shape, np.float32)))
    figures, per_user = found.figures, found.per_user
    for name in ("Recall", "nDCG", "ACLT", "Gini"):
        assert figures[f"{name}_users:one-0@2"] == figures[f"{name}@2"]
    for name in ("Recall", "nDCG", "ACLT"):
        groups = [per_user[f"{name}_users:many-{group}@2"] for group in range(max(labels) + 1)]
        merged = np.where(np.isnan(groups), 0, groups).sum(axis=0)
        defined = ~np.isnan(groups).all(axis=0)
        assert merged[defined].mean() == pytest.approx(figures[f"{name}@2"])


@given(seed=st.integers(0, 999))
def test_equal_shares_of_all_groups_are_parity(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """If every item outside of the training items is listed, all groups have P = 1."""
    folder = tmp_path_factory.mktemp("parity")
    rng = np.random.default_rng(seed)
    labels = rng.permutation([0, 1, 2, *rng.integers(0, 3, 2)])
    lines = [f"i{item}\t{group}\n" for item, group in enumerate(labels)]
    (folder / "items").write_text("".join(lines))
    entry = {
        "metric": "RSP",
        "clustering_name": "c",
        "clustering_file": str(folder / "items"),
    }
    items = np.full((4, 5), -1)
    for user in range(4):
        others = np.setdiff1d(np.arange(5), TRAIN.items[TRAIN.users == user])
        items[user, : len(others)] = rng.permutation(others)
    held_out = Interactions.from_arrays(np.arange(4), np.array([2, 3, 4, 2]), 4, 5)
    evaluator = Evaluator(
        TRAIN,
        held_out,
        ["Recall"],
        [5],
        complex_metrics=read_complex_metrics([entry]),
        ids=IDS,
    )
    figures = evaluator.evaluate(Ranking(items, np.zeros(items.shape, np.float32))).figures
    shares = [figures[f"RSP-ProbToBeRanked_items:c-{group}@5"] for group in range(3)]
    possible = [value for value in shares if not np.isnan(value)]
    assert possible == [1] * len(possible)


def test_a_metrics_file(files: Path) -> None:
    (files / "metrics.yml").write_text(
        "complex_metrics:\n  - {metric: SRecall, feature_data: features}\n  - {metric: DSC, x: 1}\n"
    )
    message = refusal(ConfigError, read_complex_metrics, files / "metrics.yml")
    assert_contains(message, ["metrics.yml:3: complex_metrics[1].x", "beta"])
