"""Two runs explained: section by section, from what they have recorded."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import assert_contains, refusal
from runs import flip_bit, make_run, manifest, records, run, tampered
from tiny_experiment import Write, experiment_writer, settings

from mmrec.errors import DataError
from mmrec.runs.differences import ABSENT, shown
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
        if any(not line.startswith("code.git") for line in getattr(diff, name))
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
    assert diff.config == ("models.LightGCNM.lr: [0.01, 0.02] -> [0.01, 0.05]",)
    heading, where, *figures = diff.trials
    assert_contains(heading, ["lr: 0.02 -> 0.05"])
    assert_contains(where, ["epoch 1"])
    assert all(re.search(r"test \S+: \d\.\d{4} -> \d\.\d{4}", line) for line in figures)


def test_another_seed(first: Path, tmp_path: Path) -> None:
    models = {"LightGCNM": settings(lr=[0.01, 0.02], seed=6), "MostPop": {}}
    diff = diff_runs(first, make_run(tmp_path, models))
    assert differing(diff) == {"config", "trials"}
    assert diff.config == ("models.LightGCNM.seed: 5 -> 6",)
    assert [line for line in diff.trials if "seed: 5 -> 6" in line]
    assert "epoch 1: loss: " in str(diff)


def test_other_data_change_the_trials_of_the_same_parameters(first: Path, tmp_path: Path) -> None:
    write = experiment_writer(tmp_path)
    flip_bit(tmp_path / "data" / "tiny" / "image_feat" / "30.npy")
    train = tmp_path / "data" / "tiny" / "train.txt"
    train.write_text(train.read_text() + "0\t10\t1\n")
    diff = diff_runs(first, run(write(MODELS)))
    assert differing(diff) == {"data", "trials"}
    assert_contains(diff.data[0], ["train", "train.txt", "120", "121"])
    assert_contains(diff.data[1], ["VisualAttribute", "item 30", "30.npy"])
    names = [line for line in diff.trials if not line.startswith(" ")]
    old, new = ([r["name"] for r in records(each)] for each in (first, diff.other))
    assert names == [f"{a} -> {b}" for a, b in zip(old, new, strict=True)]


def test_a_loader_more_or_less(first: Path, tmp_path: Path) -> None:
    path = experiment_writer(tmp_path)({"MostPop": {}})
    start, end = path.read_text().split("    - dataloader: TextualAttribute\n")
    path.write_text(start + end.partition("\n")[2])
    other = run(path)
    for diff in (diff_runs(first, other), diff_runs(other, first)):
        assert len([line for line in diff.data if line.startswith("TextualAttribute: ")]) == 1
    trials = diff_runs(first, other).trials
    headings = [line for line in trials if not line.startswith(" ")]
    for record in records(first)[:2]:
        assert len([line for line in headings if record["name"] in line]) == 1


def test_no_row_of_one_file_is_for_validation_any_more(tmp_path: Path) -> None:
    data = {"strategy": "fixed", "dataset_path": "../data/{0}/{0}.inter"}
    path = experiment_writer(tmp_path)({"MostPop": {}}, data_config=data)
    file = tmp_path / "data/tiny/tiny.inter"
    file.write_text("userID\titemID\tx_label\n1\t2\t0\n1\t3\t2\n2\t3\t0\n2\t2\t1\n")
    before = run(path)
    file.write_text(file.read_text().replace("2\t2\t1\n", ""))
    assert [line for line in diff_runs(before, run(path)).data if line.startswith("validation: ")]


def test_another_protocol_and_no_validation_split(first: Path, tmp_path: Path) -> None:
    path = experiment_writer(tmp_path)(MODELS, top_k=4, evaluation={"simple_metrics": "Recall"})
    path.write_text(path.read_text().replace("    validation_path: ../data/{0}/val.txt\n", ""))
    diff = diff_runs(first, run(path))
    assert differing(diff) == {"config", "data", "protocol", "trials"}
    assert "data_config.validation_path: ../data/tiny/val.txt -> null" in diff.config
    assert [line for line in diff.data if line.startswith("validation: ")]
    assert "selected_on: validation -> test" in diff.protocol
    assert "top_k: 5 -> 4" in diff.protocol
    assert [x for x in diff.protocol if x.startswith("users_averaged.validation: 24 -> ")]


def test_another_environment_is_told_key_by_key(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(first, copy)
    facts = manifest(first)
    facts["environment"]["threads"] = 64
    facts["environment"]["packages"]["torch"] = "2.3.0"
    facts["environment"]["packages"]["torch-sparse"] = "0.6.18"
    facts["code"]["mmrec_sha256"] = "a" * 64
    (copy / "manifest.json").write_text(json.dumps(facts))
    diff = diff_runs(copy, first)
    now = manifest(first)
    assert diff.environment == (
        f"environment.threads: 64 -> {now['environment']['threads']}",
        f"environment.packages.torch: 2.3.0 -> {now['environment']['packages']['torch']}",
        f"environment.packages.torch-sparse: 0.6.18 -> {shown(ABSENT)}",
        f"code.mmrec_sha256: aaaaaaaaaaaa -> {now['code']['mmrec_sha256'][:12]}",
    )
    assert differing(diff) == {"environment"}
    assert not diff.is_equal


def test_another_commit_is_told_but_is_no_difference(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(first, copy)
    facts = manifest(first)
    facts["code"]["git"] = {"commit": "c" * 40, "dirty": False}
    (copy / "manifest.json").write_text(json.dumps(facts))
    diff = diff_runs(copy, first)
    assert any(line.startswith("code.git") for line in diff.environment)
    assert diff.is_equal


def test_one_epoch_that_differs_is_located(first: Path, tmp_path: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[0]["history"][2]["weights_sha256"] = "0123456789ab" + "f" * 52

    copy = tampered(first, tmp_path / "run", change)
    heading, where = diff_runs(copy, first).trials
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
    heading, where, *_ = diff_runs(failed, finished).trials
    assert_contains(heading, ["lr: 1e+30 -> 0.01"])
    assert_contains(where, ["status", "TrialError: ", "failed -> finished"])


def test_a_bad_folder_is_refused(first: Path, tmp_path: Path) -> None:
    assert_contains(refusal(DataError, diff_runs, first, tmp_path / "none"), [tmp_path / "none"])
