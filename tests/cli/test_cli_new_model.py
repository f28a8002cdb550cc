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

EXISTING = '''"""Mine."""

from mmrec.models import LATTICE, LightGCNM

from .zebra import Zebra

__all__ = ["LATTICE", "LightGCNM", "Zebra"]
'''


def new_model(name: str, folder: Path) -> int:
    return main(["new-model", name, "--folder", str(folder)])


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.mark.slow
def test_the_model_passes_its_test_and_runs_in_an_experiment(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    assert new_model("BprMF", folder) == 0
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
    models = {"external.BprMF": settings}
    results = run_experiment(experiment_file(models, external_models_path=found), progress=False)
    assert list(results.trials["status"]) == ["finished", "finished"]
    assert list(results.best["model"]) == ["BprMF"]


def test_the_printed_lines_are_an_experiment_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-model", "Mine"]) == 0
    printed = capsys.readouterr().out
    assert "added to external/models/__init__.py: from .mine import Mine\n" in printed
    assert "    external_models_path: ../external/models/__init__.py\n" in printed
    assert "      external.Mine:\n" in printed


def test_an_existing_folder_is_added_to_in_order(tmp_path: Path) -> None:
    init = tmp_path / "__init__.py"
    init.write_text(EXISTING)
    assert new_model("Bear", tmp_path) == 0
    assert new_model("ZEBU", tmp_path) == 0
    expected = EXISTING.replace("from .zebra", "from .bear import Bear\nfrom .zebra").replace(
        "import Zebra\n", "import Zebra\nfrom .zebu import ZEBU\n"
    )
    expected = expected.replace('["LATTICE", ', '["LATTICE", "ZEBU", "Bear", ')
    assert init.read_text() == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "from .bear import Bear\n"),
        ('"""Mine."""\n', '"""Mine."""\n\nfrom .bear import Bear\n'),
        ("import math\n\nX = 1\n", "import math\n\nfrom .bear import Bear\n\nX = 1\n"),
        ("__all__ = [*[]]\n", "from .bear import Bear\n__all__ = [*[]]\n"),
    ],
)
def test_any_init_file_keeps_what_it_has(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "__init__.py").write_text(before)
    assert new_model("Bear", tmp_path) == 0
    assert (tmp_path / "__init__.py").read_text() == after


def test_a_long_list_of_names_is_broken_into_lines(tmp_path: Path) -> None:
    names = [f"Model{n:010d}" for n in range(9)]
    (tmp_path / "__init__.py").write_text(f"__all__ = {names!r}\n")
    assert new_model("Bear", tmp_path) == 0
    lines = (tmp_path / "__init__.py").read_text().splitlines()
    assert lines[1:4] == ["__all__ = [", '    "Bear",', '    "Model0000000000",']
    assert lines[-1] == "]"


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
    assert new_model("Bear", tmp_path) == 0
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    assert new_model("Bear", tmp_path) == 2
    assert "bear.py: is there already; choose another name, or remove it" in capsys.readouterr().err
    (tmp_path / "bear.py").unlink()
    assert new_model("Bear", tmp_path) == 2
    assert "test_bear.py: is there already" in capsys.readouterr().err
    (tmp_path / "test_bear.py").unlink()
    assert new_model("Bear", tmp_path) == 2
    assert "__init__.py: has a 'Bear' already" in capsys.readouterr().err
    left = {p: p.read_bytes() for p in tmp_path.iterdir()}
    assert left == {p: text for p, text in before.items() if p.name == "__init__.py"}


def test_an_init_file_that_is_not_python_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "__init__.py").write_text("from . import (\n")
    assert new_model("Bear", tmp_path) == 2
    assert "__init__.py:1: not Python: " in capsys.readouterr().err
    assert names(tmp_path) == ["__init__.py"]
