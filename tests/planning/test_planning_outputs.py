"""Folders of results that cannot be written are refused before anything is trained."""

from __future__ import annotations

import pytest
from helpers import ROOT, assert_contains, deny, refusal
from tiny_experiment import Write

from mmrec.cli import main
from mmrec.errors import ConfigError
from mmrec.experiment import check_experiment, run_experiment

CASES = ROOT.parent / "shared" / "cases"
KEEPING = {"MostPop": {"meta": {"save_recs": True, "save_weights": True}}}
KEYS = ("path_output_rec_performance", "path_output_rec_result", "path_output_rec_weight")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("below", ["", "/a/b"])
def test_a_file_in_the_place_of_a_folder(experiment_file: Write, key, below):
    path = experiment_file(KEEPING, **{key: f"taken{below}"})
    (path.parent / "taken").write_text("")
    message = refusal(ConfigError, check_experiment, path)
    assert_contains(message, [key, path.parent / "taken", "not a folder"])


@pytest.mark.parametrize("key", KEYS)
def test_a_folder_that_may_not_be_entered(experiment_file: Write, monkeypatch, key):
    path = experiment_file(KEEPING, **{key: "private/results"})
    (path.parent / "private").mkdir()
    deny(path.parent / "private", monkeypatch)
    message = refusal(ConfigError, check_experiment, path)
    assert_contains(message, [key, path.parent / "private" / "results", "Permission denied"])


def test_a_folder_in_which_the_system_makes_no_file(experiment_file: Write):
    path = experiment_file(path_output_rec_performance="/proc/results")
    assert_contains(refusal(ConfigError, check_experiment, path), ["/proc/results", "written"])


@pytest.mark.parametrize("folder", ["{}", "new/{}", "{}/new"])
def test_a_name_that_is_too_long(experiment_file: Write, folder):
    path = experiment_file(path_output_rec_performance=folder.format("n" * 300))
    message = refusal(ConfigError, run_experiment, path)
    assert_contains(message, ["path_output_rec_performance", "File name too long"])


def test_folders_that_no_model_writes_to_do_not_count(experiment_file: Write):
    path = experiment_file(path_output_rec_result="taken", path_output_rec_weight="taken/a")
    (path.parent / "taken").write_text("")
    check_experiment(path)


def test_nothing_is_left_behind(experiment_file: Write):
    path = experiment_file(KEEPING)
    before = sorted(path.parents[1].rglob("*"))
    check_experiment(path)
    assert sorted(path.parents[1].rglob("*")) == before


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not part of the repository")
@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_the_published_case(capsys, command):
    config = CASES / "output_folder_checked_late" / "config.yml"
    assert main([command, str(config)]) == 2
    error = capsys.readouterr().err
    assert_contains(error, ["path_output_rec_result", "train.tsv", "not a folder"])
