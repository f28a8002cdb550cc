"""``mmrec new-model``: what it writes works, and what it must not do it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_experiment import Write

from mmrec.cli import main
from mmrec.experiment import run_experiment
from mmrec.models import find_recommender, load_external_module


def new_model(name: str, folder: Path, *options: str) -> int:
    return main(["new-model", name, "--folder", str(folder), *options])


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--multimodal",)], ids=["collaborative", "multimodal"])
def test_the_model_passes_its_test_and_runs_in_an_experiment(
    options: tuple[str, ...],
    experiment_file: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "mine"
    assert new_model("BprMF", folder, *options) == 0
    printed = capsys.readouterr().out
    assert names(folder) == ["__init__.py", "bpr_mf.py", "test_bpr_mf.py"]
    (command,) = re.findall(r"^  python (-m pytest .*)$", printed, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, *command.split(), "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^1\d passed", done.stdout, re.MULTILINE)
    (found,) = re.findall(r"external_models_path: (.*)", printed)
    settings = {"epochs": 3, "factors": 4, "lr": [0.01, 0.02], "l_w": "1e-4"}
    models = {"external.BprMF": settings | ({"top_k": 3} if options else {})}
    results = run_experiment(experiment_file(models, external_models_path=found), progress=False)
    assert list(results.trials["status"]) == ["finished", "finished"]
    assert list(results.best["model"]) == ["BprMF"]


def test_the_printed_lines_are_an_experiment_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-model", "Mine"]) == 0
    printed = capsys.readouterr().out
    assert "    external_models_path: ../external/models/__init__.py\n" in printed
    assert "      external.Mine:\n" in printed


def test_the_keys_that_are_printed_are_those_of_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_model("Mine", tmp_path, "--multimodal") == 0
    entry = capsys.readouterr().out.split("external.Mine:\n", 1)[1]
    model = find_recommender("external.Mine", load_external_module(tmp_path))
    keys = re.findall(r"^        (\w+):", entry, re.MULTILINE)
    assert "modalities" in keys
    assert set(keys) <= set(model.Config.model_fields)


def test_an_existing_folder_keeps_what_it_has(tmp_path: Path) -> None:
    init = tmp_path / "__init__.py"
    init.write_text("import math\n")
    assert new_model("Bear", tmp_path) == 0
    assert init.read_text() == "import math\n"
    module = load_external_module(tmp_path)
    assert find_recommender("external.Bear", module).__name__ == "Bear"


def test_without_pytest_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmrec.cli.new_model.find_spec", lambda name: None)
    assert new_model("Bear", tmp_path) == 0
    assert "pip install pytest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-model", r"'my-model' cannot name a model \(for example 'MyModel'\)"),
        ("myModel", r"\(for example 'MyModel'\)"),
        ("3D", r"\(for example 'D'\)"),
        ("True", r"'True' cannot name a model"),
        ("../Evil", r"\(for example 'Evil'\)"),
        ("", r"'' cannot name a model; accepted: letters and digits"),
    ],
)
def test_bad_names_are_refused(
    tmp_path: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_model(name, tmp_path / "mine") == 2
    assert re.search(message, capsys.readouterr().err)
    assert names(tmp_path) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_model("Bear", tmp_path, "--multimodal") == 0
    for name in ("test_bear.py", "bear.py"):
        before = {p: p.read_bytes() for p in tmp_path.iterdir()}
        assert new_model("Bear", tmp_path) == 2
        assert "bear.py already exists" in capsys.readouterr().err
        assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
        (tmp_path / name).unlink()


@pytest.mark.parametrize("name", ["LATTICE", "MostPop"])
def test_the_name_of_a_model_of_mmrec_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert new_model(name, tmp_path / "mine") == 2
    assert name in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
