"""Experiments on folds: what is split, what is chosen, what the tables say, and what is kept."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, assert_contains
from resealing import reseal
from tiny_experiment import SPLITS_AND_FEATURES, Write, change, settings

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import ConfigError, DataError
from mmrec.experiment import run_experiment
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore
from mmrec.verify.diff import diff_runs
from mmrec.verify.verification import verify_run

FEATURES = {"side_information": SPLITS_AND_FEATURES["side_information"]}
SEEDED = {key: value for key, value in settings().items() if key != "seed"}
CROSS = {
    "test_splitting": {"strategy": "random_cross_validation", "folds": 3},
    "validation_splitting": {"strategy": "random_subsampling", "leave_n_out": 1},
}
NESTED = {
    "test_splitting": {"strategy": "temporal_hold_out", "test_ratio": 0.2},
    "validation_splitting": {"strategy": "random_subsampling", "test_ratio": 0.2, "folds": 2},
}


@pytest.fixture
def folded(experiment_file: Write, tmp_path: Path) -> Write:
    """Write an experiment on one file of all the rows, with times; later items are later."""

    def write(models: dict[str, Any] | None = None, **changes: Any) -> Path:
        data = tmp_path / "data/tiny"
        lines = [line for name in ("train", "val", "test") for line in rows(data / f"{name}.txt")]
        (data / "all.tsv").write_text("".join(f"{x}\t{x.split()[1]}\n" for x in lines))
        of_data = {"strategy": "dataset", "dataset_path": "../data/{0}/all.tsv", **FEATURES}
        keys = {"data_config": of_data, "splitting": CROSS} | changes
        return experiment_file(models, **keys)

    return write


def rows(path: Path) -> list[str]:
    return path.read_text().splitlines()


def load(path: Path, *, save: bool = False) -> tuple[Dataset, ...]:
    return load_datasets(make_plan(read_experiment(path)), save=save)


def run(path: Path, **options: Any) -> Results:
    return run_experiment(path, progress=False, **options)


def untimed(trials: pd.DataFrame) -> pd.DataFrame:
    return trials.drop(columns="seconds")


def fingerprints(datasets: tuple[Dataset, ...]) -> list[str]:
    return [dataset.fingerprint for dataset in datasets]


def pairs(dataset: Dataset, split: str) -> set[tuple[str, str]]:
    """Ids of the rows of a split."""
    part = getattr(dataset, split)
    return {
        (dataset.users.id_of(user), dataset.items.id_of(item))
        for user, item in zip(part.users, part.items, strict=True)
    }


# What is split


def test_the_splits_of_a_fold_are_parts_of_the_file(folded: Write, tmp_path: Path) -> None:
    datasets = load(folded())
    assert [dataset.fold for dataset in datasets] == ["0", "1", "2"]
    everything = {tuple(row.split()[:2]) for row in rows(tmp_path / "data/tiny/all.tsv")}
    tested = []
    for dataset in datasets:
        parts = [pairs(dataset, split) for split in ("train", "validation", "test")]
        assert set().union(*parts) == everything
        assert sum(map(len, parts)) == len(everything)
        tested += parts[2]
    assert sorted(tested) == sorted(everything)


@pytest.mark.parametrize("splitting", [CROSS, NESTED])
def test_the_order_of_the_file_does_not_matter_but_the_seed_does(
    folded: Write, tmp_path: Path, splitting: dict[str, Any]
) -> None:
    before = fingerprints(load(folded(splitting=splitting)))
    assert len(set(before)) == len(before)
    path = tmp_path / "data/tiny/all.tsv"
    lines = rows(path)
    np.random.default_rng(0).shuffle(lines)
    path.write_text("\n".join(lines))
    config = tmp_path / "config_files/tiny.yml"
    assert fingerprints(load(config)) == before
    config.write_text(config.read_text() + "  random_seed: 7\n")
    other = fingerprints(load(config))
    assert not set(other) & set(before)
    assert fingerprints(load(config)) == other


def test_a_temporal_split_holds_the_latest_out(folded: Write) -> None:
    split = {"test_splitting": {"strategy": "temporal_hold_out", "leave_n_out": 2}}
    (dataset,) = load(folded(splitting=split))
    assert (dataset.fold, dataset.validation) == ("", None)
    assert dataset.test.user_degrees.tolist() == [2] * 24
    for user in range(24):
        kept, out = (part.items[part.users == user] for part in (dataset.train, dataset.test))
        warm = out[out >= 0]  # numbers are in the order of ids, which are the times
        assert len(warm) == 0 or kept.max() < warm.min()


def test_filters_come_after_items_without_a_vector_and_are_reported(
    folded: Write, tmp_path: Path
) -> None:
    path = folded(
        prefiltering=[{"strategy": "iterative_k_core", "core": 6}, {"strategy": "user_average"}]
    )
    (tmp_path / "data/tiny/image_feat/30.npy").unlink()
    data = tmp_path / "data/tiny/all.tsv"
    data.write_text(data.read_text() + rows(data)[0] + "\n")
    dataset = load(path)[0]
    names = [step.name for step in dataset.report.steps]
    assert len(names) == 4
    assert names[1] == "items without a vector"
    assert names[2].startswith("iterative_k_core")
    assert names[3] == "user_average"
    steps = dataset.report.steps
    assert steps[0].rows == (169, 168)
    assert steps[1].items == (20, 19)
    assert all(one.rows[1] == two.rows[0] for one, two in itertools.pairwise(steps))
    assert dataset.report.missing_items["VisualAttribute"] == ("30",)
    assert dataset.report.items_dropped == 1
    left = pd.Series(
        [user for part in ("train", "validation", "test") for user, _ in pairs(dataset, part)]
    ).value_counts()
    assert left.min() >= 6
    manifest = json.loads((run(path).folder / "manifest.json").read_text())
    assert [step["name"] for step in manifest["data"]["prefiltering"]] == names
    assert manifest["data"]["prefiltering"][1]["items"] == [20, 19]


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        (
            {"prefiltering": {"strategy": "user_k_core", "core": 99}},
            ["prefiltering[0]", "user_k_core", "99", "168 -> 0 rows"],
        ),
        (
            {"splitting": {"test_splitting": {"strategy": "fixed_timestamp", "timestamp": 1000}}},
            ["splitting.test_splitting", "fixed_timestamp", "for test", "168 rows"],
        ),
        (
            {"splitting": {"test_splitting": {"strategy": "fixed_timestamp", "timestamp": -1}}},
            ["splitting.test_splitting", "fixed_timestamp", "168 rows"],
        ),
        (
            {"splitting": {"test_splitting": {"strategy": "random_cross_validation", "folds": 9}}},
            ["splitting.test_splitting", "random_cross_validation", "for test", "fold 7"],
        ),
        (
            {
                "splitting": {
                    "test_splitting": {
                        "strategy": "fixed_timestamp",
                        "timestamp": "best",
                        "min_over": 7,
                    }
                }
            },
            ["splitting.test_splitting", "fixed_timestamp", "1 ", "7 "],
        ),
    ],
)
def test_what_leaves_nothing_is_refused(
    folded: Write, tmp_path: Path, changes: dict[str, Any], facts: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        load(folded(**changes))
    assert_contains(str(caught.value), [tmp_path / "data/tiny/all.tsv", *facts])


def test_filters_on_ratings_need_ratings_and_times_need_times(
    folded: Write, tmp_path: Path
) -> None:
    path = folded(prefiltering={"strategy": "user_average"}, splitting=NESTED)
    data = tmp_path / "data/tiny/all.tsv"
    data.write_text("".join("\t".join(row.split()[:2]) + "\n" for row in rows(data)))
    with pytest.raises(DataError, match=r"prefiltering\[0\] .*user_average.* ratings"):
        load(path)
    path.write_text(path.read_text().replace("user_average", "user_k_core\n    core: 1"))
    with pytest.raises(DataError) as caught:
        load(path)
    assert_contains(str(caught.value), [f"{data}:1: ", "splitting.test_splitting", "timestamp"])


def test_problems_before_anything_is_read(folded: Write, tmp_path: Path) -> None:
    path = folded(
        {"RecommendationFolder": {"folder": "."}},
        splitting={"test_splitting": CROSS["test_splitting"]},
        evaluation={"simple_metrics": ["Recall"], "require_validation": True},
    )
    (tmp_path / "data/tiny/all.tsv").rename(tmp_path / "data/tiny/al.tsv")
    with pytest.raises(ConfigError) as caught:
        make_plan(read_experiment(path))
    reported = str(caught.value)
    assert reported.count("\n") == 2
    assert_contains(reported, ["'all.tsv'", "'al.tsv'", "validation_splitting", "3 folds"])


# Folds on the disk


@pytest.mark.parametrize(
    ("splitting", "columns"),
    [
        *itertools.product([CROSS, {"test_splitting": CROSS["test_splitting"]}], [2, 3, 4]),
        (NESTED, 4),  # by times
    ],
)
def test_saved_folds_read_back_alike(
    folded: Write, tmp_path: Path, splitting: dict[str, Any], columns: int
) -> None:
    saved = {"save_on_disk": True, "save_folder": "../data/{0}/folds"}
    path = folded(splitting=splitting | saved, prefiltering={"strategy": "item_k_core", "core": 3})
    data = tmp_path / "data/tiny/all.tsv"
    fields = [row.split() for row in rows(data)]
    data.write_text("".join("\t".join(row[:columns]) + "\n" for row in fields))
    before = load(path, save=True)
    again = load(path, save=True)  # the same folds may stand there already
    of_folds = {"strategy": "hierarchy", "root_folder": "../data/{0}/folds", **FEATURES}
    change(path, data_config=of_folds)
    after = load(path)
    assert fingerprints(before) == fingerprints(again) == fingerprints(after)
    assert [dataset.fold for dataset in before] == [dataset.fold for dataset in after]
    assert (tmp_path / "data/tiny/folds/0/test.tsv").is_file()
    for file in sorted((tmp_path / "data/tiny/folds").rglob("*.tsv")):
        table = file.read_text().replace("\t", ",")
        head = ("user", "item", "rating", "timestamp")[: table.partition("\n")[0].count(",") + 1]
        table = ",".join(head) + f"\n{table}"
        file.with_suffix(".csv.gz").write_bytes(gzip.compress(table.encode()))
        file.unlink()
    change(path, data_config=of_folds | {"header": True})
    assert fingerprints(load(path)) == fingerprints(after)


def test_a_time_of_two_lines_is_not_saved(folded: Write, tmp_path: Path) -> None:
    saved = CROSS | {"save_on_disk": True, "save_folder": "../data/{0}/folds"}
    of_data = {"strategy": "dataset", "dataset_path": "../data/{0}/all.csv", **FEATURES}
    path = folded(splitting=saved, data_config=of_data)
    lines = [",".join(row.split("\t")[:3]) for row in rows(tmp_path / "data/tiny/all.tsv")]
    (tmp_path / "data/tiny/all.csv").write_text("".join(f'{line},"1\n2"\n' for line in lines))
    with pytest.raises(DataError, match=r"timestamp '1\\n2'"):
        load(path, save=True)
    assert not (tmp_path / "data/tiny/folds").exists()


def test_other_folds_are_not_overwritten_and_nothing_is_trained(
    folded: Write, tmp_path: Path
) -> None:
    saved = CROSS | {"save_on_disk": True, "save_folder": "../data/{0}/folds"}
    load(folded(splitting=saved), save=True)
    kept = (tmp_path / "data/tiny/folds/0/test.tsv").read_text()
    with pytest.raises(DataError, match="data/tiny/folds"):
        run(folded(splitting=saved, random_seed=9))
    assert (tmp_path / "data/tiny/folds/0/test.tsv").read_text() == kept
    assert not (tmp_path / "results").exists()


def test_sections_without_effect_are_reported(experiment_file: Write) -> None:
    results = run(experiment_file(splitting=CROSS, prefiltering={"strategy": "user_average"}))
    notes = json.loads((results.folder / "manifest.json").read_text())["notes"]
    assert [note.split()[0] for note in notes] == ["prefiltering", "splitting"]


# What is chosen, and what the tables say


def table(results: Results, name: str, cutoff: int = 3) -> pd.DataFrame:
    (path,) = results.folder.parent.glob(f"rec_{name}cutoff_{cutoff}_*.tsv")
    return pd.read_csv(path, sep="\t")


def test_the_mean_over_folds_decides_and_is_reported(folded: Write) -> None:
    models = {"LightGCNM": settings(lr=[0.05, 0.001]), "MostPop": {}}
    evaluation = {
        "simple_metrics": ["Recall", "nDCG"],
        "cutoffs": [3, 5],
        "paired_ttest": True,
    }
    results = run(folded(models, evaluation=evaluation))
    trials = results.trials[results.trials["model"] == "LightGCNM"]
    assert trials["fold"].tolist() == ["0", "1", "2"] * 2
    assert trials["lr"].tolist() == [0.05] * 3 + [0.001] * 3
    assert trials["trial"].nunique() == 6
    chosen = trials.groupby("lr", sort=False)["validation Recall@3"].mean().idxmax()
    best = trials[trials["lr"] == chosen]
    row = results.best.iloc[0]
    assert row["trial"] == best["trial"].iloc[0]
    assert row["folds"] == 3
    assert "seeds" not in results.best
    assert row["Recall@3 mean"] == pytest.approx(best["Recall@3"].mean())
    assert row["Recall@3 std"] == pytest.approx(best["Recall@3"].std(ddof=1))
    assert table(results, "", 5)["Recall"][0] == pytest.approx(best["Recall@5"].mean())
    points = table(results, "LightGCNM_folds_")
    assert points["folds"].tolist() == ["0, 1, 2"] * 2
    assert points["seed"].tolist() == [5, 5]
    assert points["Recall mean"].tolist() == pytest.approx(
        trials.groupby("lr", sort=False)["Recall@3"].mean().tolist()
    )
    compared = pd.read_csv(results.folder / "significance.tsv", sep="\t")
    assert set(compared["over"]) == {"users", "folds"}
    over_folds = compared[compared["over"] == "folds"]
    assert set(over_folds["test"]) == {"paired_ttest"}
    assert set(over_folds["n"]) == {3}
    page = results.report.read_text()
    assert "(mean over 3 folds)" in page


def test_folds_and_seeds_together(folded: Write) -> None:
    models = {"LightGCNM": SEEDED | {"meta": {"seeds": [4, 2]}}}
    path = folded(models)
    assert make_plan(read_experiment(path)).n_trials == 6
    results = run(path)
    assert results.trials["fold"].tolist() == ["0", "0", "1", "1", "2", "2"]
    assert results.trials["seed"].tolist() == [4, 2] * 3
    row = results.best.iloc[0]
    assert (row["folds"], row["seeds"]) == (3, 2)
    assert row["nDCG@5 mean"] == pytest.approx(results.trials["nDCG@5"].mean())
    assert table(results, "LightGCNM_folds_")["seeds"].tolist() == ["4, 2"]
    assert "(mean over 3 folds with 2 seeds)" in results.report.read_text()


def test_a_trial_of_a_fold_is_that_of_its_splits_alone(folded: Write, tmp_path: Path) -> None:
    saved = CROSS | {"save_on_disk": True, "save_folder": "../data/{0}/folds"}
    path = folded({"LightGCNM": settings()}, splitting=saved)
    trials = run(path).trials
    fold = tmp_path / "data/tiny/folds/1"
    splits = {
        "strategy": "fixed",
        "train_path": str(fold / "0/train.tsv"),
        "validation_path": str(fold / "0/val.tsv"),
        "test_path": str(fold / "test.tsv"),
    }
    change(path, data_config=splits | FEATURES)
    alone = run(path).trials
    columns = ["trial", "Recall@3", "weights_sha256", "lists_sha256"]
    assert alone[columns].iloc[0].tolist() == trials[columns].iloc[1].tolist()


def test_a_pruner_compares_trials_of_one_fold(folded: Write) -> None:
    meta = {"pruner": "median", "hyper_batch": 5, "validation_rate": 1}
    rates = [0.05, 0.04, 0.03, 0.02, 0.01, 1e-6]
    results = run(folded({"LightGCNM": settings(lr=rates, meta=meta)}))
    records = TrialStore(results.folder / "trials.jsonl").read()
    by_fold = {fold: {r.parameters["lr"]: r for r in records if r.fold == fold} for fold in "012"}
    for trials in by_fold.values():
        earlier = [trials[rate] for rate in rates[:5]]
        bar = np.median([max(h["validation"]["Recall@3"] for h in r.history[:1]) for r in earlier])
        last = trials[rates[5]]
        is_below = last.history[0]["validation"]["Recall@3"] < bar
        assert (last.pruned_at == 1) == is_below


# Going on, side by side, and again


def test_an_interrupted_run_goes_on_with_its_folds(
    folded: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"LightGCNM": settings(lr=[0.02, 0.01])}
    path = folded(models)
    whole = run(path)
    from mmrec.execution.workbench import Workbench

    execute, calls = Workbench.execute, []

    def stopping(self: Workbench, *args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return execute(self, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Workbench, "execute", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(path)
    resumed = run(path)
    assert len(calls) == 4
    pd.testing.assert_frame_equal(untimed(resumed.trials), untimed(whole.trials))
    pd.testing.assert_frame_equal(resumed.best, whole.best)


@pytest.mark.slow
def test_two_workers_give_the_same(folded: Write) -> None:
    path = folded({"LightGCNM": settings(lr=[0.02, 0.01])})
    pd.testing.assert_frame_equal(untimed(run(path).trials), untimed(run(path, workers=2).trials))


def test_a_run_on_folds_is_verified(folded: Write, tmp_path: Path) -> None:
    path = folded({"LightGCNM": settings()}, splitting=NESTED)
    folder = run(path).folder
    found = verify_run(folder)
    assert found.is_identical, str(found)
    assert found.n_trials == 2
    assert diff_runs(folder, run(path).folder).is_equal
    lines = (folder / "trials.jsonl").read_text().splitlines()
    first, record = map(json.loads, lines)
    record["losses"][0] += 1e-9
    reseal(folder, [first, record])
    assert list(verify_run(folder).trials) == [record["name"]]
    data = tmp_path / "data/tiny/all.tsv"
    data.write_text("\n".join(rows(data)[1:]) + "\n")
    reported = list(map(str, verify_run(folder).data))
    assert any(line.startswith("fold 0/0: train: ") and "all.tsv" in line for line in reported)
    assert any(line.startswith("fold 0/1: ") for line in reported)


def test_the_manifest_of_folds_is_documented(folded: Write, tmp_path: Path) -> None:
    schema = json.loads((ROOT / "docs/manifest.schema.json").read_text())
    best = {"strategy": "fixed_timestamp", "timestamp": "best"}
    filters = {"strategy": "user_k_core", "core": 2}
    for splitting in (CROSS, CROSS | {"test_splitting": best}):
        path = folded(splitting=splitting, prefiltering=filters)
        data = tmp_path / "data/tiny/all.tsv"
        pairs = [row.rpartition("\t")[0] for row in rows(data)]  # items are not new at any time
        data.write_text("".join(f"{pair}\t{n % 7}\n" for n, pair in enumerate(pairs)))
        folder = run(path).folder
        manifest = json.loads((folder / "manifest.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        assert [error.message for error in validator.iter_errors(manifest)] == []
        folds = manifest["data"]["folds"]
        trials = [trial["fold"] for trial in manifest["trials"]]
        assert trials == ([fold["name"] for fold in folds] or [""])
    assert manifest["data"]["notes"][0].startswith(
        "splitting.test_splitting (fixed_timestamp): the best timestamp is "
    )


def test_the_report_and_the_outline_have_every_fold_and_filter(
    folded: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    filters = {"strategy": "user_k_core", "core": 2}
    results = run_experiment(folded(prefiltering=filters))
    folder = results.folder
    folds = json.loads((folder / "manifest.json").read_text())["data"]["folds"]
    assert len(folds) == 3
    page = results.report.read_text()
    cells = [re.findall(r"<t[hd][^>]*>\s*([^<]+?)\s*<", row) for row in page.split("<tr>")]
    lines = capsys.readouterr().err.splitlines()
    assert any("each point on 3 folds; " in line for line in lines)
    for fold in folds:
        splits = {name: counts["rows_kept"] for name, counts in fold["splits"].items()}
        numbers = [fold["users"], fold["items"], *splits.values()]
        density = splits["train"] / (fold["users"] * fold["items"])
        row = [fold["name"], *map(str, numbers), f"{density:.3%}"]
        assert row in cells
        train, validation, test = splits.values()
        sizes = f"{fold['users']} users, {fold['items']} items; interactions: "
        counts = f"{train} train, {validation} validation, {test} test"
        assert f"  fold {fold['name']}: {sizes}{counts}" in lines
    assert sum(row[0].endswith((", train", ", test")) for row in cells if row) == 6
    reported = "user_k_core (core 2): 168 -> 168 rows, 24 -> 24 users, 20 -> 20 items"
    assert lines.count(f"  {reported}") == 1
    assert (folder / "run.log").read_text().count(reported) == 1
    assert ["user_k_core (core 2)", "168", "168", "24", "24", "20", "20"] in cells
    results.report.unlink()
    assert rebuild_report(folder).report.read_text() == page
