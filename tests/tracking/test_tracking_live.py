"""Trackers are written while the run goes on, and nothing is written twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from resealing import resealed_line
from stopping import interrupt
from test_tracking import expected_curves
from tiny_experiment import Write, settings

from mmrec.errors import ModelError
from mmrec.execution.observers import Observers
from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.journal import StartedTrial
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.runs.unfinished import UnfinishedRun
from mmrec.tracking import tracking
from mmrec.tracking.run import Point, StartedRun, TrackedRun, TrackedTrial
from mmrec.tracking.tracker import TRACKERS, LiveTracker, live_tracker
from mmrec.training.protocol import EvaluationProtocol

MODELS = {
    "MostPop": {},
    "LightGCNM": settings(
        epochs=6, lr=[0.01, 0.02], meta={"validation_rate": 2, "validation_metric": "Recall@5"}
    ),
}


def run(path: Path, **options: object) -> Results:
    return run_experiment(path, progress=False, **options)  # type: ignore[arg-type]


class Recorder(LiveTracker):
    """Records its calls, each with what trials.jsonl had at that time."""

    def __init__(self, run: StartedRun, folder: Path) -> None:
        super().__init__(run, folder)
        self.calls: list[tuple[str, str, int]] = []
        self.points: dict[str, list[Point]] = {}
        self.ended: dict[str, TrackedTrial] = {}
        RECORDERS.append(self)

    def _note(self, call: str, name: str) -> None:
        n_recorded = len(TrialStore(self.run.folder / "trials.jsonl").read())
        self.calls.append((call, name, n_recorded))

    def begin(self, trial: StartedTrial) -> None:
        self._note("begin", trial.name)
        self.points[trial.name] = []

    def add(self, trial: StartedTrial, points: Sequence[Point]) -> None:
        self._note("add", trial.name)
        self.points[trial.name] += points

    def end(self, trial: TrackedTrial) -> None:
        self._note("end", trial.record.name)
        self.ended[trial.record.name] = trial

    def finish(self, run: TrackedRun) -> None:
        self._note("finish", "")
        assert run.report.exists()

    def close(self) -> None:
        self.calls.append(("close", "", 0))


RECORDERS: list[Recorder] = []


@pytest.fixture(autouse=True)
def recorders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Recorder]]:
    """The trackers ``recorder`` that were made; every epoch is passed on at once."""
    RECORDERS.clear()
    monkeypatch.setattr(tracking, "EVERY", 0.0)
    with TRACKERS.isolated():
        live_tracker("recorder")(Recorder)
        yield RECORDERS


def records(folder: Path) -> list[TrialRecord]:
    return TrialStore(folder / "trials.jsonl").read()


def curves(points: Sequence[Point]) -> dict[tuple[str, int], float]:
    found = {(point.tag, point.epoch): point.value for point in points}
    assert len(found) == len(points)
    return found


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_each_epoch_and_trial_is_passed_on_as_it_happens(
    experiment_file: Write, recorders: list[Recorder], workers: int
) -> None:
    results = run(experiment_file(MODELS, tracking=["recorder"]), workers=workers)
    (made,) = recorders
    ended = records(results.folder)
    assert {name: curves(points) for name, points in made.points.items()} == {
        record.name: expected_curves(record) for record in ended
    }
    trained = [record for record in ended if record.losses]
    for record in trained:
        calls = [call for call, name, _ in made.calls if name == record.name]
        assert calls == ["begin", *["add"] * 6, "end"]
        assert made.ended[record.name].record.test == record.test
    if workers == 1:  # the second trial was not recorded when its epochs ended
        adds = [n for call, name, n in made.calls if (call, name) == ("add", trained[0].name)]
        assert set(adds) == {ended.index(trained[0])}
    assert [call for call, *_ in made.calls][-2:] in (["finish", "close"], ["close", "close"])


def test_a_run_that_writes_its_report_is_running(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []

    def finish(self: Recorder, run: TrackedRun) -> None:
        states.append(UnfinishedRun.open(run.folder).state)

    monkeypatch.setattr(Recorder, "finish", finish)
    results = run(experiment_file(MODELS, tracking=["recorder"]))
    assert states == ["running"]
    assert not (results.folder / "journal.jsonl").exists()


def test_a_resumed_run_has_each_point_once(
    experiment_file: Write, recorders: list[Recorder]
) -> None:
    path = experiment_file(MODELS, tracking=["recorder"])
    folder = interrupt(path, 35)
    (first,) = recorders
    (started,) = set(first.points) - set(first.ended)
    assert first.points[started]
    assert first.calls[-1][0] == "close"
    results = run(path)
    assert results.folder == folder
    second = recorders[1]
    for record in records(folder):
        assert curves(second.points[record.name]) == expected_curves(record)
    assert sorted(second.ended) == sorted(results.trials["trial"])


def test_a_resumed_trial_with_other_bits_is_written_again(
    experiment_file: Write, recorders: list[Recorder]
) -> None:
    path = experiment_file(MODELS, tracking=["recorder"])
    folder = interrupt(path, 35)
    journal = folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines() if line]
    changed = [x | ({"loss": 7.0} if x.get("epoch") == 1 else {}) for x in lines]
    journal.write_text("".join(f"{resealed_line(line)}\n" for line in changed))
    run(path)
    for record in records(folder):
        assert curves(recorders[1].points[record.name]) == expected_curves(record)


def test_a_failed_trial_keeps_the_epochs_that_were_seen(
    experiment_file: Write, recorders: list[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = EvaluationProtocol.evaluate

    def fail_in_third_epoch(self: EvaluationProtocol, *args: object, **facts: object) -> object:
        if facts.get("epoch") == 3:
            raise ModelError("not finite")
        return evaluate(self, *args, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(EvaluationProtocol, "evaluate", fail_in_third_epoch)
    results = run(experiment_file({"LightGCNM": settings(epochs=6)}, tracking=["recorder"]))
    assert results.n_failed == 1
    (failed,) = recorders[0].ended.values()
    assert failed.curves == ()
    assert sorted({point.epoch for point in recorders[0].points[failed.record.name]}) == [1, 2]


@pytest.mark.parametrize("call", ["__init__", "begin", "add", "end"])
def test_a_tracker_that_fails_during_the_run_gets_everything_at_its_end(
    experiment_file: Write,
    recorders: list[Recorder],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call: str,
) -> None:
    original = getattr(Recorder, call)
    failures: list[str] = []

    def fail_once(self: Recorder, *args: object) -> None:
        if not failures:
            failures.append(call)
            raise OSError("no room")
        original(self, *args)

    monkeypatch.setattr(Recorder, call, fail_once)
    results = run(experiment_file(MODELS, tracking=["recorder"]))
    assert "'recorder' failed: OSError: no room" in caplog.text
    for record in records(results.folder):
        assert curves(recorders[-1].points[record.name]) == expected_curves(record)


def test_epochs_are_passed_on_at_most_once_a_second(
    experiment_file: Write, recorders: list[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "EVERY", 1e9)
    results = run(experiment_file(MODELS, tracking=["recorder"]))
    (made,) = recorders
    for record in records(results.folder):
        assert [c for c, name, _ in made.calls if name == record.name] == ["begin", "add", "end"]
        assert curves(made.points[record.name]) == expected_curves(record)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What files have after the third epoch of the second trial that is trained."""
    found: dict[str, object] = {}
    epoch_ended = Observers.epoch_ended

    def look(self: Observers, spec: object, epoch: int, *args: object) -> None:
        epoch_ended(self, spec, epoch, *args)  # type: ignore[arg-type]
        if (spec.index, epoch) == (1, 3):  # type: ignore[attr-defined]
            (folder,) = LOOKED_AT[0].parents[1].glob("results/tiny/performance/run_*")
            found["name"] = spec.name  # type: ignore[attr-defined]
            for path in (folder / "tracking").rglob("*"):
                if path.is_file():
                    found[str(path.relative_to(folder / "tracking"))] = path.read_bytes()

    monkeypatch.setattr(Observers, "epoch_ended", look)
    return found


LOOKED_AT: list[Path] = []


def test_csv_and_tensorboard_can_be_opened_while_the_run_goes_on(
    experiment_file: Write, seen: dict[str, object], tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    LOOKED_AT[:] = [path := experiment_file(MODELS, tracking=["csv", "tensorboard"])]
    results = run(path)
    name = str(seen["name"])
    (tmp_path / "epochs.csv").write_bytes(seen["epochs.csv"])  # type: ignore[arg-type]
    table = pd.read_csv(tmp_path / "epochs.csv")
    assert list(table[table["trial"] == name]["epoch"].unique()) == [1, 2, 3]
    assert table["trial"].nunique() == 3
    events = next(str(key) for key in seen if name in str(key))
    written: bytes = seen[events]  # type: ignore[assignment]
    (tmp_path / Path(events).name).write_bytes(written)
    shown = EventAccumulator(str(tmp_path))
    shown.Reload()
    assert [event.step for event in shown.Scalars("train/loss")] == [1, 2, 3]
    final = (results.folder / "tracking" / events).read_bytes()
    assert final.startswith(written)  # events are appended
    table = pd.read_csv(results.folder / "tracking/epochs.csv")
    assert not table.duplicated(["trial", "epoch", "split", "metric"]).any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # from MLflow
def test_mlflow_can_be_read_while_the_run_goes_on(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    path = experiment_file(MODELS, tracking=["mlflow"])
    states: list[dict[str, tuple[str, list[int]]]] = []
    epoch_ended = Observers.epoch_ended

    def state(folder: Path) -> dict[str, tuple[str, list[int]]]:
        client = MlflowClient((folder / "tracking/mlruns").as_uri())
        (experiment,) = client.search_experiments(filter_string="name = 'tiny'")
        found = {}
        for each in client.search_runs([experiment.experiment_id]):
            steps = [x.step for x in client.get_metric_history(each.info.run_id, "train/loss")]
            found[each.info.run_name] = (each.info.status, sorted(steps))
        return found

    def look(self: Observers, spec: object, epoch: int, *args: object) -> None:
        epoch_ended(self, spec, epoch, *args)  # type: ignore[arg-type]
        if (spec.index, epoch) == (1, 3):  # type: ignore[attr-defined]
            (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
            states.append(state(folder))

    monkeypatch.setattr(Observers, "epoch_ended", look)
    folder = interrupt(path, 40)
    resumed = run(path)
    during = sorted(value for name, value in states[0].items() if name.startswith("LightGCNM"))
    assert during == [("FINISHED", [1, 2, 3, 4, 5, 6]), ("RUNNING", [1, 2, 3])]
    assert states[0][folder.name][0] == "RUNNING"
    after = state(resumed.folder)
    assert {status for status, _ in after.values()} == {"FINISHED"}
    for record in records(folder):
        assert after[record.name][1] == list(range(1, len(record.losses) + 1))


def test_files_of_a_resumed_run_are_those_of_an_uninterrupted_one(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = experiment_file(MODELS, tracking=["csv", "tensorboard"])
    folder = interrupt(path, 35)
    run(path)
    resumed = contents(folder)
    expected = contents(run(path, fresh=True).folder)
    assert resumed["epochs.csv"] == expected["epochs.csv"]
    assert set(resumed) == set(expected)
    sizes = [{name: len(x) for name, x in found.items()} for found in (resumed, expected)]
    assert sizes[0] == sizes[1]  # the events have the time of the session


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder / "tracking")): path.read_bytes()
        for path in (folder / "tracking").rglob("*")
        if path.is_file()
    }
