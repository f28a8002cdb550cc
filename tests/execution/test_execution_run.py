"""Experiments from file to results, through the public function."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import assert_contains, assert_repeated_elsewhere
from safetensors.torch import load_file
from tiny_experiment import settings

from mmrec.errors import ConfigError
from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore

BOTH = {
    "LightGCNM": settings(lr=[0.01, 0.02], meta={"save_recs": True, "save_weights": True}),
    "LATTICE": settings(top_k=4, n_ui_layers=2, meta={"save_recs": True, "save_weights": True}),
}


def run(path: Path | dict) -> Results:
    return run_experiment(path, progress=False)


def digests(results: Results) -> pd.DataFrame:
    """What must be equal between runs of the same experiment."""
    columns = ["trial", "best_epoch", "Recall@5", "nDCG@3", "weights_sha256", "lists_sha256"]
    return results.trials[columns]


def tables(results: Results) -> dict[str, str]:
    manifest = json.loads((results.folder / "manifest.json").read_text())
    stamp = results.folder.name.removeprefix("run_")
    return {name.replace(stamp, "T"): d for name, d in manifest["tables_sha256"].items()}


def test_files_of_a_run(experiment_file):
    path = experiment_file(
        BOTH,
        evaluation={
            "simple_metrics": ["Recall", "nDCG"],
            "cutoffs": [3, 5],
            "paired_ttest": True,
            "wilcoxon_test": True,
            "relevance_threshold": 1,
        },
        print_results_as_triplets=True,
    )
    results = run(path)
    out = path.parents[1] / "results" / "tiny"
    stamp = results.folder.name.removeprefix("run_")
    expected = {f"bestmodelparams_cutoff_3_relthreshold_1_{stamp}.json"}
    for k in (3, 5):
        end = f"cutoff_{k}_relthreshold_1_{stamp}.tsv"
        names = ("rec", "rec_LightGCNM", "triplets_rec", "stat_paired_ttest", "stat_wilcoxon_test")
        expected |= {f"{name}_{end}" for name in names}
    assert {p.name for p in (out / "performance").iterdir()} == {*expected, results.folder.name}
    assert {p.name for p in results.folder.iterdir()} == {
        *("manifest.json", "trials.jsonl", "trials.tsv", "best.tsv", "report.html", "run.log"),
        *("identity.json", "run.lock", "per_user", "significance.tsv"),
        *("features.json", "sessions.jsonl"),
    }

    best = pd.read_csv(out / "performance" / f"rec_cutoff_3_relthreshold_1_{stamp}.tsv", sep="\t")
    assert list(best.columns) == ["model", "Recall", "nDCG"]
    assert best["Recall"].tolist() == results.best["Recall@3"].tolist()
    triplets = (
        out / "performance" / f"triplets_rec_cutoff_3_relthreshold_1_{stamp}.tsv"
    ).read_text()
    assert [line.split("\t") for line in triplets.splitlines()] == [
        [row["model"], metric, str(row[metric])]
        for row in sorted(best.to_dict("records"), key=lambda row: row["model"])
        for metric in ("Recall", "nDCG")
    ]
    every = f"rec_LightGCNM_cutoff_5_relthreshold_1_{stamp}.tsv"
    search = pd.read_csv(out / "performance" / every, sep="\t")
    assert search["lr"].tolist() == [0.01, 0.02]
    assert search["modalities"].tolist() == ["visual, textual"] * 2

    facts = json.loads((out / "performance" / min(expected)).read_text())
    assert facts[0] == {
        "default_validation_metric": "Recall",
        "default_validation_cutoff": 3,
        "rel_threshold": 1.0,
    }
    assert [entry["recommender"] for entry in facts[1:]] == ["LightGCNM", "LATTICE"]
    assert facts[1]["configuration"]["name"] == results.best["trial"][0]

    stat = out / "performance" / f"stat_paired_ttest_cutoff_5_relthreshold_1_{stamp}.tsv"
    rows = [line.split("\t") for line in stat.read_text().splitlines()]
    a, b = results.best["trial"]
    assert sorted(row[:3] for row in rows) == sorted(
        [*pair, metric] for pair in ((a, b), (b, a)) for metric in ("Recall", "nDCG")
    )
    assert all(0 <= float(row[3]) <= 1 for row in rows)


@pytest.mark.parametrize(
    ("selecting", "expected"), [("nDCG@5", ["nDCG", 5]), ("ndcg", ["nDCG", 3])]
)
def test_the_file_of_parameters_has_the_figure_that_selects(experiment_file, selecting, expected):
    results = run(experiment_file({"MostPop": {}}, validation_metric=selecting))
    [file] = results.folder.parent.glob("bestmodelparams_*.json")
    facts = json.loads(file.read_text())[0]
    assert [facts[f"default_validation_{what}"] for what in ("metric", "cutoff")] == expected


def test_lists_have_the_ids_of_the_files_and_leave_training_items_out(experiment_file):
    path = experiment_file(BOTH)
    results = run(path)
    lists = path.parents[1] / "results" / "tiny" / "recs"
    assert len(list(lists.iterdir())) == 3
    row = results.best.iloc[0]
    recs = pd.read_csv(
        next(lists.glob(f"{row.trial}_it={row.best_epoch}_code=*.tsv")),
        sep="\t",
        names=["user", "item", "score"],
    )
    train = pd.read_csv(
        path.parents[1] / "data/tiny/train.txt", sep="\t", names=["user", "item", "rating"]
    )
    assert recs.groupby("user").size().eq(5).all()
    assert set(recs["item"]) <= {10 * i for i in range(20)}
    assert not set(map(tuple, recs[["user", "item"]].values)) & set(
        map(tuple, train[["user", "item"]].values)
    )
    assert recs.groupby("user")["score"].apply(lambda s: s.is_monotonic_decreasing).all()


def test_the_best_trial_is_chosen_by_validation_the_first_on_a_tie(experiment_file):
    results = run(experiment_file({"LightGCNM": settings(lr=[0.01, 0.05, 0.0001])}))
    column = results.trials["validation Recall@3"]
    assert results.best["trial"][0] == results.trials["trial"][column.idxmax()]
    tie = run(experiment_file({"MostPop": {"seed": [1, 2, 3]}}))
    assert tie.best["trial"][0] == tie.trials["trial"][0]


def test_grid_is_complete_and_in_file_order(experiment_file):
    results = run(experiment_file({"LightGCNM": settings(lr=[0.02, 0.01], n_layers=[2, 0, 1])}))
    points = list(zip(results.trials["lr"], results.trials["n_layers"], strict=True))
    assert points == [(lr, n) for lr in (0.02, 0.01) for n in (2, 0, 1)]


def test_a_grid_backwards_has_the_same_trials(experiment_file):
    forwards = run(experiment_file({"LATTICE": settings(top_k=4, l_m=[0.2, 0.5, 0.9])}))
    backwards = run(experiment_file({"LATTICE": settings(top_k=4, l_m=[0.9, 0.5, 0.2])}))
    pd.testing.assert_frame_equal(
        digests(forwards), digests(backwards)[::-1].reset_index(drop=True)
    )


def test_random_search_draws_the_same_points_again(experiment_file):
    entry = settings(
        lr=["loguniform", -6, -3], meta={"hyper_opt_alg": "rand", "hyper_max_evals": 3}
    )
    first, second = (run(experiment_file({"LightGCNM": entry})) for _ in range(2))
    assert first.trials["lr"].nunique() == 3
    assert first.trials["lr"].between(np.exp(-6), np.exp(-3)).all()
    pd.testing.assert_frame_equal(digests(first), digests(second))


def test_two_runs_agree_bit_for_bit_alone_and_after_other_models(experiment_file):
    first = run(experiment_file(BOTH))
    torch.manual_seed(99)
    torch.rand(3)
    np.random.seed(1)  # noqa: NPY002 - the process's own state must not matter
    second = run(experiment_file(BOTH))
    pd.testing.assert_frame_equal(digests(first), digests(second))
    assert tables(first) == tables(second)
    alone = run(experiment_file({"LATTICE": BOTH["LATTICE"]}))
    reverse = run(experiment_file(dict(reversed(BOTH.items()))))
    lattice = digests(first).tail(1).reset_index(drop=True)
    pd.testing.assert_frame_equal(digests(alone), lattice)
    pd.testing.assert_frame_equal(digests(reverse).head(1), lattice)


@pytest.mark.slow
def test_processes_with_other_hash_seeds_agree(experiment_file):
    program = (
        "import sys; from mmrec import run_experiment; "
        "t = run_experiment(sys.argv[1], progress=False).trials; "
        "print(*t['weights_sha256'], *t['lists_sha256'])"
    )
    assert_repeated_elsewhere(program, experiment_file(BOTH))


def test_saved_weights_are_those_of_the_digest_and_can_be_restored(experiment_file):
    path = experiment_file({"LATTICE": BOTH["LATTICE"]})
    trained = run(path)
    name = trained.best["trial"][0]
    (weights,) = path.parents[1].glob(f"results/tiny/weights/{name}/best-weights-{name}_code=*")
    assert load_file(weights)["user_embedding.weight"].shape == (24, 8)
    before = hashlib.sha256(weights.read_bytes()).hexdigest()
    meta = {"save_recs": True, "save_weights": True, "restore": True}
    restored = run(experiment_file({"LATTICE": BOTH["LATTICE"] | {"meta": meta}}))
    pd.testing.assert_frame_equal(digests(trained), digests(restored))
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == before


def test_another_threshold_keeps_its_weights_apart(experiment_file):
    path = experiment_file()
    for split in (path.parents[1] / "data" / "tiny").glob("*.txt"):
        rows = [line.split("\t") for line in split.read_text().splitlines()]
        split.write_text("".join(f"{u}\t{i}\t{1 + int(u) % 5}\n" for u, i, _ in rows))
    models = {"LightGCNM": settings(epochs=2, meta={"save_weights": True})}
    judged = {"simple_metrics": ["Recall"], "relevance_threshold": 3}
    all_count = run(experiment_file(models)).trials["trial"][0]
    some_count = run(experiment_file(models, evaluation=judged)).trials["trial"][0]
    # The best epoch depends on what counts, so the weights do.
    assert all_count != some_count
    weights = (path.parents[1] / "results/tiny/weights").iterdir()
    assert sorted(folder.name for folder in weights) == sorted([all_count, some_count])


def test_restore_without_weights_fails_the_trial_and_says_why(experiment_file):
    results = run(experiment_file({"LATTICE": settings(meta={"restore": True})}))
    assert results.n_failed == 1
    assert "save_weights: True" in results.trials["error"][0]


def test_a_failed_trial_is_recorded_and_the_others_continue(experiment_file):
    results = run(experiment_file({"LightGCNM": settings(lr=[1e30, 0.01]), "MostPop": {}}))
    assert results.trials["status"].tolist() == ["failed", "finished", "finished"]
    error = results.trials["error"][0]
    assert error.startswith("TrialError: ")
    assert_contains(error, ["epoch 1", "batch"])
    assert results.best["model"].tolist() == ["LightGCNM", "MostPop"]
    assert json.loads((results.folder / "trials.jsonl").read_text().splitlines()[0])["error"]


def test_tables_have_their_columns_though_every_trial_failed(experiment_file):
    results = run(experiment_file({"LightGCNM": settings(lr=[1e30, 1e31])}))
    assert results.n_failed == 2
    assert results.best["model"].tolist() == []
    written = {
        path.name.partition("_cutoff_")[0]: pd.read_csv(path, sep="\t")
        for path in [results.folder / "best.tsv", *results.folder.parent.glob("rec_*.tsv")]
    }
    assert all(table.empty for table in written.values())
    assert list(written["best.tsv"]) == ["model", "trial", "best_epoch"]
    assert list(written["rec_LightGCNM"])[:5] == ["model", "Recall", "nDCG", "seed", "epochs"]


def test_a_model_that_refuses_its_data_fails_like_any_other(experiment_file):
    models = {"external.Picky": settings(lr=[0.01, 0.02]), "MostPop": {}}
    path = experiment_file(models, external_models_path="mine.py")
    (path.parent / "mine.py").write_text(
        "from mmrec.errors import DataError\n"
        "from mmrec.models import LightGCNM\n"
        "class Picky(LightGCNM):\n"
        "    def __init__(self, config, dataset):\n"
        "        if config.lr > 0.015:\n"
        "            raise DataError('prices.tsv: no such file')\n"
        "        super().__init__(config, dataset)\n"
    )
    results = run(path)
    assert results.trials["status"].tolist() == ["finished", "failed", "finished"]
    assert results.trials["error"][1] == "DataError: prices.tsv: no such file"


@pytest.mark.parametrize("step", ["lists_as_tsv", "GroupEvaluator.evaluate", "example_lists"])
def test_an_error_after_training_fails_only_its_trial(experiment_file, monkeypatch, step):
    """Lists, figures of groups and example lists are made when a trial has been trained."""
    kept = {"meta": {"save_recs": True}}
    path = experiment_file({"MostPop": kept, "Random": kept}, report={"users": 1})
    monkeypatch.setattr(f"mmrec.execution.workbench.{step}", _failing_first(step))
    results = run(path)
    assert results.trials["status"].tolist() == ["failed", "finished"]
    assert_contains(results.trials["error"][0], ["ZeroDivisionError", "once"])


def _failing_first(step):
    from mmrec.execution import workbench

    real, calls = functools.reduce(getattr, step.split("."), workbench), []

    def wrapper(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise ZeroDivisionError("once")
        return real(*args, **kwargs)

    return wrapper


def test_trials_are_on_disk_as_they_end(experiment_file, monkeypatch):
    path = experiment_file({"MostPop": {}, "LightGCNM": settings()})
    monkeypatch.setattr("mmrec.execution.workbench.run_trial", _interrupted_at_second())
    with pytest.raises(KeyboardInterrupt):
        run(path)
    (folder,) = (path.parents[1] / "results/tiny/performance").iterdir()
    (record,) = TrialStore(folder / "trials.jsonl").read()
    assert (record.model, record.status) == ("MostPop", "finished")


def _interrupted_at_second():
    from mmrec.execution.trial import run_trial

    calls = []

    def wrapper(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run_trial(*args, **kwargs)

    return wrapper


def test_without_validation_the_test_split_selects_and_a_warning_says_so(experiment_file, caplog):
    path = experiment_file()
    text = path.read_text().replace("    validation_path: ../data/{0}/val.txt\n", "")
    path.write_text(text)
    results = run(path)
    assert "selected on the test split" in caplog.text
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert manifest["protocol"]["selected_on"] == "test"
    assert results.best["validation Recall@3"][0] == results.best["Recall@3"][0]
    for name in ("best.tsv", "trials.tsv"):
        assert "selected_on" in (results.folder / name).read_text().splitlines()[0].split("\t")


def test_early_stopping_ends_a_trial_before_its_last_epoch(experiment_file):
    entry = settings(epochs=40, lr=0.2, early_stopping={"patience": 1, "monitor": "Recall@5"})
    results = run(experiment_file({"LightGCNM": entry}))
    (record,) = TrialStore(results.folder / "trials.jsonl").read()
    values = [epoch["validation"]["Recall@5"] for epoch in record.history]
    assert len(record.losses) == len(values) < 40
    assert values[-1] < values[-2]


def test_an_external_model_and_its_loader(experiment_file):
    path = experiment_file()
    (path.parent / "mine.py").write_text(
        "import torch\n"
        "from mmrec.features import FolderLoader, register_loader\n"
        "from mmrec.models import LATTICE, Recommender\n"
        "@register_loader\n"
        "class MyPictures(FolderLoader):\n"
        "    path_key = 'pictures'\n"
        "class Constant(Recommender):\n"
        "    def __init__(self, config, dataset):\n"
        "        self.n_items = dataset.n_items\n"
        "    def scorer(self):\n"
        "        return lambda users: torch.zeros(len(users), self.n_items)\n"
    )
    lattice = settings(modalities="('pictures',)", loaders="('MyPictures',)", top_k=3)
    path = experiment_file(
        {"external.Constant": {}, "external.LATTICE": lattice},
        external_models_path="mine.py",
        data_config={
            "strategy": "fixed",
            "train_path": "../data/tiny/train.txt",
            "validation_path": "../data/tiny/val.txt",
            "test_path": "../data/tiny/test.txt",
            "side_information": [
                {"dataloader": "MyPictures", "pictures": "../data/tiny/image_feat"}
            ],
        },
    )
    results = run(path)
    assert results.best["model"].tolist() == ["Constant", "LATTICE"]
    assert results.n_failed == 0


def test_the_same_model_twice_keeps_its_full_names(experiment_file):
    path = experiment_file()
    (path.parent / "mine.py").write_text("from mmrec.models import LightGCNM\n")
    models = {"LightGCNM": settings(), "external.LightGCNM": settings()}
    results = run(experiment_file(models, external_models_path="mine.py"))
    assert results.best["model"].tolist() == ["LightGCNM", "external.LightGCNM"]
    assert results.best["Recall@5"].nunique() == 1


def test_recommendation_folder_gives_the_figures_of_the_lists_it_holds(experiment_file):
    path = experiment_file(BOTH)
    trained = run(path)
    recs = path.parents[1] / "results" / "tiny" / "recs"
    again = run(experiment_file({"RecommendationFolder": {"folder": "../results/{0}/recs"}}))
    assert sorted(again.best["model"]) == sorted(p.stem for p in recs.iterdir())
    expected = {
        f"{row.trial}_it={row.best_epoch}": row["Recall@5"] for _, row in trained.trials.iterrows()
    }
    names = again.best["model"].str.rpartition("_code=")[0]
    assert dict(zip(names, again.best["Recall@5"], strict=True)) == expected


def test_lists_of_other_splits_are_reported(experiment_file, caplog):
    path = experiment_file({"RecommendationFolder": {"folder": "../lists"}})
    (path.parents[1] / "lists").mkdir()
    user, item, *_ = (path.parents[1] / "data/tiny/train.txt").read_text().split()
    (path.parents[1] / "lists/mine.tsv").write_text(f"{user}\t{item}\t1\n")
    run(path)
    for fact in ("1 of 1 row (100%)", "longest list has 1 item", "only 1 of 24 users"):
        assert sum("mine.tsv" in line and fact in line for line in caplog.messages) == 1, fact


def test_a_dict_runs_like_its_file(experiment_file):
    import yaml

    path = experiment_file({"LightGCNM": settings()})
    from_file = run(path)
    from_dict = run_experiment(
        yaml.safe_load(path.read_text()), base_dir=path.parent, progress=False
    )
    pd.testing.assert_frame_equal(digests(from_file), digests(from_dict))
    assert "Recall@5" in from_dict._repr_html_()
    assert from_dict.report.exists()


def test_the_process_is_left_as_it_was(experiment_file):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    run(experiment_file({"LATTICE": settings(top_k=3)}))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_results_that_cannot_be_written_are_an_error_before_training(experiment_file):
    path = experiment_file()
    (path.parents[1] / "results").write_text("not a folder")
    with pytest.raises(ConfigError, match=str(path.parents[1] / "results")):
        run(path)


def test_runs_of_the_same_second_have_folders_of_their_own(experiment_file):
    folders = {run(experiment_file()).folder for _ in range(3)}
    assert len(folders) == 3


def test_a_split_that_is_the_training_split_is_warned_of(experiment_file):
    path = experiment_file()
    data = path.parents[1] / "data" / "tiny"
    (data / "test.txt").write_bytes((data / "train.txt").read_bytes())
    (note,) = json.loads((run(path).folder / "manifest.json").read_text())["notes"]
    assert_contains(note, [data / "test.txt", "(test)", "120 relevant rows", "in training"])
