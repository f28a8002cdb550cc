"""A selection by figures that are all 0 is a warning, in the log and in the report."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, interactions
from tiny_experiment import SPLITS_AND_FEATURES, Write, settings

from mmrec.data import COLD, Interactions
from mmrec.evaluation.reachable import RelevantRows
from mmrec.experiment import run_experiment

FIGURES = {"simple_metrics": ["Recall", "nDCG"], "cutoffs": [1]}


def zero_warnings(path: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Run an experiment; return its warnings about figures of 0, which are in the report too."""
    with caplog.at_level(logging.WARNING):
        folder = run_experiment(path, progress=False).folder
    notes = json.loads((folder / "manifest.json").read_text())["notes"]
    found = [note for note in notes if "is 0 in all" in note]
    for note in found:
        assert note in [record.getMessage() for record in caplog.records]
        assert note.partition(":")[0] in (folder / "report.html").read_text()
    return found


def write_validation(folder: Path, rows: str) -> None:
    (folder / "data" / "tiny" / "val.txt").write_text(rows)


def test_all_figures_of_all_models_are_0(
    experiment_file: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train = (tmp_path / "data" / "tiny" / "train.txt").read_text().splitlines()
    popular = max(
        {row.split("\t")[1] for row in train}, key=lambda i: sum(f"\t{i}\t" in r for r in train)
    )
    # One row can be hit, but it is of the other group's least popular item; the others cannot be.
    user, item, _ = train[0].split("\t")
    rows = f"{user}\tnew1\t1\n{user}\tnew2\t1\n{user}\t{item}\t1\nnobody\t{popular}\t1\n"
    least = min((str(10 * n) for n in range(20)), key=lambda i: sum(f"\t{i}\t" in r for r in train))
    taken = {row.split("\t")[0] for row in train if row.split("\t")[1] == least}
    other = next(str(n) for n in range(24) if str(n) not in taken)
    write_validation(tmp_path, rows + f"{other}\t{least}\t1\n")
    data = {key: x for key, x in SPLITS_AND_FEATURES.items() if key != "side_information"}
    path = experiment_file({"MostPop": {}}, evaluation=FIGURES, data_config=data)
    [warning] = zero_warnings(path, caplog)
    assert_contains(warning, ["validation Recall@1", "all models", "4 relevant rows"])
    assert_contains(warning, ["2 are of items", "1 are also in training", "1 can be hit"])
    assert_contains(warning, ["a list of 1", "about 15 candidates", "1 of unknown users"])


def test_all_figures_of_one_model_are_0(
    experiment_file: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train = (tmp_path / "data" / "tiny" / "train.txt").read_text().splitlines()
    counts: dict[str, int] = {}
    for row in train:
        counts[row.split("\t")[1]] = counts.get(row.split("\t")[1], 0) + 1
    # The hits are those of the most popular item, which an untrained model does not rank first.
    best = min(counts, key=lambda item: (-counts[item], int(item)))
    users = [str(n) for n in range(24) if f"{n}\t{best}\t1" not in train]
    write_validation(tmp_path, "".join(f"{user}\t{best}\t1\n" for user in users[:1]))
    models: dict[str, Any] = {
        "MostPop": {},
        "Random": {"seed": 4},
        "LightGCNM": settings(epochs=2, lr=[1e-13, 1e-12]),
    }
    path = experiment_file(models, evaluation=FIGURES)
    warnings = zero_warnings(path, caplog)
    assert [text.partition(":")[0] for text in warnings] == ["LightGCNM"]
    assert_contains(warnings[0], ["4 evaluations of its 2 trials", "1 can be hit"])


def test_figures_that_are_not_0_need_no_warning(
    experiment_file: Write, caplog: pytest.LogCaptureFixture
) -> None:
    assert zero_warnings(experiment_file({"MostPop": {}}), caplog) == []


def test_rows_that_can_be_hit() -> None:
    train = interactions([[1, 0, 0], [0, 1, 0]])
    users, items = np.array([0, 0, 0, 1, 1]), np.array([0, 1, COLD, COLD, 2])
    held_out = Interactions.from_arrays(users, items, 2, 3, np.array([1.0, 1, 1, 0.5, 1]))
    rows = RelevantRows.of(train, held_out, 1.0)
    assert (rows.n_rows, rows.n_untrained, rows.n_trained, rows.n_reachable) == (4, 1, 1, 2)
    assert RelevantRows.of(train, held_out, 2.0).n_rows == 0
    assert rows + rows == RelevantRows(8, 2, 2)
