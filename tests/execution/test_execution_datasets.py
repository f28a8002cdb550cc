"""One experiment on several data sets: runs, resuming, the comparison, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import assert_contains, refusal
from tiny_experiment import Write, change, settings, write_tiny_data

from mmrec import experiments, run_experiment, run_experiments
from mmrec.cli import main
from mmrec.config import Document
from mmrec.errors import ConfigError
from mmrec.execution.signals import RunInterrupted
from mmrec.reporting.results import Results

NAMES = ["tiny", "second", "third"]
MODELS = {"MostPop": {}, "BPRMF": settings(epochs=1)}


@pytest.fixture
def several(experiment_file: Write) -> Path:
    path = experiment_file(MODELS, dataset=NAMES)
    for n_users, name in ((30, "second"), (36, "third")):
        write_tiny_data(path.parents[1] / "data" / name, n_users=n_users)
    return path


def manifest(results: Results) -> dict:
    return json.loads((results.folder / "manifest.json").read_text())


def runs_of(path: Path) -> list[str]:
    """The data set of each folder of a run."""
    return sorted(x.parents[1].name for x in (path.parents[1] / "results").glob("*/*/run_*"))


def test_each_run_is_that_of_the_data_set_alone(several: Path) -> None:
    done = run_experiments(several, progress=False)
    assert list(done.results) == NAMES
    alone = run_experiment(change(several, dataset="second"), progress=False)
    one = done.results["second"]
    assert (one.folder / "best.tsv").read_bytes() == (alone.folder / "best.tsv").read_bytes()
    assert manifest(one)["written"] == manifest(alone)["written"]
    assert main(["diff", str(one.folder), str(alone.folder)]) == 0
    assert done.comparison is not None
    assert list(done.comparison.datasets) == NAMES
    assert done.page is not None
    performance = several.parents[1] / "results" / "tiny+second+third" / "performance"
    assert done.page.parents[1] == performance
    assert done.page.exists()


def test_finished_data_sets_are_not_run_again(
    several: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def stop_at_third(document: Document, **options: object) -> Results:
        name = document.data["experiment"]["dataset"]
        ran.append(name)
        if name == "third" and ran.count("third") == 1:
            raise RunInterrupted("interrupted", 2)
        return run_experiment(document, **options)

    monkeypatch.setattr(experiments, "run_experiment", stop_at_third)
    with pytest.raises(RunInterrupted):
        run_experiments(several, progress=False)
    done = run_experiments(several, progress=False)
    assert ran == [*NAMES, "third"]
    assert runs_of(several) == sorted(NAMES)
    assert done.comparison is not None
    assert list(done.comparison.datasets) == NAMES
    run_experiments(several, progress=False)  # a finished experiment starts again
    assert ran == [*NAMES, "third", *NAMES]


def test_runs_of_another_experiment_are_not_taken(
    several: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def stop_once(document: Document, **options: object) -> Results:
        ran.append(document.data["experiment"]["dataset"])
        if len(ran) == 2:
            raise RunInterrupted("interrupted", 2)
        return run_experiment(document, **options)

    monkeypatch.setattr(experiments, "run_experiment", stop_once)
    with pytest.raises(RunInterrupted):
        run_experiments(several, progress=False)
    run_experiments(change(several, models={"MostPop": {}}), progress=False)
    assert ran == ["tiny", "second", *NAMES]


def test_all_data_sets_are_checked_before_the_first_run(several: Path) -> None:
    change(several, dataset=["tiny", "nowhere"])
    message = refusal(ConfigError, lambda: run_experiments(several, progress=False))
    assert "nowhere" in message
    assert runs_of(several) == []


def test_names_of_the_same_files_are_refused(several: Path) -> None:
    several.write_text(several.read_text().replace("data/{0}/", "data/tiny/"))
    message = refusal(ConfigError, lambda: run_experiments(several, progress=False))
    assert_contains(message, ["tiny.yml:2: experiment.dataset", "'tiny' and 'second'", "{0}"])
    assert runs_of(several) == []


def test_run_experiment_takes_one_data_set(several: Path) -> None:
    message = refusal(ConfigError, run_experiment, several)
    assert_contains(message, ["experiment.dataset", "run_experiments"])


def test_options_are_in_the_manifest_and_verified(
    several: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", "dataset=[tiny, second]", "--set", "models.BPRMF.lr=0.02"]
    command = ["run", str(several), "--quiet", *options, "--models", "BPRMF"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert_contains(printed, ["comparison: ", "second", "BPRMF"])
    assert runs_of(several) == ["second", "tiny"]
    (folder,) = (several.parents[1] / "results" / "second" / "performance").glob("run_*")
    written = json.loads((folder / "manifest.json").read_text())["written"]
    assert written["options"] == [
        "--set dataset=[tiny, second]",
        "--set models.BPRMF.lr=0.02",
        "--models BPRMF",
    ]
    assert written["document"]["experiment"]["dataset"] == "second"
    assert list(written["document"]["experiment"]["models"]) == ["BPRMF"]
    assert main(["verify", str(folder), "--quiet"]) == 0
    assert "--models BPRMF" in (folder / "report.html").read_text()


def test_plan_and_validate_know_the_data_sets_and_the_options(
    several: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_lr = ["--set", "models.BPRMF.lr=[0.1, 0.2]"]
    assert main(["validate", str(several), *change_lr]) == 0
    assert_contains(capsys.readouterr().out, ["9 trials", *NAMES])
    assert main(["validate", str(several), "--set", "models.BPRMF.lr=fast"]) == 2
    errors = capsys.readouterr().err
    assert_contains(errors, ["--set models.BPRMF.lr=fast: experiment.models.BPRMF.lr"])
    assert main(["plan", str(several), "--json", *change_lr]) == 0
    plans = json.loads(capsys.readouterr().out)
    assert [(plan["dataset"], plan["trials"]) for plan in plans] == [(n, 3) for n in NAMES]
    assert main(["plan", str(several), "--json", "--set", "dataset=third"]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == "third"
