"""Trackers: their contents, their registry, and that they change no result."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import refusal
from resealing import reseal
from tiny_experiment import SPLITS_AND_FEATURES, Write, change, experiment_writer, settings

from mmrec.cli import main
from mmrec.cli.health import PURPOSES
from mmrec.errors import ConfigError, DataError
from mmrec.experiment import run_experiment
from mmrec.installation import install_hint
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.tracking.csv_table import COLUMNS
from mmrec.tracking.run import TrackedRun, tracked_trial
from mmrec.tracking.tracker import TRACKERS, tracker
from mmrec.verify.diff import diff_runs
from mmrec.verify.verification import verify_run

RATED = {"validation_rate": 2, "validation_metric": "Recall@5"}
MODELS = {"LightGCNM": settings(lr=[0.01, 0.02], meta=RATED), "MostPop": {}}
METRICS = ["Recall@3", "Recall@5", "nDCG@3", "nDCG@5"]


def run(path: Path, **options: Any) -> Results:
    return run_experiment(path, progress=False, **options)


def records(results: Results) -> list[TrialRecord]:
    return TrialStore(results.folder / "trials.jsonl").read()


def expected_curves(record: TrialRecord) -> dict[tuple[str, int], float]:
    """{(tag, epoch): value} from the trial's record."""
    values = {("train/loss", epoch): loss for epoch, loss in enumerate(record.losses, 1)}
    for entry in record.history:
        for label, value in entry["validation"].items():
            values[f"validation/{label}", entry["epoch"]] = value
    return values


def expected_best(record: TrialRecord) -> dict[str, float]:
    splits = {"validation": record.validation, "test": record.test}
    return {f"{split}/{label}": v for split, of in splits.items() for label, v in of.items()}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Results:
    write = experiment_writer(tmp_path_factory.mktemp("tracked"))
    return run(write(MODELS, tracking="csv"))


def test_csv_contains_every_curve_and_the_test_values_of_the_best_epoch(tracked: Results) -> None:
    table = pd.read_csv(tracked.folder / "tracking/epochs.csv", converters={"value": float})
    assert tuple(table.columns) == COLUMNS
    assert list(table["trial"].unique()) == list(tracked.trials["trial"])
    for record in records(tracked):
        rows = table[table["trial"] == record.name]
        assert set(rows["model"]) == {record.model}
        found = {(f"{r.split}/{r.metric}", r.epoch): r.value for r in rows.itertuples()}
        best = {(tag, record.best_epoch): value for tag, value in expected_best(record).items()}
        assert found == expected_curves(record) | best
        assert len(rows) == len(found)
    assert len(table[table["split"] == "test"]) == 3 * len(METRICS)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_figures_of_cold_items_are_tracked_at_the_best_epoch(tracked: Results, split: str) -> None:
    record = replace(records(tracked)[0], cold={"cold/Recall@3": 0.5, "all/Recall@3": 0.25})
    *_, cold, joint = tracked_trial(record, split).best
    assert cold == (record.best_epoch, "test", "cold/Recall@3", 0.5)
    assert (joint.tag, joint.value) == ("test/all/Recall@3", 0.25)


def test_without_a_validation_split_the_curves_are_of_the_test_split(
    experiment_file: Write,
) -> None:
    data = {key: v for key, v in SPLITS_AND_FEATURES.items() if key != "validation_path"}
    path = experiment_file(MODELS, tracking=["csv"], data_config=data)
    table = pd.read_csv(run(path).folder / "tracking/epochs.csv")
    assert set(table["split"]) == {"train", "test"}
    assert not table.duplicated(["trial", "epoch", "split", "metric"]).any()


def test_a_failed_trial_has_no_rows(experiment_file: Write) -> None:
    results = run(experiment_file({"LightGCNM": settings(lr=[0.01, 1e30])}, tracking=["csv"]))
    assert results.n_failed == 1
    table = pd.read_csv(results.folder / "tracking/epochs.csv")
    finished = results.trials[results.trials["status"] == "finished"]
    assert set(table["trial"]) == set(finished["trial"])


def test_no_tracker_is_the_default(experiment_file: Write) -> None:
    assert not (run(experiment_file()).folder / "tracking").exists()


def test_tracking_changes_no_result(
    experiment_file: Write, tracked: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = run(experiment_file(MODELS))
    identities = {(r.folder / "identity.json").read_text() for r in (plain, tracked)}
    assert len(identities) == 1
    digests = ["trial", "weights_sha256", "lists_sha256"]
    pd.testing.assert_frame_equal(plain.trials[digests], tracked.trials[digests])
    difference = diff_runs(plain.folder, tracked.folder)
    assert difference.config == ()
    assert difference.trials == ()


@pytest.mark.slow
def test_csv_is_the_same_for_every_executor(experiment_file: Write, tracked: Results) -> None:
    parallel = run(experiment_file(MODELS, tracking=["csv"]), workers=2)
    files = [results.folder / "tracking/epochs.csv" for results in (parallel, tracked)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.fixture
def failing() -> Iterator[list[Path]]:
    """A tracker that fails once; the folders that it was called with."""
    called: list[Path] = []
    with TRACKERS.isolated():

        @tracker("failing")
        def write(run: TrackedRun, folder: Path) -> None:
            called.append(folder)
            if len(called) == 1:
                raise RuntimeError("no room")

        yield called


def test_a_failed_tracker_is_repeated_without_the_trials(
    experiment_file: Write, failing: list[Path]
) -> None:
    path = experiment_file(MODELS, tracking=["failing"])
    message = refusal(DataError, run, path)
    assert "'failing' failed: RuntimeError: no room" in message
    (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
    assert not (folder / "manifest.json").exists()
    trials = (folder / "trials.jsonl").read_bytes()
    results = run(path)
    assert results.folder == folder
    assert failing == [folder / "tracking"] * 2
    assert (folder / "trials.jsonl").read_bytes() == trials


def test_a_run_can_be_completed_without_the_tracker_that_failed(
    experiment_file: Write, failing: list[Path]
) -> None:
    path = experiment_file(tracking=["failing"])
    refusal(DataError, run, path)
    (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
    assert run(change(path, tracking=[])).folder == folder


OWN = """
from mmrec.models.baselines import MostPop
from mmrec.tracking.tracker import tracker

@tracker("names")
def write(run, folder):
    folder.mkdir(exist_ok=True)
    (folder / "names.txt").write_text("\\n".join(t.record.name for t in run.trials))
"""


def test_a_tracker_from_the_users_own_file(experiment_file: Write, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    own = str(tmp_path / "own.py")
    results = run(experiment_file(MODELS, tracking="names", external_models_path=own))
    names = (results.folder / "tracking/names.txt").read_text().split()
    assert names == list(results.trials["trial"])
    message = refusal(ConfigError, run, experiment_file(tracking="names"))
    assert "unknown tracker 'names'" in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["cvs"], "did you mean 'csv'?"),
        (["csv", "csv"], "duplicates of csv"),
        ({"csv": True}, "such as csv, mlflow, tensorboard or wandb"),
        (["csv", 3], "accepted: the name of a tracker"),
    ],
)
def test_a_wrong_entry_is_refused(experiment_file: Write, value: object, expected: str) -> None:
    message = refusal(ConfigError, run, experiment_file(tracking=value))
    assert "experiment.tracking" in message
    assert expected in message


def test_trackers_are_checked_together_with_the_models(experiment_file: Write) -> None:
    path = experiment_file({"MostPopp": {}}, tracking="cvs")
    message = refusal(ConfigError, run, path)
    assert "'csv'" in message
    assert "'MostPop'" in message


@pytest.mark.parametrize("name", ["mlflow", "tensorboard", "wandb"])
def test_a_missing_package_is_refused_before_training(
    experiment_file: Write,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = experiment_file(tracking=["csv", name])
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "mmrec.tracking.tracker.find_spec",
        lambda wanted: None if wanted == name else found(wanted),
    )
    message = refusal(ConfigError, run, path)
    assert f"experiment.tracking[1]: '{name}' needs the package" in message
    extra = "wandb" if name == "wandb" else "tracking"
    assert install_hint(extra) in message
    assert not (path.parents[1] / "results").exists()
    assert main(["validate", str(path)]) == 2
    assert f".[{extra}]" in capsys.readouterr().err


def test_a_folder_named_as_a_package_is_not_the_package(
    experiment_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_tracker").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with TRACKERS.isolated():
        tracker("own", package="own_tracker")(lambda run, folder: None)
        message = refusal(ConfigError, run, experiment_file(tracking=["own"]))
    assert "not installed" in message


def test_verify_and_report_need_no_tracker(
    tracked: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run can be verified where the packages of its trackers are missing."""
    folder = tmp_path / tracked.folder.name
    shutil.copytree(tracked.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for settings_ in (manifest["experiment"], manifest["written"]["document"]["experiment"]):
        settings_["tracking"] = ["csv", "mlflow", "own"]
    reseal(folder, **manifest)
    for package in ("mlflow", "tensorboard"):
        monkeypatch.setitem(sys.modules, package, None)
    assert verify_run(folder, progress=False).is_identical
    rebuild_report(folder)


def test_doctor_describes_the_extra() -> None:
    assert "tracking" in PURPOSES


def test_tensorboard_has_a_folder_for_a_failed_trial_too(experiment_file: Write) -> None:
    models = {"LightGCNM": settings(lr=[0.01, 1e30])}
    results = run(experiment_file(models, tracking=["tensorboard"]))
    assert results.n_failed == 1
    folders = (results.folder / "tracking/tensorboard").iterdir()
    assert {folder.name for folder in folders} == set(results.trials["trial"])


def test_tensorboard_shows_curves_and_parameters(experiment_file: Write) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    results = run(experiment_file(MODELS, tracking=["tensorboard"]))
    for record in records(results):
        shown = EventAccumulator(str(results.folder / "tracking/tensorboard" / record.name))
        shown.Reload()
        found = {
            (tag, event.step): event.value
            for tag in shown.Tags()["scalars"]
            for event in shown.Scalars(tag)
        }
        best = {
            (f"best/{tag}", record.best_epoch): value
            for tag, value in expected_best(record).items()
        }
        assert found == pytest.approx(expected_curves(record) | best)
        content = shown.PluginTagToContent("hparams")["_hparams_/session_start_info"]
        session = HParamsPluginData.FromString(content).session_start_info
        assert session.group_name == record.name
        assert session.hparams["seed"].number_value == record.parameters["seed"]
        assert set(session.hparams) == set(record.parameters)


@pytest.mark.slow
def test_events_are_the_same_in_every_process(experiment_file: Write, tmp_path: Path) -> None:
    results = run(experiment_file(MODELS, tracking=["tensorboard"]))
    before = _contents(results.folder / "tracking")
    assert len(before) == 3
    code = (
        "import sys; from pathlib import Path\n"
        "from mmrec.reporting.report import read_results\n"
        "from mmrec.runs.finished import FinishedRun\n"
        "from mmrec.runs.studies import read_studies\n"
        "from mmrec.runs.journal import Journal\n"
        "from mmrec.tracking.tracking import Tracking\n"
        "run = FinishedRun.open(Path(sys.argv[1]))\n"
        "with Tracking(['tensorboard'], run.path, dataset='tiny', journal=Journal(),\n"
        "    started=run.manifest['started'], split='validation', ended=run.trials) as tracking:\n"
        "    tracking.finish(read_studies(run), read_results(run.path))"
    )
    command = [sys.executable, "-c", code, str(results.folder)]
    shutil.rmtree(results.folder / "tracking")
    assert os.spawnv(os.P_WAIT, sys.executable, command) == 0
    assert _contents(results.folder / "tracking") == before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # from MLflow
def test_mlflow_has_a_run_for_every_trial(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    models = MODELS | {"LATTICE": settings(lr=1e30, top_k=4)}
    results = run(experiment_file(models, tracking=["mlflow"]))
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient((results.folder / "tracking/mlruns").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'tiny'")
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    parent = runs.pop(results.folder.name)
    assert parent.data.tags["mmrec.run_folder"] == str(results.folder)
    (artifact,) = client.list_artifacts(parent.info.run_id)
    assert artifact.path == "report.html"
    assert set(runs) == set(results.trials["trial"])
    ended = records(results)
    (failed,) = [record for record in ended if record.status == "failed"]
    failed_run = runs.pop(failed.name)
    assert failed_run.info.status == "FAILED"
    assert failed_run.data.tags["mmrec.error"] == failed.error
    ended.remove(failed)
    for record in ended:
        child = runs[record.name]
        assert child.info.status == "FINISHED"
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert set(child.data.params) == set(record.parameters)
        assert child.data.params["seed"] == str(record.parameters["seed"])
        for tag, value in expected_best(record).items():
            assert child.data.metrics[f"best/{tag}".replace("@", "_at_")] == value
        for (tag, epoch), value in expected_curves(record).items():
            history = client.get_metric_history(child.info.run_id, tag.replace("@", "_at_"))
            assert [m.value for m in history if m.step == epoch] == [value]


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
