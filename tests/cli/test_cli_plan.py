"""``mmrec plan``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.search import forecast
from mmrec.search.estimate import PointEstimate
from mmrec.search.probe import Probe


def test_a_line_for_each_model_and_one_for_all(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"MostPop": {}, "LATTICE": settings(lr=[0.1, 0.2], epochs=[2, 4])})
    assert main(["plan", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "tiny: 24 users, 20 items, 120 training interactions; VisualAttribute 6, TextualAttribute 4"
    )
    assert lines[1].startswith("on the CPU, ")
    assert lines[3].split() == [
        *("model", "trials", "memory", "steps", "a", "trial", "evaluations", "a", "trial")
    ]
    assert lines[4].split() == ["MostPop", "1", "0.33", "GiB", "0", "1"]
    assert lines[5].split()[:2] == ["LATTICE", "4"]
    assert lines[5].split()[-6:] == ["8", "to", "16", "2", "to", "4"]
    assert lines[6].split() == ["in", "all", "5", "48", "13"]
    assert len({len(line) for line in lines[3:7]}) == 1


def test_plain_data(experiment_file: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment_file({"LightGCNM": settings(factors=[4, 64])})
    assert main(["plan", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shape"]["n_train"] == 120
    (model,) = told["models"]
    assert (model["name"], model["trials"], model["steps"]) == ("LightGCNM", 2, 32)
    assert model["smallest"]["parameters"]["factors"] == 4
    assert model["smallest"]["host_bytes"] < model["largest"]["host_bytes"]
    assert model["probes"] == []


def test_nothing_is_written(experiment_file: Write, tmp_path: Path) -> None:
    path = experiment_file()
    before = sorted(tmp_path.rglob("*"))
    assert main(["plan", str(path)]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_relative_paths_start_where_one_says(experiment_file: Write, tmp_path: Path) -> None:
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
    assert "did you mean 'factors'?" in capsys.readouterr().err
    right = experiment_file()
    (tmp_path / "data/tiny/train.txt").write_text("not, a, split")
    assert main(["plan", str(right)]) == 2
    assert "train.txt" in capsys.readouterr().err


@pytest.mark.slow
def test_a_short_run_adds_columns(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(experiment_file({"LightGCNM": settings()})), "--probe"]) == 0
    header = capsys.readouterr().out.splitlines()[3]
    assert re.search(r"first step +a step +an evaluation +all trials$", header)


def test_which_points_were_measured_is_told(
    experiment_file: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(_: object, __: int, point: PointEstimate, ___: int) -> Probe:
        return Probe(
            point, 0.0, 0.0, 0.0, dict(point.cost).get("factors", 0) / 100, 0.0, 1 << 29, None
        )

    monkeypatch.setattr(forecast, "probe", measured)
    monkeypatch.setattr(forecast, "MAX_PROBES", 2)
    values = settings(factors=[4, 6, 64], lr=[0.1, 0.2])
    path = experiment_file({"LightGCNM": values, "MostPop": {}})
    assert main(["plan", str(path), "--probe"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "0.040 to 0.640 s" in lines[4]
    assert lines[7:] == [
        "LightGCNM was measured at: factors 64; factors 4",
        "  its 1 other size is taken as a mean of these, the nearer ones for more",
    ]
    assert main(["plan", str(path), "--probe", "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["models"][0]
    assert [probe["parameters"]["factors"] for probe in model["probes"]] == [64, 4]
    assert [probe["step_s"] for probe in model["probes"]] == [0.64, 0.04]
    # 4 epochs of 4 steps, the first of each for nothing; 6 is halfway between 4 and 64.
    assert model["seconds"] == pytest.approx(2 * 12 * (0.04 + 0.34 + 0.64))
