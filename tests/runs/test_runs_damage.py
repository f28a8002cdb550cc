"""Damage to what a run has written is noticed when it is read."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import assert_contains, refusal
from resealing import reseal
from stopping import stop_after
from tiny_experiment import Write, experiment_writer, settings

from mmrec.cli import main
from mmrec.errors import DataError, TrialError
from mmrec.experiment import run_experiment
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialStore
from mmrec.runs.sealed import sealed_line
from mmrec.runs.weights import read_weights
from mmrec.training.checkpoint import Checkpoint

KEPT = {"save_recs": True, "save_weights": True}
MODELS = {"MostPop": {}, "LightGCNM": settings(epochs=2, lr=[0.01, 0.02, 0.03], meta=KEPT)}
N_STEPS = 2 * 4  # of a trial


def tables(folder: Path) -> dict[str, bytes]:
    """The tables that have no durations."""
    return {name: (folder / name).read_bytes() for name in ("best.tsv",)}


def flip(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def other_figure(path: Path) -> None:
    """Change a digit of a validation figure of the first trial."""
    text = path.read_text()
    found = re.search(r'"validation": \{"[^"]+": 0\.(\d)', text)
    assert found is not None
    digit = str((int(found[1]) + 1) % 10)
    path.write_text(text[: found.start(1)] + digit + text[found.end(1) :])


def repeat_first_line(path: Path) -> None:
    first = path.read_text().partition("\n")[0]
    path.write_text(path.read_text() + first + "\n")


def other_trial_id(path: Path) -> None:
    path.write_text(path.read_text().replace('{"trial_id": "', '{"trial_id": "0', 1))


def other_shape(path: Path) -> None:
    path.write_text(path.read_text() + '{"trial_id": 7, "parameters": []}\n[1]\n')


RECORDS: list[Callable[[Path], None]] = [
    *(other_figure, repeat_first_line, other_trial_id, other_shape),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = experiment_writer(tmp_path_factory.mktemp("finished"))(MODELS)
    return run_experiment(path, progress=False).folder


@pytest.fixture
def run_copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "run_copy"))


@pytest.fixture
def interrupted(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> tuple[Callable[[], Path], Path]:
    """What resumes a run that was interrupted in its last trial, and the folder of the run."""
    path = experiment_file(MODELS)
    with monkeypatch.context() as patched:
        stop_after(patched, 2 * N_STEPS + 3)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(path, progress=False)
    (folder,) = path.parents[1].glob("**/performance/run_*")
    assert len(TrialStore(folder / "trials.jsonl").read()) == 3
    return lambda: run_experiment(path, progress=False).folder, folder


@pytest.mark.parametrize("damage", RECORDS)
def test_damaged_records_of_an_unfinished_run_are_set_aside_and_their_trials_run_again(
    interrupted: tuple[Callable[[], Path], Path], finished: Path, damage: Callable[[Path], None]
) -> None:
    resume, folder = interrupted
    damage(folder / "trials.jsonl")
    assert resume() == folder
    assert tables(folder) == tables(finished)
    (note,) = (x for x in manifest(folder)["notes"] if "damaged" in x)
    assert_contains(note, ["trials.jsonl", "line"])
    assert (folder / "damaged" / "trials.jsonl").read_bytes()


@pytest.mark.parametrize("pattern", ["per_user/L*.npz", "weights/*/*.safetensors", "recs/*.tsv"])
def test_damaged_files_of_an_unfinished_run_are_set_aside_and_their_trials_run_again(
    interrupted: tuple[Callable[[], Path], Path], finished: Path, pattern: str
) -> None:
    resume, folder = interrupted
    path = sorted([*folder.glob(pattern), *folder.parents[1].glob(pattern)])[0]
    content = path.read_bytes()
    flip(path)
    assert resume() == folder
    assert tables(folder) == tables(finished)
    assert path.read_bytes() == content
    assert (folder / "damaged" / path.name).exists()
    assert any(path.name in note for note in manifest(folder)["notes"])


def test_the_checkpoint_of_another_trial_is_not_used(
    experiment_file: Write, caplog: pytest.LogCaptureFixture
) -> None:
    """Its state has the same shape, and its file is whole."""
    for lr in (0.3, 0.02):
        path = experiment_file({"LightGCNM": settings(epochs=4, lr=lr)})
        expected = run_experiment(path, progress=False).trials["weights_sha256"].tolist()
    states = []
    for lr in (0.3, 0.02):
        experiment_file({"LightGCNM": settings(epochs=4, lr=lr)})
        with pytest.MonkeyPatch.context() as patched:
            stop_after(patched, 9)
            with pytest.raises(KeyboardInterrupt):
                run_experiment(path, progress=False)
        states.append(
            sorted(path.parents[1].glob("**/checkpoints/*.pt"), key=lambda x: x.stat().st_mtime_ns)[
                -1
            ]
        )
    shutil.copy(*states)
    results = run_experiment(path, progress=False)
    assert results.folder == states[1].parents[1]
    assert results.trials["weights_sha256"].tolist() == expected
    assert any("another trial" in message for message in caplog.messages)


def test_a_checkpoint_of_another_device_is_not_used(
    interrupted: tuple[Callable[[], Path], Path], finished: Path
) -> None:
    resume, folder = interrupted
    (path,) = (folder / "checkpoints").glob("*.pt")
    checkpoint = RunFolder(folder).checkpoint(path.stem, None)
    content = checkpoint.load()
    assert content is not None
    checkpoint.save(content | {"device": "cuda"})
    assert tables(resume()) == tables(finished)


def test_the_weights_of_another_trial_are_not_restored(experiment_file: Write) -> None:
    trained = experiment_file({"LightGCNM": settings(epochs=2, lr=[0.01, 0.02], meta=KEPT)})
    run_experiment(trained, progress=False)
    one, other = sorted(trained.parents[1].glob("results/tiny/weights/*/*.safetensors"))
    shutil.copy(one, other)
    meta = {"restore": True}
    path = experiment_file({"LightGCNM": settings(epochs=2, lr=[0.01, 0.02], meta=meta)})
    trials = run_experiment(path, progress=False).trials.set_index("trial")
    assert trials["status"].to_dict() == {one.parent.name: "finished", other.parent.name: "failed"}
    assert_contains(trials["error"][other.parent.name], [other, "weights of the trial"])


def test_one_bit_of_a_checkpoint_is_noticed(
    interrupted: tuple[Callable[[], Path], Path], finished: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resume, folder = interrupted
    (checkpoint,) = (folder / "checkpoints").glob("*.pt")
    flip(checkpoint)
    assert resume() == folder
    assert tables(folder) == tables(finished)
    assert any(str(checkpoint) in message for message in caplog.messages)


@pytest.mark.parametrize("place", np.linspace(0, 1, 40))
def test_no_bit_of_a_checkpoint_is_believed(tmp_path: Path, place: float) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.pt")
    checkpoint.save({"x": torch.arange(50.0)})
    flip(checkpoint.path, place)
    assert checkpoint.load() is None
    assert (tmp_path / "trial.pt.damaged").exists()


def test_leftovers_of_killed_processes_are_removed(
    interrupted: tuple[Callable[[], Path], Path],
) -> None:
    resume, folder = interrupted
    for name in ("checkpoints/.x.pt.abc", "per_user/.x.npz.abc", ".trials.jsonl.abc"):
        (folder / name).write_text("half")
    (folder / "checkpoints" / f"{TrialStore(folder / 'trials.jsonl').read()[0].name}.pt").touch()
    resume()
    assert not (folder / "checkpoints").exists()
    assert not list(folder.glob("**/.*"))


@pytest.mark.parametrize("line", ['{"other": "shape"}', sealed_line({"other": "shape"})])
def test_a_damaged_session_is_named(
    interrupted: tuple[Callable[[], Path], Path], line: str
) -> None:
    resume, folder = interrupted
    (folder / "sessions.jsonl").write_text(f"{line}\n")
    resume()
    assert any("sessions.jsonl" in note for note in manifest(folder)["notes"])


def test_a_log_that_cannot_be_written_does_not_end_a_run(
    interrupted: tuple[Callable[[], Path], Path], finished: Path
) -> None:
    resume, folder = interrupted
    (folder / "run.log").unlink()
    (folder / "run.log").mkdir()
    assert resume() == folder
    assert tables(folder) == tables(finished)


def test_a_damaged_identity_is_named(
    interrupted: tuple[Callable[[], Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    resume, folder = interrupted
    flip(folder / "identity.json", 0.3)
    assert resume() != folder
    assert any("identity.json" in message for message in caplog.messages)


def pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object))


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("trials.jsonl", damage) for damage in RECORDS),
        *((name, flip) for name in ("manifest.json", "features.json")),
        *(("per_user", damage) for damage in (flip, torn, pickled, Path.unlink)),
    ],
)
def test_a_damaged_finished_run_is_refused_and_its_tables_stay(
    run_copy: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Path], None],
) -> None:
    best = json.loads((run_copy / "manifest.json").read_text())["models"]["LightGCNM"]["best_trial"]
    path = run_copy / name if name != "per_user" else run_copy / name / f"LightGCNM_{best}.npz"
    damage(path)
    before = tables(run_copy)
    assert main(["report", str(run_copy)]) == 2
    assert_contains(capsys.readouterr().err, [run_copy, name])
    assert tables(run_copy) == before


def test_a_run_of_a_version_without_digests_is_read_with_a_warning(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = without_digests(finished, tmp_path / "run_copy")
    before = tables(folder)
    assert main(["report", str(folder)]) == 0
    assert tables(folder) == before
    assert any("no digests" in message for message in caplog.messages)


@pytest.mark.parametrize("damage", [other_figure, other_shape, repeat_first_line])
def test_good_tables_of_an_earlier_version_are_not_replaced_by_those_of_damaged_records(
    finished: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = without_digests(finished, tmp_path / "run_copy")
    before = tables(folder)
    damage(folder / "trials.jsonl")
    assert main(["report", str(folder)]) == 2
    assert tables(folder) == before


def without_digests(run: Path, copy: Path) -> Path:
    """Copy a run as versions before the digests wrote it."""
    shutil.copytree(run, copy)
    lines = [json.loads(line) for line in (copy / "trials.jsonl").read_text().splitlines()]
    for line in lines:
        del line["digest"], line["per_user_sha256"]
    (copy / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = manifest(copy)
    del facts["digest"], facts["files_sha256"]
    (copy / "manifest.json").write_text(json.dumps(facts))
    return copy


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.mark.parametrize("place", np.linspace(0, 1, 60))
def test_no_bit_of_weights_is_believed(finished: Path, tmp_path: Path, place: float) -> None:
    weights = sorted(finished.parents[1].glob("weights/*/*.safetensors"))[0]
    copy = tmp_path / weights.name
    shutil.copy(weights, copy)
    flip(copy, place)
    try:
        read = read_weights(copy)
    except TrialError as error:
        assert_contains(str(error), [copy])
    else:  # white space of the header
        whole = read_weights(weights)
        assert read.epoch == whole.epoch
        assert all(torch.equal(read.state[name], x) for name, x in whole.state.items())


@pytest.mark.parametrize("key", ["models", "protocol", "data", "seeds", "written", "trials"])
@pytest.mark.parametrize("value", [None, 7, "x", [[1]], {"a": {"b": 1}}])
def test_a_manifest_of_another_shape_is_one_message(
    run_copy: Path,
    capsys: pytest.CaptureFixture[str],
    key: str,
    value: object,
) -> None:
    reseal(run_copy, **{key: value})
    assert main(["report", str(run_copy)]) == 2
    assert_contains(capsys.readouterr().err, [run_copy / "manifest.json", "damaged", key])


@pytest.mark.parametrize("inner", ["meta", "early_stopping"])
def test_a_model_of_another_shape_in_a_manifest_is_one_message(
    run_copy: Path, capsys: pytest.CaptureFixture[str], inner: str
) -> None:
    models = manifest(run_copy)["models"]
    models["MostPop"][inner] = {"validation_rate": "often", "patience": "none"}
    reseal(run_copy, models=models)
    assert main(["report", str(run_copy)]) == 2
    assert_contains(capsys.readouterr().err, ["damaged", "models", "MostPop"])


def test_an_unfinished_run_of_another_shape_is_one_message(
    interrupted: tuple[Callable[[], Path], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = interrupted
    shutil.copy(folder / "identity.json", folder / "unfinished.json")
    assert main(["report", str(folder)]) == 2
    assert_contains(capsys.readouterr().err, [folder / "unfinished.json", "damaged"])


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("damage", [pipe, endless])
@pytest.mark.parametrize(
    "pattern",
    [
        *("identity.json", "trials.jsonl", "sessions.jsonl", "journal.jsonl", "run.log"),
        *("unfinished.json", "per_user/L*.npz", "checkpoints/*.pt"),
    ],
)
def test_no_command_waits_for_a_pipe_or_reads_without_end_in_an_unfinished_run(
    interrupted: tuple[Callable[[], Path], Path],
    finished: Path,
    pattern: str,
    damage: Callable[[Path], None],
) -> None:
    resume, folder = interrupted
    path = sorted(folder.glob(pattern))[0]
    damage(path)
    assert main(["report", str(folder)]) in (0, 2)
    if pattern in ("trials.jsonl", "sessions.jsonl", "journal.jsonl"):
        assert_contains(refusal(DataError, resume), [path])
    else:
        assert tables(resume()) == tables(finished)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("damage", [pipe, endless])
@pytest.mark.parametrize("name", ["manifest.json", "trials.jsonl", "features.json", "per_user/M*"])
def test_no_command_waits_for_a_pipe_or_reads_without_end_in_a_finished_run(
    run_copy: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Path], None],
) -> None:
    damage(sorted(run_copy.glob(name))[-1])
    assert main(["report", str(run_copy)]) == 2
    assert_contains(capsys.readouterr().err, [run_copy])


def test_a_missing_file_of_records_is_named(run_copy: Path) -> None:
    (run_copy / "trials.jsonl").unlink()
    assert_contains(refusal(DataError, main_report, run_copy), [run_copy, "damaged"])


def main_report(folder: Path) -> None:
    from mmrec.reporting.report import rebuild_report

    rebuild_report(folder)
