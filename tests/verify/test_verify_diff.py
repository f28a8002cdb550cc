"""Two runs explained: section by section, from what they have recorded."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import assert_contains, refusal
from resealing import reseal
from runs import flip_bit, make_run, manifest, records, run, tampered
from tiny_experiment import Write, experiment_writer, settings

from mmrec.errors import DataError
from mmrec.runs.differences import ABSENT, Change
from mmrec.verify.diff import RunDiff, diff_runs

MODELS = {"LightGCNM": settings(lr=[0.01, 0.02]), "MostPop": {}}
SECTIONS = ("config", "data", "environment", "protocol", "trials")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first")


@pytest.fixture(scope="module")
def first(home: Path) -> Path:
    """The folder of a run of three trials."""
    return make_run(home, MODELS)


def differing(diff: RunDiff) -> set[str]:
    """The sections in which something differs, the commit of the checkout aside."""
    return {
        name
        for name in SECTIONS
        if any(not getattr(x, "key", "").startswith("code.git") for x in getattr(diff, name))
    }


def test_the_same_experiment_twice_is_equal_wherever_it_lies(first: Path, tmp_path: Path) -> None:
    diff = diff_runs(first, make_run(tmp_path / "elsewhere", MODELS))
    assert differing(diff) == set()
    assert diff.is_equal
    assert str(diff).count("  the same") >= 4


def test_another_lr_pairs_the_trials_that_are_left(first: Path, tmp_path: Path) -> None:
    models = {"LightGCNM": settings(lr=[0.01, 0.05]), "MostPop": {}}
    diff = diff_runs(first, make_run(tmp_path, models))
    assert not diff.is_equal
    assert differing(diff) == {"config", "trials"}
    assert diff.config == (Change("models.LightGCNM.lr", [0.01, 0.02], [0.01, 0.05]),)
    (trial,) = diff.trials
    assert trial.parameters == (Change("lr", 0.02, 0.05),)
    assert trial.difference is not None
    assert trial.difference.epoch == 1
    heading, where, *figures = trial.lines()
    assert_contains(heading, ["lr: 0.02 -> 0.05"])
    assert_contains(where, ["epoch 1"])
    assert all(re.search(r"test \S+: \d\.\d{4} -> \d\.\d{4}", line) for line in figures)


def test_another_seed(first: Path, tmp_path: Path) -> None:
    models = {"LightGCNM": settings(lr=[0.01, 0.02], seed=6), "MostPop": {}}
    diff = diff_runs(first, make_run(tmp_path, models))
    assert differing(diff) == {"config", "trials"}
    seed = Change("seed", 5, 6)
    assert diff.config == (seed._replace(key="models.LightGCNM.seed"),)
    assert [trial.parameters for trial in diff.trials] == [(seed,), (seed,)]
    assert "epoch 1: loss: " in str(diff)


def test_other_data_change_the_trials_of_the_same_parameters(first: Path, tmp_path: Path) -> None:
    write = experiment_writer(tmp_path)
    flip_bit(tmp_path / "data" / "tiny" / "image_feat" / "30.npy")
    train = tmp_path / "data" / "tiny" / "train.txt"
    train.write_text(train.read_text() + "0\t10\t1\n")
    diff = diff_runs(first, run(write(MODELS)))
    assert differing(diff) == {"data", "trials"}
    assert_contains(str(diff.data[0]), ["train", "train.txt", "120", "121"])
    assert_contains(str(diff.data[1]), ["VisualAttribute", "item 30", "30.npy"])
    names = [(x.one.name, x.other.name) for x in diff.trials if x.one and x.other]
    old, new = ([r["name"] for r in records(each)] for each in (first, diff.other))
    assert names == list(zip(old, new, strict=True))


def test_a_loader_more_or_less(first: Path, tmp_path: Path) -> None:
    path = experiment_writer(tmp_path)({"MostPop": {}})
    start, end = path.read_text().split("    - dataloader: TextualAttribute\n")
    path.write_text(start + end.partition("\n")[2])
    other = run(path)
    for diff in (diff_runs(first, other), diff_runs(other, first)):
        assert [x.part for x in diff.data].count("TextualAttribute") == 1
    names = [x.one and x.one.name for x in diff_runs(first, other).trials]
    for record in records(first)[:2]:
        assert names.count(record["name"]) == 1


def test_no_row_of_one_file_is_for_validation_any_more(tmp_path: Path) -> None:
    data = {"strategy": "fixed", "dataset_path": "../data/{0}/{0}.inter"}
    path = experiment_writer(tmp_path)({"MostPop": {}}, data_config=data)
    file = tmp_path / "data/tiny/tiny.inter"
    file.write_text("userID\titemID\tx_label\n1\t2\t0\n1\t3\t2\n2\t3\t0\n2\t2\t1\n")
    before = run(path)
    file.write_text(file.read_text().replace("2\t2\t1\n", ""))
    assert "validation" in {x.part for x in diff_runs(before, run(path)).data}


def test_another_protocol_and_no_validation_split(first: Path, tmp_path: Path) -> None:
    path = experiment_writer(tmp_path)(MODELS, top_k=4, evaluation={"simple_metrics": "Recall"})
    path.write_text(path.read_text().replace("    validation_path: ../data/{0}/val.txt\n", ""))
    diff = diff_runs(first, run(path))
    assert differing(diff) == {"config", "data", "protocol", "trials"}
    assert Change("data_config.validation_path", "../data/tiny/val.txt", None) in diff.config
    assert "validation" in {x.part for x in diff.data}
    assert Change("selected_on", "validation", "test") in diff.protocol
    assert Change("top_k", 5, 4) in diff.protocol
    assert Change("users_averaged.validation", 24, ABSENT) in diff.protocol


def test_another_environment_is_reported_key_by_key(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(first, copy)
    facts = manifest(first)
    facts["environment"]["threads"] = 64
    facts["environment"]["packages"]["torch"] = "2.3.0"
    facts["environment"]["packages"]["torch-sparse"] = "0.6.18"
    facts["code"]["mmrec_sha256"] = "a" * 64
    reseal(copy, **facts)
    diff = diff_runs(copy, first)
    now = manifest(first)
    environment, packages = now["environment"], now["environment"]["packages"]
    assert diff.environment == (
        Change("environment.threads", 64, environment["threads"]),
        Change("environment.packages.torch", "2.3.0", packages["torch"]),
        Change("environment.packages.torch-sparse", "0.6.18", ABSENT),
        Change("code.mmrec_sha256", "a" * 64, now["code"]["mmrec_sha256"]),
    )
    assert f"code.mmrec_sha256: aaaaaaaaaaaa -> {now['code']['mmrec_sha256'][:12]}" in str(diff)
    assert differing(diff) == {"environment"}
    assert not diff.is_equal


def test_another_commit_is_reported_but_is_no_difference(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(first, copy)
    facts = manifest(first)
    facts["code"]["git"] = {"commit": "c" * 40, "dirty": False}
    reseal(copy, **facts)
    diff = diff_runs(copy, first)
    assert any(change.key.startswith("code.git") for change in diff.environment)
    assert diff.is_equal


def test_one_epoch_that_differs_is_located(first: Path, tmp_path: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[0]["history"][2]["weights_sha256"] = "0123456789ab" + "f" * 52

    copy = tampered(first, tmp_path / "run", change)
    (trial,) = diff_runs(copy, first).trials
    heading, where = trial.lines()
    assert heading == records(first)[0]["name"]
    assert_contains(where, ["epoch 3: weights: 0123456789ab -> "])


def test_lists_made_elsewhere_are_matched_by_their_place(tmp_path: Path) -> None:
    folders = []
    for name in ("a", "b"):
        write = experiment_writer(tmp_path / name)
        run(write({"MostPop": {"meta": {"save_recs": True}}}))
        folders.append(run(write({"RecommendationFolder": {"folder": "../results/{0}/recs"}})))
    diff = diff_runs(*folders)
    assert differing(diff) == set()


def test_a_failed_trial_beside_a_finished_one(experiment_file: Write) -> None:
    failed = run(experiment_file({"LightGCNM": settings(lr=1e30)}))
    finished = run(experiment_file({"LightGCNM": settings(lr=0.01)}))
    (trial,) = diff_runs(failed, finished).trials
    heading, where, *_ = trial.lines()
    assert_contains(heading, ["lr: 1e+30 -> 0.01"])
    assert_contains(where, ["status", "TrialError: ", "failed -> finished"])


def test_a_bad_folder_is_refused(first: Path, tmp_path: Path) -> None:
    assert_contains(refusal(DataError, diff_runs, first, tmp_path / "none"), [tmp_path / "none"])
