"""All values recorded from the other metrics of the reference evaluators, on its real lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mmrec.data import Interactions, Vocabulary, read_split
from mmrec.evaluation import ComplexMetric, Evaluator, Ids, Ranking, read_complex_metrics

SHARED = Path(__file__).parents[2].parent / "shared"
OFFICE = SHARED / "data" / "office"
LISTS = SHARED / "reference" / "metrics" / "metrics_lightgcnm.npz"
RECORDED = SHARED / "models" / "metrics"
OF_RATINGS = {"MAE", "MSE", "RMSE", "UserMADrating", "ItemMADrating"}
N_VALUES = {"lists": 516, "short_lists": 573, "threshold_4": 573, "full_lists": 9}
"""All 1,752 values but those of predicted ratings, and of AUC and GAUC on lists that are cut."""

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recorded values (../shared beside the repository) are absent"
)


class Office:
    """The splits and the recorded lists of Office."""

    def __init__(self) -> None:
        train, test = (read_split(OFFICE / f"{name}.txt").frame for name in ("train", "test"))
        self.ids = Ids(Vocabulary(train["user_id"]), Vocabulary(train["item_id"]))
        self.train, self.test = self.number(train), self.number(test)
        with np.load(LISTS) as lists:
            assert [str(user) for user in lists["user"]] == self.ids.users.ids
            texts = lists["item"].ravel().astype(str)
            items = self.ids.items.numbers(texts).reshape(lists["item"].shape)
            self.lists = Ranking(items, lists["score"])

    def number(self, frame: pd.DataFrame) -> Interactions:
        users, items = self.ids
        frame = frame[frame["item_id"].isin(items.ids)]  # as the reference was run
        return Interactions.from_arrays(
            users.numbers(frame["user_id"]),
            items.numbers(frame["item_id"]),
            len(users),
            len(items),
            frame["rating"].to_numpy(),
        )

    def short(self) -> Ranking:
        """User u keeps the first 1 + (7 * u mod 20) items."""
        kept = 1 + 7 * np.array(self.ids.users.ids, np.int64) % 20
        is_kept = np.arange(20) < kept[:, None]
        return Ranking(
            np.where(is_kept, self.lists.items, -1),
            np.where(is_kept, self.lists.scores, -np.inf).astype(np.float32),
        )

    def complete(self, n_users: int) -> tuple[Interactions, Ranking]:
        """The first users with their lists, which the other candidates follow by ascending id."""
        n_items = len(self.ids.items)
        items = np.full((len(self.ids.users), n_items), -1, np.int64)
        offsets = self.train.offsets
        for user in range(n_users):
            listed = self.lists.items[user]
            known = self.train.items[offsets[user] : offsets[user + 1]]
            others = np.setdiff1d(np.arange(n_items), np.concatenate([listed, known]))
            items[user, : 20 + len(others)] = np.concatenate([listed, others])
        rows, test = self.test.users < n_users, self.test
        held_out = Interactions(
            test.users[rows], test.items[rows], test.ratings[rows], len(items), n_items
        )
        return held_out, Ranking(items, np.zeros(items.shape, np.float32))


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


def cases(section: str) -> list[dict[str, Any]]:
    content = json.loads((RECORDED / "more_metrics.json").read_text(encoding="utf-8"))
    refused = OF_RATINGS if section == "full_lists" else OF_RATINGS | {"AUC", "GAUC"}
    found = [case for case in content["cases"] if case["section"] == section]
    return [case for case in found if case["metric"] not in refused]


def rounds(found: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Divide cases so that the names of the outputs differ within each part."""
    left = found
    while left:
        chosen: dict[str, dict[str, Any]] = {}
        later = []
        for case in left:
            names = list(case["expected"]["5"])
            if any(name in chosen for name in names):
                later.append(case)
            else:
                chosen |= dict.fromkeys(names, case)
        yield list({id(case): case for case in chosen.values()}.values())
        left = later


def configured(found: list[dict[str, Any]]) -> tuple[ComplexMetric, ...]:
    entries = [absolute(case["entry"]) for case in found if case["kind"] == "complex"]
    return read_complex_metrics(entries) if entries else ()


def absolute(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: str(RECORDED / value) if key.endswith("_file") or key == "feature_data" else value
        for key, value in entry.items()
    }


@pytest.mark.parametrize("section", N_VALUES)
def test_recorded_values(section: str, office: Office) -> None:
    found = cases(section)
    ranking, held_out = office.lists, office.test
    if section == "short_lists":
        ranking = office.short()
    elif section == "full_lists":
        held_out, ranking = office.complete(300)
    threshold = 4 if section == "threshold_4" else 1
    n_values = 0
    for part in rounds(found):
        simple = [case["metric"] for case in part if case["kind"] == "simple"]
        evaluator = Evaluator(
            office.train,
            held_out,
            simple or ["Recall"],
            [5, 10, 20],
            threshold,
            complex_metrics=configured(part),
            ids=office.ids,
        )
        figures = evaluator.evaluate(ranking).figures
        expected = {
            f"{name}@{cutoff}": value
            for case in part
            for cutoff, values in case["expected"].items()
            for name, value in values.items()
        }
        assert {name: figures[name] for name in expected} == pytest.approx(
            expected, rel=1e-9, abs=0
        )
        n_values += len(expected)
    assert n_values == N_VALUES[section]
