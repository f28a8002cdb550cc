"""Results that are deleted while a run goes on, and models that are edited between two runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from helpers import assert_contains
from resealing import reseal
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.reporting.report import read_results
from mmrec.runs.finished import FinishedRun, read_settings
from mmrec.runs.records import TrialStore
from mmrec.runs.weights import read_weights
from mmrec.training.digests import digest_of_state
from mmrec.verify.files import changed_files
from mmrec.verify.verification import verify_run

KEPT = {"save_recs": True, "save_weights": True}
OWN = """
import pathlib, shutil
from mmrec.models import LightGCNM

here = pathlib.Path(__file__).parent

class Own(LightGCNM):
    def begin_epoch(self, epoch, rng):
        if self.config.lr == 0.02 and not (here / "mark").exists():
            (here / "mark").touch()
            for path in here.parents[1].glob({pattern!r}):
                path.unlink() if path.is_file() else shutil.rmtree(path)
"""
MODELS = {"external.Own": settings(epochs=2, lr=[0.01, 0.02, 0.03], meta=KEPT)}


def write_own(write: Write, pattern: str) -> Path:
    path = write(MODELS, external_models_path="own/m.py")
    (path.parent / "own").mkdir(exist_ok=True)
    (path.parent / "own/m.py").write_text(OWN.format(pattern=pattern))
    return path


PATTERNS = {
    "weights": "results/tiny/weights/*/*",
    "all weights": "results/tiny/weights",
    "lists": "results/tiny/recs/*",
    "values of users": "results/tiny/performance/run_*/per_user/*",
    "the folder of the run": "results/tiny/performance/run_*",
    "all results": "results",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_deleted_results_are_an_error_and_the_next_run_is_whole(
    experiment_file: Write, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = write_own(experiment_file, PATTERNS[name])
    assert main(["run", "--quiet", str(path)]) == 2
    said = capsys.readouterr().err
    assert_contains(said, ["deleted", "results/tiny"])
    assert "Traceback" not in said
    results = run_experiment(path, progress=False)
    assert (results.trials["status"] == "finished").all()
    assert len(read_results(results.folder).trials) == 3
    kept = path.parents[1] / "results/tiny"
    assert len(list(kept.glob("recs/*"))) == len(list(kept.glob("weights/*/*"))) == 3
    assert verify_run(results.folder).is_identical


def test_deleted_records_are_written_again(
    experiment_file: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_own(experiment_file, "results/tiny/performance/run_*/trials.jsonl")
    results = run_experiment(path, progress=False)
    assert any("trials.jsonl" in message for message in caplog.messages)
    assert len(read_results(results.folder).trials) == 3
    assert len(TrialStore(results.folder / "trials.jsonl").read()) == 3


def test_results_that_are_deleted_while_the_report_is_written_are_an_error(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = experiment_file()
    performance = path.parents[1] / "results/tiny/performance"
    with monkeypatch.context() as patched:
        patched.setattr(
            "mmrec.experiment.Tracking.finish",
            lambda *_: next(performance.glob("run_*/trials.jsonl")).unlink(),
        )
        with pytest.raises(DataError, match="run_"):
            run_experiment(path, progress=False)
    read_results(run_experiment(path, progress=False).folder)


EDITED = """
from mmrec.models import LightGCNM

class Own(LightGCNM):
    def lr_factor(self, epoch):
        return {factor}
"""


def run_edited(path: Path, factor: int) -> pd.DataFrame:
    (path.parent / "own.py").write_text(EDITED.format(factor=factor))
    return run_experiment(path, progress=False).trials


def test_a_model_that_is_edited_between_two_runs_replaces_no_weights_and_no_lists(
    experiment_file: Write,
) -> None:
    models = {"external.Own": settings(lr=0.01, meta=KEPT), "MostPop": {"meta": KEPT}}
    path = experiment_file(models, external_models_path="own.py")
    kept = path.parents[1] / "results/tiny"
    first = run_edited(path, 1)
    before = {file: file.read_bytes() for file in [*kept.glob("recs/*"), *kept.glob("weights/*/*")]}
    second = run_edited(path, 30)
    assert first["trial"].tolist() == second["trial"].tolist()
    assert first["weights_sha256"][0] != second["weights_sha256"][0]
    assert {file: file.read_bytes() for file in before} == before
    found = {digest_of_state(read_weights(file).state) for file in kept.glob("weights/*/*")}
    assert found == {trials["weights_sha256"][0] for trials in (first, second)}
    (folder,) = {file.parent for file in kept.glob("weights/*/*")}
    assert len(list(folder.iterdir())) == 2
    assert len(list(kept.glob("recs/MostPop*"))) == 1  # its code has not changed
    for run in kept.glob("performance/run_*"):
        assert verify_files(run) == []


def verify_files(run: Path) -> list[str]:
    """The sentences of ``verify`` about the files of a run."""
    finished = FinishedRun.open(run)
    return list(changed_files(finished, read_settings(finished), finished.trials))


def test_weights_of_several_versions_are_restored_by_the_code_that_trained_them(
    experiment_file: Write,
) -> None:
    def models(**meta: bool) -> dict[str, object]:
        return {"external.Own": settings(lr=0.01, meta=meta)}

    path = experiment_file(models(save_weights=True), external_models_path="own.py")
    trained = {factor: run_edited(path, factor) for factor in (1, 30)}
    experiment_file(models(restore=True), external_models_path="own.py")
    for factor, trials in trained.items():
        restored = run_edited(path, factor)
        assert restored["weights_sha256"].tolist() == trials["weights_sha256"].tolist()
    assert "other external models" in run_edited(path, 7)["error"][0]


def test_files_of_earlier_versions_stay_readable(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have no code in their names, and their records name no files."""
    path = experiment_file({"LightGCNM": settings(epochs=2, meta=KEPT)})
    results = run_experiment(path, progress=False)
    kept = path.parents[1] / "results/tiny"
    for file in [*kept.glob("recs/*"), *kept.glob("weights/*/*")]:
        file.rename(file.with_name(f"{file.stem.partition('_code=')[0]}{file.suffix}"))
    records = TrialStore(results.folder / "trials.jsonl")
    (record,) = records.read()
    records.replace([replace(record, lists_file=None, weights_file=None)])
    reseal(results.folder)
    assert main(["show", str(results.folder), "--user", "7"]) == 0
    assert verify_run(results.folder).is_identical
    meta = {"restore": True}
    restored = run_experiment(
        experiment_file({"LightGCNM": settings(epochs=2, meta=meta)}), progress=False
    )
    assert restored.trials["weights_sha256"].tolist() == [record.weights_sha256]
