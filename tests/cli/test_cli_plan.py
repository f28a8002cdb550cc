"""``mmrec plan``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.execution import estimate
from mmrec.execution.probe import Measured, Probe, ProbeFailure
from mmrec.experiment import run_experiment


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


def test_a_gpu_that_is_not_there_is_a_warning(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(experiment_file(gpu=97))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("warning: ")
    assert "97" in lines[-1]


def test_the_warnings_are_those_of_a_run(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data" / "tiny"
    test = data / "test.txt"
    test.write_text(test.read_text() + "0\t10.0\t1\nx\t10\t1\n" * 9 + "0\tnan\t-1\n")
    path = experiment_file(
        {"ItemKNN": {"neighbors": 500}},
        prefiltering={"strategy": "user_k_core", "core": 1},
    )
    manifest = run_experiment(path, progress=False).folder / "manifest.json"
    noted = [note for note in json.loads(manifest.read_text())["notes"] if "GPU" not in note]
    assert len(noted) >= 4
    assert main(["plan", str(path)]) == 0
    printed = capsys.readouterr().out
    for note in noted:
        assert f"warning: {note}\n" in printed, note
    assert main(["plan", str(path), "--json"]) == 0
    assert set(noted) <= set(json.loads(capsys.readouterr().out)["warnings"])


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


def measured(factors_bytes: dict[int, int]):
    """Return a fake probe: these bytes for the factors, and a second for each step."""

    def probe(loaded: object, model: int, points: Sequence[dict], *_: object) -> object:
        host = factors_bytes.get(points[0].get("factors", 0))
        if host is None:
            return ProbeFailure("out of memory: MemoryError", is_out_of_memory=True)
        return Probe(1.0, host, None, tuple(Measured(0.0, 1.0, 1.0, 0.0) for _ in points))

    return probe


def test_a_probe_adds_memory_time_and_warnings(
    experiment_file: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "probe", measured({4: 1 << 29, 64: 1 << 50, 0: 1 << 28}))
    path = experiment_file({"MostPop": {}, "LightGCNM": settings(factors=[4, 64, 8])})
    assert main(["plan", str(path), "--probe"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"MostPop +1 of 1 +0\.25 GiB +about 0 s\n", printed)
    assert re.search(r"LightGCNM +3 of 3 +0\.50 GiB to 1048576\.00 GiB +about 48 s\n", printed)
    assert re.search(r"time of the run: about 5\d s\n", printed)
    assert printed.splitlines()[-1].startswith("warning: LightGCNM: ")


def test_a_probe_as_json(
    experiment_file: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "probe", measured({4: 1 << 29}))
    path = experiment_file({"LightGCNM": settings(factors=[4, 64])})
    assert main(["plan", str(path), "--probe", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (model,) = found["probe"]["models"]
    assert (model["measured"], model["sizes"], model["host_bytes"]) == (1, 2, 1 << 29)
    assert (model["smallest"]["factors"], model["largest"]["factors"]) == (4, 64)
    assert model["seconds"] == 32
    assert found["probe"]["seconds"] > 33
    assert model["failures"]["largest"]["is_out_of_memory"]
    assert "largest" in found["warnings"][0]
