"""Repeating the table of Formal-MultiMod-Rec, on small data of the same form."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from helpers import ROOT

import reproduce_published as script
from mmrec.data.demo import write_demo

RUNS = yaml.safe_load((ROOT / "scripts/reproducing/published_runs.yml").read_text())


@pytest.fixture
def office(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "office"
    write_demo(folder)
    return folder


@pytest.mark.slow
def test_every_model_is_trained_and_printed_next_to_the_published_figures(
    office: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["office", "--data", str(office), "--output", str(tmp_path / "results")]
    assert script.main([*arguments, "--epochs", "1", "--validation-rate", "1"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    models = [row for row in rows if row[0] in RUNS]
    assert [row[0] for row in models] == [*RUNS]
    for name, epoch, recall, published, ndcg, published_ndcg in models:
        assert epoch == "1"
        assert 0 <= float(recall) <= 1
        assert 0 <= float(ndcg) <= 1
        figures = [float(published), float(published_ndcg)]
        assert figures == RUNS[name]["published"]["office"]


@pytest.mark.parametrize("dataset", script.DATASETS)
def test_every_data_set_has_settings_and_published_figures(dataset: str) -> None:
    for run in RUNS.values():
        assert run[dataset]
        assert len(run["published"][dataset]) == 2


def test_without_data_the_message_names_the_folder_and_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        script.main(["toys", "--data", str(tmp_path / "toys")])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "toys") in line
    assert "--data" in line


def test_data_without_a_split_is_refused(
    office: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(office / "val.txt", office / "valid.txt")
    with pytest.raises(SystemExit) as ended:
        script.main(["office", "--data", str(office), "--output", str(tmp_path / "results")])
    assert ended.value.code == 2
    assert "val.txt" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
