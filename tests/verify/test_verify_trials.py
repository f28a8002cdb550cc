"""Running again: what is identical, and where a trial first differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import assert_contains, refusal
from runs import KEPT, MODELS, make_run, manifest, records, run, tampered
from tiny_experiment import Write, experiment_writer, settings

from mmrec import __version__
from mmrec.errors import ConfigError, DataError, TrialError
from mmrec.inspection.user import view_user
from mmrec.runs.records import TrialRecord
from mmrec.runs.sealed import sealed_line
from mmrec.verify.trials import Difference, first_difference
from mmrec.verify.verification import verify_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four trials."""
    return make_run(tmp_path_factory.mktemp("finished"))


def found(run: Path, trial: str | None = None) -> Difference:
    """The one difference of a run's trials."""
    verification = verify_run(run, trial)
    assert not verification.is_identical
    (difference,) = verification.trials.values()
    return difference


def test_a_run_is_identical_to_itself_and_nothing_is_written(finished: Path) -> None:
    home = finished.parents[3]
    before = {p: p.stat().st_mtime_ns for p in home.rglob("*")}
    verification = verify_run(finished)
    assert verification.is_identical
    assert (verification.n_trials, verification.n_epochs) == (4, 4 + 4 + 2 + 1)
    assert_contains(str(verification), ["identical", finished.name, "4 trials", "11 "])
    assert {p: p.stat().st_mtime_ns for p in home.rglob("*")} == before


def test_one_trial_by_its_id_its_name_or_the_beginning_of_either(finished: Path) -> None:
    name = records(finished)[2]["name"]
    for reported in (name, name.removeprefix("LATTICE_"), "LATT", name[:-3]):
        verification = verify_run(finished, reported)
        assert (verification.is_identical, verification.n_trials) == (True, 1)
        assert verification.n_epochs == 2


def test_a_trial_that_is_not_there_is_refused(finished: Path) -> None:
    names = [record["name"] for record in records(finished)]
    assert_contains(refusal(DataError, verify_run, finished, "LATTICE_1"), ["'LATTICE_1'", *names])
    assert_contains(refusal(DataError, verify_run, finished, "Light"), ["'Light'", *names[:2]])


Change = Callable[[dict[str, Any]], None]


def put(*path: str | int, value: object) -> Change:
    """Return what replaces one value of a record."""

    def change(record: dict[str, Any]) -> None:
        inner: Any = record
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


DIGEST = "0123456789ab" + "f" * 52


@pytest.mark.parametrize(
    ("change", "epoch", "quantity", "detail"),
    [
        (put("losses", 1, value=0.5), 2, "loss", ""),
        (put("history", 0, "loss", value=0.5), 1, "loss", ""),
        (put("history", 2, "weights_sha256", value=DIGEST), 3, "weights", ""),
        (put("history", 1, "lists_sha256", value=DIGEST), 2, "lists", ""),
        (put("history", 3, "validation", "nDCG@5", value=2.0), 4, "figures", "validation nDCG@5"),
        (put("test", "Recall@3", value=2), ..., "figures", "test Recall@3"),
        (put("best_epoch", value=77), None, "best epoch", ""),
        (put("validation", "Recall@5", value=2.0), ..., "figures", "validation Recall@5"),
        (lambda record: record["losses"].pop(), 4, "loss", ""),
        (lambda record: record["history"].pop(2), 3, "evaluation", ""),
    ],
)
def test_a_changed_record_is_located(
    finished: Path,
    tmp_path: Path,
    change: Change,
    epoch: int | None,
    quantity: str,
    detail: str,
) -> None:
    copy = tampered(finished, tmp_path / "run", lambda lines: change(lines[1]))
    name = records(finished)[1]["name"]
    verification = verify_run(copy, name)
    assert list(verification.trials) == [name]
    difference = verification.trials[name]
    expected = records(finished)[1]["best_epoch"] if epoch is ... else epoch
    assert (difference.epoch, difference.quantity) == (expected, quantity)
    assert difference.detail == detail
    assert difference.one != difference.other


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        ("finished", None, (2, "loss")),
        ("pruned", None, (2, "loss")),
        ("failed", "e", (None, "status")),
    ],
)
def test_a_trial_that_ends_in_another_way_differs_from_its_first_epoch_unless_it_fails(
    status: Any, error: str | None, expected: tuple[int | None, str]
) -> None:
    facts = {"trial_id": "1", "name": "a", "model": "a", "index": 0, "parameters": {}}
    one = TrialRecord(**facts, status="finished", losses=[1.0, 2.0])
    other = TrialRecord(**facts, status=status, error=error, losses=[1.0, 3.0])
    difference = first_difference(one, other)
    assert difference is not None
    assert (difference.epoch, difference.quantity) == expected
    # Two trials that fail alike are compared by their epochs, too.
    alike = first_difference(*(replace(x, status="failed", error="e") for x in (one, other)))
    assert alike is not None
    assert (alike.epoch, alike.quantity) == (2, "loss")


def test_the_first_of_several_differences_counts(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines[:2]:
            line["history"][3]["lists_sha256"] = DIGEST
        lines[0]["history"][1]["validation"]["Recall@3"] = 9.0
        lines[0]["history"][1]["lists_sha256"] = DIGEST

    verification = verify_run(tampered(finished, tmp_path / "run", change), progress=True)
    names = [record["name"] for record in records(finished)]
    reported = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert reported == [f"[{number}/4] {name}" for number, name in enumerate(names, 1)]
    first, second = verification.trials.values()
    assert_contains(str(first), ["epoch 2: lists: 0123456789ab -> "])
    assert_contains(str(second), ["epoch 4: lists: 0123456789ab -> "])
    assert_contains(str(verification).splitlines()[0], ["2 of 4 trials"])


def test_a_digest_of_the_best_epoch_is_compared_with_the_manifest_too(
    finished: Path, tmp_path: Path
) -> None:
    change = put("lists_sha256", value=DIGEST)
    copy = tampered(finished, tmp_path / "run", lambda lines: change(lines[0]))
    name = records(finished)[0]["name"]
    verification = verify_run(copy, name)
    best = records(finished)[0]["best_epoch"]
    assert_contains(str(verification.trials[name]), [f"epoch {best}: lists"])
    (line,) = (line for line in verification.files if "lists_sha256" in line)
    assert_contains(line, ["trials.jsonl", "lists_sha256", name, "manifest.json"])


def test_parameters_that_did_not_make_the_trial_are_reported(
    finished: Path, tmp_path: Path
) -> None:
    change = put("parameters", "lr", value=0.03)
    copy = tampered(finished, tmp_path / "run", lambda lines: change(lines[0]))
    difference = found(copy, records(finished)[0]["name"])
    assert (difference.quantity, difference.detail) == ("parameters", "trial_id")
    change = put("parameters", "lr", value="fast")
    copy = tampered(finished, tmp_path / "other", lambda lines: change(lines[0]))
    difference = found(copy, records(finished)[0]["name"])
    assert difference.other.startswith("lr: ")


EXTERNAL = """
import os
import torch
from mmrec.models import LightGCNM

def noise():
    return 1 + int.from_bytes(os.urandom(6), "big") / 2**48

class NoisyLoss(LightGCNM):
    def begin_epoch(self, epoch, rng):
        super().begin_epoch(epoch, rng)
        self.epoch = epoch
    def loss(self, batch):
        return super().loss(batch) * (noise() if self.epoch > 2 else 1)

class NoisyWeights(LightGCNM):
    def begin_epoch(self, epoch, rng):
        super().begin_epoch(epoch, rng)
        if epoch == 3:  # no triplet of an epoch has a user that is not there
            self.register_buffer("secret", torch.tensor(noise()))

class NoisyLists(LightGCNM):
    def scorer(self):
        score, factor = super().scorer(), noise()
        return lambda users: score(users) * factor
"""


@pytest.mark.parametrize(
    ("model", "epoch", "quantity"),
    [("NoisyLoss", 3, "loss"), ("NoisyWeights", 3, "weights"), ("NoisyLists", 1, "lists")],
)
def test_a_model_that_does_not_repeat_itself_is_caught_where_it_begins(
    experiment_file: Write, model: str, epoch: int, quantity: str
) -> None:
    path = experiment_file()
    (path.parent / "mine.py").write_text(EXTERNAL)
    models = {f"external.{model}": settings(), "MostPop": {}}
    folder = run(experiment_file(models, external_models_path="mine.py"))
    difference = found(folder)
    assert (difference.epoch, difference.quantity) == (epoch, quantity)


def test_another_number_of_threads_now_does_not_matter(experiment_file: Write) -> None:
    models = {"LATTICE": settings(top_k=4, epochs=1)}
    folder = run(experiment_file(models, execution={"threads": 2}))
    assert manifest(folder)["environment"]["threads"] == 2
    verification = verify_run(folder)
    assert verification.is_identical
    assert not any(x.key.startswith("environment") for x in verification.environment)


def test_a_dict_with_tuples_is_run_again_as_it_was_meant(experiment_file: Write) -> None:
    import yaml

    path = experiment_file({"LATTICE": settings(top_k=4, loaders=None)})
    experiment = yaml.safe_load(path.read_text())
    entry = experiment["experiment"]["models"]["LATTICE"]
    entry |= {"modalities": ("visual",), "loaders": ("VisualAttribute",)}
    folder = run(experiment, base_dir=path.parent)
    written = manifest(folder)["written"]["document"]["experiment"]["models"]["LATTICE"]
    assert written["modalities"] == {"__tuple__": ["visual"]}
    assert verify_run(folder).is_identical


def test_a_failed_trial_has_to_fail_in_the_same_way(experiment_file: Write, tmp_path: Path) -> None:
    folder = run(experiment_file({"LightGCNM": settings(lr=[1e30, 0.01])}))
    assert verify_run(folder).is_identical
    change = put("error", value="TrialError: the loss of epoch 9 is nan")
    copy = tampered(folder, tmp_path / "run", lambda lines: change(lines[0]))
    assert_contains(str(found(copy)), ["error: TrialError: the loss of epoch 9 is nan -> "])
    change = put("worker_died", value=True)
    copy = tampered(folder, tmp_path / "died", lambda lines: change(lines[0]))
    verification = verify_run(copy)
    assert verification.is_identical
    assert records(folder)[0]["name"] in str(verification)
    assert verification.n_trials == 1


def test_a_pruned_trial_is_run_as_far_as_it_went(finished: Path, tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["status"], record["pruned_at"] = "pruned", 3
        record["losses"], record["history"] = record["losses"][:3], record["history"][:3]

    copy = tampered(finished, tmp_path / "run", lambda lines: change(lines[0]))
    verification = verify_run(copy, records(finished)[0]["name"])
    assert verification.trials == {}


def test_weights_of_another_version_are_restored_with_a_warning(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(experiment_file({"LATTICE": settings(top_k=4, meta=KEPT)}))
    monkeypatch.setattr("mmrec.runs.environment.installed_version", lambda package: "9.8.7")
    path = experiment_file({"LATTICE": settings(top_k=4, meta={"restore": True})})
    (note,) = (x for x in manifest(run(path))["notes"] if "restored" in x)
    assert_contains(note, ["LATTICE", f"mmrec {__version__} (", "9.8.7"])


@pytest.mark.parametrize("name", ["LATTICE", "external.Own"])
def test_weights_of_an_edited_external_model_are_not_restored(
    experiment_file: Write, name: str
) -> None:
    path = experiment_file({name: settings(top_k=4, meta=KEPT)}, external_models_path="m.py")
    code = path.parent / "m.py"
    code.write_text("from mmrec.models import LATTICE as Own\n")
    folder = run(path)
    code.write_text("from mmrec.models import LATTICE as Own  # edited\n")
    path = experiment_file(
        {name: settings(top_k=4, meta={"restore": True})}, external_models_path="m.py"
    )
    (record,) = records(run(path))
    if name == "LATTICE":  # not defined in the file
        assert record["status"] == "finished"
    else:
        assert_contains(record["error"], ["TrialError: ", "safetensors", "m.py"])
        message = refusal(TrialError, view_user, folder, "0")
        assert_contains(message, ["safetensors", "m.py"])


def test_restored_weights_are_verified(experiment_file: Write) -> None:
    models = {"LATTICE": settings(top_k=4, meta=KEPT)}
    run(experiment_file(models))
    models["LATTICE"] |= {"meta": {"restore": True}}
    folder = run(experiment_file(models))
    assert records(folder)[0]["losses"] == []
    assert verify_run(folder).is_identical
    next((folder.parents[1] / "weights").rglob("*.safetensors")).unlink()
    difference = found(folder)
    assert (difference.quantity, difference.other) == ("status", "failed")
    assert_contains(difference.detail, ["TrialError: ", "restore", "weights"])


def test_a_run_whose_data_have_moved_is_verified_from_there(tmp_path: Path) -> None:
    write = experiment_writer(tmp_path / "here")
    run(write({"LightGCNM": settings(meta=KEPT)}))
    models = {"RecommendationFolder": {"folder": "../results/{0}/recs"}, "MostPop": {}}
    folder = run(write(models))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = tmp_path / "there" / folder.relative_to(tmp_path / "here")
    base = tmp_path / "there" / "config_files"
    gone = tmp_path / "here" / "config_files"
    facts = [f"{moved}: experiment.data_config.train_path", gone, "--base-dir"]
    assert_contains(refusal(ConfigError, verify_run, moved), facts)
    gone.mkdir(parents=True)
    assert_contains(refusal(ConfigError, verify_run, moved), facts)
    verification = verify_run(moved, base_dir=base)
    assert verification.is_identical
    assert verification.n_trials == 2


def test_files_that_were_changed_after_the_run_are_named(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", {"LightGCNM": MODELS["LightGCNM"]})
    results = folder.parents[1]
    table = next(folder.parent.glob("rec_cutoff_3_*.tsv"))
    best = folder / "best.tsv"
    for path in (table, best):
        path.write_text(path.read_text() + "\n")
    lists = sorted((results / "recs").iterdir())[0]
    lists.write_text(lists.read_text().replace("\t", " ", 1))
    weights = sorted((results / "weights").rglob("*.safetensors"))[1]
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    verification = verify_run(folder)
    assert verification.trials == {}
    assert len(verification.files) == 4
    for path in (table, best, lists, weights):
        assert len([line for line in verification.files if path.name in line]) == 1
    assert_contains(str(verification).splitlines()[0], ["different", folder.name, "0 of 2 trials"])


@pytest.mark.parametrize(
    ("spoil", "facts"),
    [
        (lambda run: shutil.rmtree(run), ["no such folder"]),
        (lambda run: (run / "manifest.json").unlink(), ["not finished"]),
        (lambda run: (run / "features.json").unlink(), ["features.json", "No such file"]),
        (lambda run: (run / "trials.jsonl").unlink(), ["damaged", "missing"]),
        (lambda run: (run / "manifest.json").write_text("{"), ["manifest.json", "JSON"]),
        (lambda run: (run / "manifest.json").write_text("[]"), ["manifest.json", "list"]),
        (
            lambda run: (run / "manifest.json").write_text(
                json.dumps(manifest(run) | {"schema_version": 99})
            ),
            ["manifest.json", "schema_version", "99", "2", __version__],
        ),
        (
            lambda run: (run / "trials.jsonl").write_text(sealed_line({"new": 1}) + "\n"),
            ["trials.jsonl", "version of mmrec"],
        ),
    ],
)
def test_a_folder_that_is_no_finished_run_is_refused(
    finished: Path, tmp_path: Path, spoil: Callable[[Path], object], facts: list[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    spoil(copy)
    assert_contains(refusal(DataError, verify_run, copy), [copy, *facts])


def test_a_folder_of_runs_is_refused_with_their_names(finished: Path) -> None:
    assert_contains(
        refusal(DataError, verify_run, finished.parent), ["manifest.json", finished.name]
    )
    file = finished / "trials.jsonl"
    assert_contains(refusal(DataError, verify_run, file), [file, "folder"])


def test_a_search_that_proposes_and_prunes_is_run_again_trial_by_trial(
    experiment_file: Write,
) -> None:
    entry = settings(epochs=6, lr=["uniform", 1e-4, 0.1])
    entry["meta"] = {"hyper_opt_alg": "tpe", "hyper_max_evals": 8, "pruner": "median"}
    folder = run(experiment_file({"LightGCNM": entry}))
    assert {record["status"] for record in records(folder)} == {"finished", "pruned"}
    verification = verify_run(folder)
    assert verification.is_identical
    assert verification.n_trials == 8
