"""``mmrec plan``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_experiment import Write, settings

from mmrec.cli import main


def test_the_plan_is_printed(experiment_file: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment_file({"MostPop": {}, "LATTICE": settings(lr=[0.1, 0.2], epochs=[2, 4])})
    assert main(["plan", str(path)]) == 0
    printed = capsys.readouterr().out
    for facts in (
        ["tiny", "5 trials"],
        ["MostPop", "1 trial", "1 evaluation"],
        ["LATTICE", "4 trials", "grid", "epochs, lr", "48 steps", "12 evaluations"],
        ["24 users", "20 items", "120 train", "24 validation", "24 test"],
        ["VisualAttribute", "6 values"],
        ["CPU", "1 worker"],
    ):
        assert any(all(fact in line for fact in facts) for line in printed.splitlines()), facts


def test_json(experiment_file: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment_file({"LightGCNM": settings(factors=[4, 64])})
    assert main(["plan", str(path), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    sizes = {"train": 120, "validation": 24, "test": 24}
    assert plan["folds"] == [{"fold": "", "users": 24, "items": 20, "interactions": sizes}]
    assert plan["features"] == {"VisualAttribute": 6, "TextualAttribute": 4}
    (model,) = plan["models"]
    assert (model["name"], model["trials"], model["steps"]) == ("LightGCNM", 2, 32)


def test_nothing_is_written(experiment_file: Write, tmp_path: Path) -> None:
    path = experiment_file()
    before = sorted(tmp_path.rglob("*"))
    assert main(["plan", str(path)]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_relative_paths_start_at_the_base_dir(experiment_file: Write, tmp_path: Path) -> None:
    path = experiment_file()
    moved = tmp_path / "elsewhere.yml"
    path.rename(moved)
    assert main(["plan", str(moved)]) == 2
    assert main(["plan", str(moved), "--base-dir", str(path.parent)]) == 0


def test_a_wrong_file_and_wrong_data(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = experiment_file({"LATTICE": {"factor": 8}})
    assert main(["plan", str(wrong)]) == 2
    assert "'factors'" in capsys.readouterr().err
    right = experiment_file()
    (tmp_path / "data/tiny/train.txt").write_text("not, a, split")
    assert main(["plan", str(right)]) == 2
    assert "train.txt" in capsys.readouterr().err
