"""Any file, filtered and split in any way: what holds of the folds whatever is asked for."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.config import read_experiment
from mmrec.errors import DataError
from mmrec.planning.one_file import SplitFile

Row = tuple[str, str, str, str]
"""User, item, rating, time, as they stand in the file."""
Fold = dict[str, set[Row]]

IDS = st.sampled_from(["1", "2", "10", "01", "-3", "a b", "Zoë"])
TIMES = st.integers(0, 5).map(str) | st.just("978300760000") | st.just("2.5")
ROWS = st.dictionaries(
    st.tuples(IDS, IDS), st.tuples(st.sampled_from(["1", "4.5", "0", "-1"]), TIMES), min_size=4
).map(lambda pairs: [(*pair, *rest) for pair, rest in pairs.items()])
RULES = st.fixed_dictionaries({"test_ratio": st.floats(0.05, 0.95)}) | st.fixed_dictionaries(
    {"leave_n_out": st.integers(1, 3)}
)
SPLITS = st.one_of(
    RULES.map(lambda rule: {"strategy": "temporal_hold_out", **rule}),
    st.tuples(RULES, st.integers(1, 3)).map(
        lambda pair: {"strategy": "random_subsampling", **pair[0], "folds": pair[1]}
    ),
    st.integers(2, 4).map(lambda n: {"strategy": "random_cross_validation", "folds": n}),
    st.sampled_from([2, 978300760000, "best"]).map(
        lambda time: {"strategy": "fixed_timestamp", "timestamp": time}
    ),
)


def split(path: Path, rows: list[Row], splitting: dict[str, Any]) -> list[Fold] | str:
    """Return the folds, or what is said of why there are none."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    experiment = read_experiment(
        {
            "experiment": {
                "dataset": "any",
                "data_config": {"strategy": "dataset", "dataset_path": str(path)},
                "splitting": splitting,
                "top_k": 1,
                "evaluation": {"simple_metrics": ["Recall"]},
                "models": {"MostPop": {}},
            }
        }
    ).experiment
    assert experiment is not None
    wanted = {(float(row[2]), *row) for row in rows}
    try:
        folds = []
        for fold in SplitFile.read(experiment, {}).folds():
            splits = {}
            for name, frame in fold.splits.items():
                found = frame[["rating", "user_id", "item_id", "timestamp"]].astype(str)
                texts = set(found.itertuples(index=False, name=None))
                splits[name] = {
                    row[1:] for row in wanted if (str(row[0]), row[1], row[2], row[4]) in texts
                }
                assert len(splits[name]) == len(frame)
            folds.append(splits)
    except DataError as error:
        return str(error)
    return folds


@settings(max_examples=40)
@given(
    rows=ROWS,
    test=SPLITS,
    validation=st.none() | SPLITS,
    random=st.randoms(use_true_random=False),
)
def test_folds_part_the_rows_whatever_their_order(
    rows: list[Row], test: Any, validation: Any, random: Any, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    splitting = {"test_splitting": test}
    if validation is not None:
        splitting["validation_splitting"] = validation
    folds = split(path, rows, splitting)
    assert split(path, random.sample(rows, len(rows)), splitting) == folds
    if isinstance(folds, str):  # no row is left, or no time fits
        assert folds.startswith(f"{path}: splitting.")
        return
    for fold in folds:
        assert set().union(*fold.values()) == set(rows)
        assert sum(map(len, fold.values())) == len(rows)
        assert_held_out(test, set(rows), fold["test"])
        if validation is not None:
            assert_held_out(validation, set(rows) - fold["test"], fold["validation"])


def assert_held_out(rule: dict[str, Any], rows: set[Row], held: set[Row]) -> None:
    """Check how many rows of each user are held out, and that none is earlier than one kept."""
    if rule["strategy"] == "fixed_timestamp":
        kept = {float(row[3]) for row in rows - held}
        assert max(kept) < min(float(row[3]) for row in held)
        return
    by_user: dict[str, set[Row]] = defaultdict(set)
    for row in rows:
        by_user[row[0]].add(row)
    for own in by_user.values():
        out = own & held
        if "test_ratio" in rule:
            assert len(out) == len(own) - math.floor(len(own) * (1 - rule["test_ratio"]))
        elif "leave_n_out" in rule:
            assert len(out) == min(len(own), rule["leave_n_out"])
        else:
            assert abs(len(out) - len(own) / rule["folds"]) < 1
        if rule["strategy"] == "temporal_hold_out" and out and own - out:
            assert max(float(row[3]) for row in own - out) <= min(float(row[3]) for row in out)
