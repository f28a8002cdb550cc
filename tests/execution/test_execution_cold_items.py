"""Experiments with ``evaluation.candidates: all``: items without training rows are ranked too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, assert_contains, refusal
from stopping import stop_after
from tiny_experiment import SPLITS_AND_FEATURES, Write, change, settings

from mmrec import run_experiment
from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.data import COLD
from mmrec.errors import ConfigError, DataError
from mmrec.execution.signals import RunInterrupted
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.reporting.partial import report_run
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.results import Results
from mmrec.runs.identity import RunIdentity
from mmrec.runs.records import TrialRecord
from mmrec.verify.diff import diff_runs
from mmrec.verify.trials import first_difference
from mmrec.verify.verification import verify_run

COLD_IDS = ["500", "510", "520"]
"""With both vectors; 520 has no row at all."""
EVALUATION = {"simple_metrics": ["Recall", "nDCG", "ItemCoverage"], "cutoffs": [2, 5]}
BOTH = {
    "Random": {},
    "ItemKNNCBF": {"shrink": 0, "cut": ["row", "column"], "neighbors": 4},
    "BPRMF": settings(epochs=2),
}
TOWER = '''
import torch
from torch import nn

from mmrec.models import Model, MultimodalConfig, register
from mmrec.models.losses import bpr_loss
from mmrec.models.parts import ItemFeatures, embedding


@register("Tower")
class Tower(Model):
    """Items from features alone."""

    Config = MultimodalConfig

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.users = embedding(self.n_users, 8)
        self.features = ItemFeatures(config, dataset, 8)
        self.dropout = nn.Dropout(0.5)

    def embed(self):
        return self.users.weight, self.dropout(sum(self.features.projected().values()))

    def loss(self, batch):
        users, items = self.embed()
        positive, negative = batch.split(items[batch.items])
        return bpr_loss(users[batch.users], positive, negative)

    def cold_scorer(self, cold):
        users = self.users.weight
        vectors = {m: torch.tensor(cold.features[x]) for m, x in self.config.sources.items()}
        items = self.dropout(sum(self.features.projections(vectors).values()))
        return lambda batch: users[batch] @ items.T
'''


def add_cold_items(data: Path) -> None:
    """Add vectors and rows of items without training rows to the tiny data.

    530 has an image only; its row is dropped.
    """
    rng = np.random.default_rng(8)
    for modality, width in (("image_feat", 6), ("text_feat", 4)):
        for number, item in enumerate([*COLD_IDS, *(["530"] if width == 6 else [])]):
            vector = rng.normal(size=width) + (3 if number % 2 else -3)
            np.save(data / modality / f"{item}.npy", vector.astype(np.float32))
    rows = [f"{user}\t{500 if user % 2 == 0 else 510}\t1\n" for user in range(0, 24, 3)]
    with (data / "test.txt").open("a") as file:
        file.writelines([*rows, "1\t530\t1\n", "2\t510\t1\n"])
    with (data / "val.txt").open("a") as file:
        file.write("4\t510\t1\n")


@pytest.fixture
def write(experiment_file: Write, tmp_path: Path) -> Write:
    """Return a function that writes an experiment on data with cold items that ranks them."""
    add_cold_items(tmp_path / "data" / "tiny")

    def written(models: dict[str, Any] | None = None, **changes: Any) -> Path:
        evaluation = EVALUATION | {"candidates": "all"}
        return experiment_file(models or BOTH, **({"evaluation": evaluation} | changes))

    return written


def manifest(results: Results) -> dict[str, Any]:
    return json.loads((results.folder / "manifest.json").read_text())


def records(results: Results) -> dict[str, dict[str, Any]]:
    """The records of the trials by model and index."""
    lines = (results.folder / "trials.jsonl").read_text().splitlines()
    return {f"{r['model']} {r['index']}": r for r in map(json.loads, lines)}


def table(results: Results) -> pd.DataFrame:
    return pd.read_csv(results.folder / "cold.tsv", sep="\t")


def test_cold_items_have_figures_of_their_own(write: Write) -> None:
    results = run_experiment(write())
    figures = [f"{k}/{m}@{n}" for k in ("cold", "all") for m in ("Recall", "nDCG") for n in (2, 5)]
    found = table(results)
    assert list(found.columns) == ["model", "trial", *figures]
    assert list(found["model"]) == ["Random", "ItemKNNCBF"]
    assert not [name for name in (*results.best, *results.trials) if "/" in name]
    assert found["cold/Recall@2"].tolist()[1] == pytest.approx(8 / 9)  # not 510 of user 2
    assert found["cold/Recall@5"].tolist() == [1.0, 1.0]  # there are three cold items
    by_trial = records(results)
    assert set(by_trial["ItemKNNCBF 1"]["cold"]) == set(figures)
    assert "cold" not in by_trial["BPRMF 0"]


def test_figures_of_trained_items_are_those_without_cold_items(write: Write) -> None:
    ranked = run_experiment(write())
    usual = run_experiment(write(evaluation=EVALUATION))
    assert not (usual.folder / "cold.tsv").exists()
    one, other = records(ranked), records(usual)
    assert list(one) == list(other)
    for name, record in other.items():
        for key in ("history", "losses", "validation", "test", "lists_sha256", "weights_sha256"):
            assert one[name][key] == record[key]
        assert one[name]["groups"] == record["groups"]
        assert "cold" not in record
    names = [name for name in usual.best if name != "trial"]
    assert ranked.best[names].equals(usual.best[names])
    facts = manifest(usual)
    assert "candidates" not in facts["experiment"]["evaluation"]
    assert "cold" not in facts["protocol"]
    assert "cold_items" not in facts["data"]
    assert "cold_items" not in facts["data"]["fingerprints"]


def test_candidates_that_are_written_as_they_are_by_default_change_no_identity(
    write: Write,
) -> None:
    identities = []
    for candidates in ({}, {"candidates": "trained"}, {"candidates": "all"}):
        plan = make_plan(read_experiment(write(evaluation=EVALUATION | candidates)))
        datasets = load_datasets(plan)
        identities.append((RunIdentity.of(plan, datasets).experiment, datasets[0].fingerprint))
    assert identities[0] == identities[1]
    assert identities[0][0] != identities[2][0]
    assert identities[0][1] != identities[2][1]


def test_recall_by_hand(write: Write) -> None:
    results = run_experiment(write({"ItemKNNCBF": {"shrink": 0, "neighbors": 90}}))
    (dataset,) = load_datasets(make_plan(read_experiment(write())))
    cold = dataset.cold_items
    assert cold is not None
    assert cold.items.ids == COLD_IDS
    trained, new = (
        np.concatenate([*x.features.values()], 1).astype(float) for x in (dataset, cold)
    )
    both = np.concatenate([trained, new])
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    seen = np.zeros((dataset.n_users, dataset.n_items))
    seen[dataset.train.users, dataset.train.items] = 1
    scores = seen @ both[: dataset.n_items] @ both.T
    scores[:, : dataset.n_items][seen > 0] = -np.inf
    rows = cold.joint_test
    expected = {"cold": [], "all": []}
    for user in np.unique(rows.users):
        relevant = set(rows.items[rows.users == user])
        best = set(np.argsort(-scores[user])[:5])
        expected["all"].append(len(best & relevant) / len(relevant))
        relevant = {item for item in relevant if item >= dataset.n_items}
        if relevant:
            best = set(dataset.n_items + np.argsort(-scores[user, dataset.n_items :])[:2])
            expected["cold"].append(len(best & relevant) / len(relevant))
    found = table(results).iloc[0]
    assert found["cold/Recall@2"] == pytest.approx(np.mean(expected["cold"]))
    assert found["all/Recall@5"] == pytest.approx(np.mean(expected["all"]))
    assert len(expected["cold"]) == manifest(results)["protocol"]["cold"]["users_averaged"]


def test_workers_resumed_runs_and_verify_give_the_same_bits(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = BOTH | {"external.Tower": {"epochs": 3, "batch_size": 32, "seed": 5}}
    (tmp_path / "tower.py").write_text(TOWER)
    path = write(models, external_models_path="../tower.py")
    serial = run_experiment(path)
    assert records(serial)["external.Tower 0"]["cold"]
    assert verify_run(serial.folder).is_identical
    parallel = run_experiment(path, workers=2)
    assert records(parallel).keys() == records(serial).keys()
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(RunInterrupted):
            run_experiment(path)
    (unfinished,) = {x.parent for x in serial.folder.parent.glob("run_*/unfinished.json")}
    report, _ = report_run(unfinished)
    assert "Cold items" in report.read_text()
    so_far = pd.read_csv(report.with_name("cold.tsv"), sep="\t")
    assert so_far["run"].str.startswith("partial").all()
    resumed = run_experiment(path)
    for other in (parallel, resumed):
        for name, record in records(serial).items():
            assert records(other)[name].get("cold") == record.get("cold")
        same = (x.folder / "cold.tsv" for x in (serial, other))
        assert len({file.read_bytes() for file in same}) == 1


def test_the_best_epoch_is_evaluated_and_restored(write: Write, tmp_path: Path) -> None:
    (tmp_path / "tower.py").write_text(TOWER)
    # The last epoch is trained and not evaluated, which leaves the model in training mode.
    model = {"epochs": 9, "batch_size": 8, "lr": 0.3, "seed": 5}

    def run(**meta: Any) -> dict[str, Any]:
        models = {"external.Tower": model | {"meta": meta | {"validation_rate": 2}}}
        path = write(models, external_models_path="../tower.py")
        return records(run_experiment(path))["external.Tower 0"]

    trained = run(save_weights=True)
    assert trained["best_epoch"] < 8
    restored = run(restore=True)
    assert restored["cold"] == trained["cold"]
    assert restored["lists_sha256"] == trained["lists_sha256"]


def test_changed_vectors_of_cold_items_are_found(write: Write, tmp_path: Path) -> None:
    results = run_experiment(write({"ItemKNNCBF": {}}))
    file = tmp_path / "data/tiny/text_feat/520.npy"
    np.save(file, np.load(file) + 1)
    found = verify_run(results.folder)
    assert not found.is_identical
    assert [x.part for x in found.data] == ["cold_items"]
    assert_contains(str(found), ["520", "differs"])
    assert [x.part for x in diff_runs(results.folder, run_experiment(write()).folder).data] == [
        "cold_items"
    ]


def test_another_figure_is_a_difference() -> None:
    facts = {"trial_id": "1", "name": "a", "model": "a", "index": 0, "parameters": {}}
    one, other = (
        TrialRecord(**facts, status="finished", cold={"cold/Recall@2": x}) for x in (0.25, 0.5)
    )
    assert_contains(str(first_difference(one, other)), ["cold/Recall@2", "0.25", "0.5"])


def test_manifest_and_report_say_what_is_ranked_and_why_not(write: Write) -> None:
    results = run_experiment(write())
    facts = manifest(results)
    schema = json.loads((ROOT / "docs/manifest.schema.json").read_text())
    jsonschema.validate(facts, schema)
    assert facts["data"]["cold_items"] == facts["protocol"]["cold"]["items"] == 3
    assert list(facts["protocol"]["cold"]["reasons"]) == ["BPRMF"]
    assert facts["protocol"]["cold"]["metrics"] == ["Recall", "nDCG"]
    page = results.report.read_text()
    assert_contains(page, ["Cold items", "cold/Recall@2", "BPRMF cannot rank cold items"])
    shown = results.tables["cold items"]
    assert [row[0].text for row in shown.rows] == ["Random", "ItemKNNCBF"]
    rebuild_report(results.folder)
    assert results.report.read_text() == page


def test_a_test_split_of_cold_items_alone(write: Write, tmp_path: Path) -> None:
    (tmp_path / "data/tiny/test.txt").write_text("".join(f"{u}\t500\t1\n" for u in range(5)))
    path = write({"ItemKNNCBF": {}, "LightGCN": settings(epochs=2)})
    results = run_experiment(path)
    assert results.best["Recall@5"].tolist() == [0, 0]
    assert table(results)["cold/Recall@5"].tolist() == [1.0]
    assert any("except those of cold items" in note for note in manifest(results)["notes"])
    assert verify_run(results.folder).is_identical
    data = {k: x for k, x in SPLITS_AND_FEATURES.items() if k != "validation_path"}
    message = refusal(DataError, lambda: run_experiment(change(path, data_config=data)))
    assert_contains(message, ["test.txt", "no item is in the training split"])


def test_no_section_and_no_table_without_a_model_that_ranks_them(write: Write) -> None:
    results = run_experiment(write({"MostPop": {}}))
    assert not (results.folder / "cold.tsv").exists()
    assert "MostPop cannot rank cold items" in results.report.read_text()


def test_plan_counts_them(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write()
    assert main(["plan", str(path)]) == 0
    facts = ["3 cold items", "9 test rows of 9 users", "ranked by: Random, ItemKNNCBF"]
    assert_contains(capsys.readouterr().out, [*facts, "BPRMF cannot rank cold items: its items"])
    assert main(["plan", "--json", str(path)]) == 0
    (fold,) = json.loads(capsys.readouterr().out)["folds"]
    assert (fold["cold_items"], fold["cold_test_rows"]) == (3, 9)
    assert main(["plan", "--json", str(write(evaluation=EVALUATION))]) == 0
    (fold,) = json.loads(capsys.readouterr().out)["folds"]
    assert "cold_items" not in fold


def test_folds_of_one_file_have_their_own_cold_items(write: Write, tmp_path: Path) -> None:
    data = tmp_path / "data/tiny"
    for item in range(540, 550):  # each has one row, so it is cold in one of the folds
        np.save(data / "image_feat" / f"{item}.npy", np.full(6, item, np.float32))
        np.save(data / "text_feat" / f"{item}.npy", np.full(4, item, np.float32))
    rows = "".join((data / f"{name}.txt").read_text() for name in ("train", "val", "test"))
    rows += "".join(f"{item - 540}\t{item}\t1\n" for item in range(540, 550))
    (data / "rows.tsv").write_text(rows)
    path = write({"ItemKNNCBF": {}, "Random": {}})
    one_file = {"strategy": "dataset", "dataset_path": "../data/{0}/rows.tsv"}
    one_file |= {"side_information": SPLITS_AND_FEATURES["side_information"]}
    splitting = {"test_splitting": {"strategy": "random_cross_validation", "folds": 2}}
    change(path, data_config=one_file, splitting=splitting)
    datasets = load_datasets(make_plan(read_experiment(path)))
    assert [x.fold for x in datasets] == ["0", "1"]
    for dataset in datasets:
        assert dataset.cold_items is not None
        assert "520" in dataset.cold_items.items
        assert len(dataset.cold_items.features["VisualAttribute"]) == len(dataset.cold_items)
    results = run_experiment(path)
    assert table(results)["folds"].tolist() == [2, 2]
    lines = map(json.loads, (results.folder / "trials.jsonl").read_text().splitlines())
    trials = [r["cold"]["cold/Recall@2"] for r in lines if r["model"] == "Random"]
    assert table(results)["cold/Recall@2"].tolist()[1] == pytest.approx(np.mean(trials))
    assert len(manifest(results)["data"]["folds"]) == 2
    assert verify_run(results.folder).is_identical


def test_the_forms_of_mmrec(write: Write, tmp_path: Path) -> None:
    data = tmp_path / "data/tiny"
    rng = np.random.default_rng(0)
    np.save(data / "image_feat.npy", rng.normal(size=(12, 4)).astype(np.float32))
    rows = [(u, i, 0 if (u + i) % 3 else 1) for u in range(8) for i in range(9) if (u + i) % 2]
    rows += [(u, 9 + u % 2, 2) for u in range(8)]
    rows += [(1, 1, 2)]
    lines = ["userID\titemID\tx_label\n", *(f"{u}\t{i}\t{x}\n" for u, i, x in rows)]
    (data / "tiny.inter").write_text("".join(lines))
    source = {"dataloader": "VisualAttribute", "visual_features": "../data/{0}/image_feat.npy"}
    config = {"strategy": "fixed", "dataset_path": "../data/{0}/{0}.inter"}
    path = write({"ItemKNNCBF": {"modalities": "('visual',)"}})
    change(path, data_config=config | {"side_information": [source]})
    (dataset,) = load_datasets(make_plan(read_experiment(path)))
    assert dataset.cold_items is not None
    assert dataset.cold_items.items.ids == ["9", "10", "11"]
    assert np.array_equal(
        dataset.cold_items.features["VisualAttribute"], np.load(data / "image_feat.npy")[9:12]
    )
    assert np.count_nonzero(dataset.test.items == COLD) == 8
    assert len(table(run_experiment(path))) == 1


def test_items_that_lack_a_vector_are_no_cold_items_whatever_the_policy(write: Write) -> None:
    path = write({"ItemKNNCBF": {}})
    entries = [x | {"missing": "mean"} for x in SPLITS_AND_FEATURES["side_information"]]
    change(path, data_config=SPLITS_AND_FEATURES | {"side_information": entries})
    (dataset,) = load_datasets(make_plan(read_experiment(path)))
    assert dataset.cold_items is not None
    assert dataset.cold_items.items.ids == COLD_IDS
    assert COLD in dataset.cold_items.joint_test.items  # the row of 530 can be hit by no list
    assert len(dataset.cold_items.test) == 9


def test_the_control_permutes_cold_items_among_themselves(write: Write) -> None:
    (dataset,) = load_datasets(make_plan(read_experiment(write())))
    view = dataset.view(["TextualAttribute"], permuted_by=4)
    assert view.cold_items is not None
    assert dataset.cold_items is not None
    assert list(view.cold_items.features) == ["TextualAttribute"]
    own = dataset.cold_items.features["TextualAttribute"]
    order = np.random.default_rng(4).permutation(3)
    assert np.array_equal(view.cold_items.features["TextualAttribute"], own[order])
    again = view.view(["TextualAttribute"], permuted_by=4).cold_items
    assert again is not None
    assert np.array_equal(again.features["TextualAttribute"], own[order])


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"candidates": "alll"}, ["evaluation.candidates", "alll", "trained", "all"]),
        ({"simple_metrics": ["ItemCoverage", "EPC"]}, ["candidates", "ItemCoverage", "Recall"]),
    ],
)
def test_what_cannot_be_ranked_is_refused_before_the_data_are_read(
    write: Write, changes: dict[str, Any], facts: list[str]
) -> None:
    path = write(evaluation=EVALUATION | {"candidates": "all"} | changes)
    assert_contains(refusal(ConfigError, lambda: run_experiment(path)), facts)


def test_vectors_are_needed(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write({"MostPop": {}})
    splits = {k: x for k, x in SPLITS_AND_FEATURES.items() if k != "side_information"}
    change(path, data_config=splits)
    assert main(["validate", str(path)]) == 2
    assert_contains(capsys.readouterr().err, ["candidates", "side_information"])


def test_without_cold_items_there_is_nothing_to_rank(experiment_file: Write) -> None:
    path = experiment_file(evaluation=EVALUATION | {"candidates": "all"})
    message = refusal(DataError, lambda: run_experiment(path))
    facts = ["candidates: all", "no cold items", "VisualAttribute, TextualAttribute"]
    assert_contains(message, [*facts, "candidates: trained"])


def test_cold_items_without_test_rows_are_refused(experiment_file: Write, tmp_path: Path) -> None:
    for modality, width in (("image_feat", 6), ("text_feat", 4)):
        np.save(tmp_path / "data/tiny" / modality / "999.npy", np.ones(width, np.float32))
    path = experiment_file(evaluation=EVALUATION | {"candidates": "all"})
    assert_contains(refusal(DataError, lambda: run_experiment(path)), ["1 cold item", "999"])
