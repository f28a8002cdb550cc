"""Paths that cannot be used, wherever one comes in: one message with the path, and exit code 2."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import assert_contains, deny
from tiny_experiment import Write

from mmrec import run_experiment
from mmrec.cli import main
from mmrec.errors import ConfigError, DataError
from mmrec.reporting.report import read_results

LONG = "n" * 300
"""Longer than a name of a file may be."""

COMMANDS = {
    "run": ["run", "PATH"],
    "validate": ["validate", "PATH"],
    "plan": ["plan", "PATH"],
    "report": ["report", "PATH"],
    "verify": ["verify", "PATH"],
    "show": ["show", "PATH", "--user", "1"],
    "diff": ["diff", "PATH", "PATH"],
    "compare": ["compare", "PATH", "PATH"],
    "evaluate": ["evaluate", "--recs", "PATH", "--train", "PATH", "--test", "PATH"],
    "evaluate-json": ["evaluate", "--recs", "OK", "--train", "OK", "--test", "TEST", "--json=PATH"],
    "convert-from": ["convert", "PATH", "out.npz"],
    "convert-to": ["convert", "VECTORS", "PATH/out.npz"],
    "new-model": ["new-model", "Mine", "--folder", "PATH"],
    "schema": ["schema", "--output", "PATH"],
}


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], list[str]]:
    """Returns a command with its path filled in; the other files are fine."""
    (tmp_path / "rows.tsv").write_text("u\ta\t1\nu\tb\t1\nv\ta\t1\n")
    (tmp_path / "test.tsv").write_text("v\tb\t1\n")
    (tmp_path / "vectors.csv").write_text("a,1,2\nb,3,4\n")
    monkeypatch.chdir(tmp_path)

    def filled(name: str, path: Path) -> list[str]:
        words = {"PATH": str(path), "OK": "rows.tsv", "TEST": "test.tsv", "VECTORS": "vectors.csv"}
        command = COMMANDS[name]
        for word, value in words.items():
            command = [part.replace(word, value) for part in command]
        return command

    return filled


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_that_is_too_long(commands, tmp_path, capsys, name):
    assert main(commands(name, tmp_path / LONG)) == 2
    error = capsys.readouterr().err
    assert_contains(error, [str(tmp_path / LONG), "File name too long"])
    assert "Traceback" not in error


@pytest.mark.parametrize("name", ["run", "validate", "plan", "report", "show", "diff", "compare"])
def test_a_name_with_a_null_character(commands, tmp_path, capsys, name):
    assert main(commands(name, tmp_path / "a\0b")) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "a\0b" in error or repr("a\0b")[1:-1] in error


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_may_not_be_entered(commands, tmp_path, capsys, monkeypatch, name):
    command = commands(name, tmp_path / "private" / "x")
    (tmp_path / "private").mkdir()
    deny(tmp_path / "private", monkeypatch)
    assert main(command) == 2
    error = capsys.readouterr().err
    assert_contains(error, [str(tmp_path / "private"), "Permission denied"])
    assert "Traceback" not in error


def test_a_folder_of_lists_that_may_not_be_listed(experiment_file: Write, monkeypatch):
    path = experiment_file({"RecommendationFolder": {"folder": "lists"}})
    (path.parent / "lists").mkdir()
    listdir = os.listdir

    def refuse(folder: Any = ".") -> list[str]:
        if os.fspath(folder).endswith("lists"):
            raise PermissionError(13, "Permission denied", os.fspath(folder))
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(ConfigError) as caught:
        run_experiment(path, progress=False)
    assert_contains(str(caught.value), ["RecommendationFolder.folder", "Permission denied"])


@pytest.mark.parametrize("text", ["data/\0/train.tsv", "data/\ud800/train.tsv"])
def test_a_text_that_cannot_be_a_path(experiment_file: Write, text):
    path = experiment_file(path_output_rec_performance=text)
    with pytest.raises(ConfigError) as caught:
        run_experiment(path, progress=False)
    assert_contains(str(caught.value), ["path_output_rec_performance", repr(text)])


def test_lists_whose_name_is_not_utf_8(experiment_file: Write):
    path = experiment_file({"RecommendationFolder": {"folder": "lists"}})
    (path.parent / "lists").mkdir()
    name = os.fsdecode(b"caf\xe9.tsv")
    (path.parent / "lists" / name).write_text("0\t10\t1\n2\t30\t0.5\n")
    results = run_experiment(path, progress=False)
    assert results.trials["status"].tolist() == ["finished"]
    assert read_results(results.folder).trials["trial"].tolist() == (
        results.trials["trial"].tolist()
    )


def test_runs_whose_folder_is_not_utf_8_are_compared(experiment_file: Write, tmp_path, capsys):
    folder = run_experiment(experiment_file(), progress=False).folder
    other = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(folder, other)
    assert main(["compare", str(other), "--output", str(tmp_path / "out")]) == 0
    assert "caf\\udce9" in (tmp_path / "out" / "comparison.html").read_text()


def test_a_run_in_a_folder_that_may_not_be_entered_any_more(experiment_file: Write, monkeypatch):
    results = run_experiment(experiment_file(), progress=False)
    deny(results.folder, monkeypatch)
    with pytest.raises(DataError) as caught:
        read_results(results.folder)
    assert_contains(str(caught.value), [results.folder, "Permission denied"])
