"""The commands, as they are typed, and their exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import assert_contains
from runs import flip_bit, make_run, records, run
from tiny_experiment import Write, settings

from mmrec.cli import main

MODELS = {"LightGCNM": settings(), "MostPop": {}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("finished"), MODELS)


def verify(*arguments: str | Path) -> int:
    return main(["verify", "--quiet", *map(str, arguments)])


def test_verify_ends_with_0_when_all_is_identical(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(finished) == 0
    assert_contains(capsys.readouterr().out, ["identical", finished.name, "2 trials", "5 "])
    assert verify(finished, "--trial", records(finished)[1]["trial_id"]) == 0
    assert_contains(capsys.readouterr().out, ["1 trial,", "1 "])
    assert verify(finished / "manifest.json", "--trial", "MostPop") == 0


def test_verify_ends_with_3_when_something_differs(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(experiment_file())
    flip_bit(tmp_path / "data" / "tiny" / "text_feat" / "30.npy")
    assert verify(folder) == 3
    printed = capsys.readouterr().out
    assert_contains(printed, ["different", folder.name, "data: ", "TextualAttribute", "item 30"])


@pytest.mark.parametrize("command", [["verify"], ["diff", "."]])
def test_a_bad_folder_ends_with_2(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tmp_path)]) == 2
    reported = capsys.readouterr()
    assert reported.out == ""
    assert_contains(reported.err, ["manifest.json"])


def test_data_that_are_gone_end_with_2(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(experiment_file())
    (tmp_path / "data" / "tiny" / "val.txt").rename(tmp_path / "data" / "tiny" / "valid.txt")
    assert verify(folder) == 2
    assert_contains(capsys.readouterr().err, ["'val.txt'", "'valid.txt'"])


def test_diff_ends_with_0_or_1(
    finished: Path, experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(finished), str(finished)]) == 0
    printed = capsys.readouterr().out
    sections = re.findall(r"^(\w+)$", printed, re.MULTILINE)
    assert sections == ["config", "data", "environment", "protocol", "trials"]
    other = run(experiment_file({"LightGCNM": settings(lr=0.02), "MostPop": {}}))
    assert main(["diff", str(finished), str(other)]) == 1
    assert "models.LightGCNM.lr: 0.01 -> 0.02\n" in capsys.readouterr().out


def test_run_verify_repeats_the_run_in_another_process(experiment_file: Write) -> None:
    path = experiment_file()
    # The hash of a text is another one in each process.
    (path.parent / "mine.py").write_text(
        "import torch\n"
        "from mmrec.models import LightGCNM\n"
        "class Careless(LightGCNM):\n"
        "    def scorer(self):\n"
        "        score = super().scorer()\n"
        "        return lambda users: score(users) + hash('a') % 10**6 / 10**6\n"
    )
    models = {"external.Careless": settings(epochs=2), "MostPop": {}}
    path = experiment_file(models, external_models_path="mine.py")
    command = [sys.executable, "-m", "mmrec.run", "--quiet", "--verify", path]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONHASHSEED"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert re.search(r"^different: run_\w+: 1 of 2 trials", done.stdout, re.MULTILINE)
    assert re.search(r"Careless_\w+: epoch 1: lists: ", done.stdout)


def test_run_verify_ends_with_1_if_a_trial_fails_in_the_same_way_again(
    experiment_file: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"LightGCNM": settings(lr=1e30)})
    assert main(["run", "--quiet", "--verify", str(path)]) == 1
    assert "identical: run_" in capfd.readouterr().out
