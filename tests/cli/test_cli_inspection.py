"""``mmrec show`` and ``mmrec report`` on finished runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains
from tiny_experiment import experiment_writer, settings

from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.errors import DataError, TrialError
from mmrec.experiment import run_experiment
from mmrec.inspection.user import view_user
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.runs.records import TrialStore

KEPT = {"save_weights": True, "save_recs": True}
MODELS = {
    "LATTICE": settings(top_k=4, l_m=[0.3, 0.7], meta=KEPT),
    "LightGCNM": settings(meta={"save_recs": True}),
    "external.LightGCNM": settings(lr=0.02, seed={"repeat": 2}),
    "MostPop": {"meta": {"save_recs": True}},
}
CHANGES = {
    "external_models_path": "mine.py",
    "evaluation": {
        "simple_metrics": ["Recall", "nDCG"],
        "cutoffs": [3, 5],
        "paired_ttest": True,
    },
}


def make(folder: Path, models=None, **changes) -> Path:
    write = experiment_writer(folder)
    path = write(models or MODELS, **(CHANGES | changes))
    (path.parent / "mine.py").write_text("from mmrec.models import LightGCNM\n")
    return run_experiment(path, progress=False).folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("finished"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def lists_of(run: Path, trial: str) -> list[list[str]]:
    (path,) = run.parents[1].glob(f"recs/{trial}_it=*.tsv")
    return [line.split("\t") for line in path.read_text().splitlines()]


def rows(run: Path, split: str, user: str) -> set[str]:
    text = (run.parents[3] / "data" / "tiny" / f"{split}.txt").read_text()
    return {line.split("\t")[1] for line in text.splitlines() if line.split("\t")[0] == user}


@pytest.mark.parametrize("model", ["LATTICE", "MostPop"])
@pytest.mark.parametrize("user", ["0", "17"])
def test_a_restored_model_recommends_what_the_run_wrote(
    finished: Path, model: str, user: str
) -> None:
    view = view_user(finished, user, model=model, top_k=5)
    lists = lists_of(finished, view.trial)
    expected = [(item, float(score)) for u, item, score in lists if u == user]
    shown = [(r.item_id, r.score) for r in view.recommended]
    assert shown == expected
    assert set(view.history) == rows(finished, "train", user)
    assert set(view.held_out["test"]) == rows(finished, "test", user)
    for item in view.recommended:
        hit = next((s for s in ("test", "val") if item.item_id in rows(finished, s, user)), None)
        assert item.hit == {"val": "validation"}.get(hit, hit)


def test_lists_are_shown_if_no_weights_were_saved(finished: Path) -> None:
    view = view_user(finished, "3", model="LightGCNM", top_k=4)
    expected = [item for u, item, _ in lists_of(finished, view.trial) if u == "3"][:4]
    assert [r.item_id for r in view.recommended] == expected
    assert all(not r.neighbours for r in view.recommended)


def test_neighbours_are_those_of_the_raw_features_and_of_the_learned_graph(finished: Path) -> None:
    view = view_user(finished, "3", model="LATTICE", top_k=2)
    folder = finished.parents[3] / "data" / "tiny"
    ids = sorted((p.stem for p in (folder / "image_feat").iterdir()), key=int)
    kept = []
    for modality in ("image_feat", "text_feat"):
        x = np.stack([np.load(folder / modality / f"{i}.npy") for i in ids])
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        order = np.argsort(-(x @ x.T), axis=1)[:, :4]  # top_k, itself among them
        kept.append({ids[i]: {ids[j] for j in row} for i, row in enumerate(order)})
    for item in view.recommended:
        assert set(item.neighbours) == {"learned", "raw"}
        for near in item.neighbours.values():
            assert 1 <= len(near) <= 3
            assert item.item_id not in dict(near)
            weights = [weight for _, weight in near]
            assert weights == sorted(weights, reverse=True)
            assert weights[-1] > 0
        allowed = kept[0][item.item_id] | kept[1][item.item_id]
        assert {other for other, _ in item.neighbours["raw"]} <= allowed


def test_the_command_marks_hits_and_writes_titles(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (test_item,) = rows(finished, "test", "0")
    titles = tmp_path / "titles.tsv"
    titles.write_text(f"{test_item}\tA red hat\n\n999\tNobody's\n")
    arguments = ["show", str(finished), "--user", "0", "--model", "LATTICE", "--top", "20"]
    assert main([*arguments, "--titles", str(titles)]) == 0
    printed = capsys.readouterr().out
    assert re.match(r"user 0, LATTICE_\w{12}, epoch \d\n.*training \(5\):\n", printed)
    assert re.search(rf"test \(1\): {test_item} A red hat\n", printed)
    assert re.search(rf"^ +\d+\. {test_item} A red hat  -?\d+\.\d+  <- test$", printed, re.M)
    assert re.search(r"^ +learned graph: \d+.*\n +raw graph: \d+", printed, re.M)
    assert len(re.findall(r"^ +\d+\. ", printed, re.M)) == 15  # all but those of training


def test_the_best_model_is_shown_by_default(tmp_path: Path) -> None:
    run = make(tmp_path, {"MostPop": {}, "LightGCNM": settings(epochs=12, lr=0.05, meta=KEPT)})
    records = TrialStore(run / "trials.jsonl").read()
    values = {record.name: record.validation["Recall@3"] for record in records}
    assert len(set(values.values())) == 2
    assert view_user(run, "0").trial == max(values, key=lambda name: values[name])


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["--user", "00"], ["'00'", "24 users", ": 0, "]),
        (["--user", "zebra"], ["'zebra'", "24 users", ": 0, 1, 2, 3, 4"]),
        (["--user", "0", "--model", "LATTIC"], ["'LATTIC'", "'LATTICE'"]),
        (
            ["--user", "0", "--model", "external.LightGCNM"],
            ["'save_weights: True'", "models.external.LightGCNM.meta"],
        ),
        (["--user", "0", "--titles", "none.tsv"], ["none.tsv: "]),
    ],
)
def test_what_cannot_be_shown_is_an_error(
    finished: Path, arguments: list[str], facts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(finished), *arguments]) == 2
    assert_contains(capsys.readouterr().err, facts)


@pytest.mark.parametrize(
    ("text", "line", "fact"), [("1 A hat\n", 1, "id<TAB>title"), ("1\ta\n1\tb\n", 2, "'1'")]
)
def test_malformed_titles_are_named(
    finished: Path,
    tmp_path: Path,
    text: str,
    line: int,
    fact: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    titles = tmp_path / "titles.tsv"
    titles.write_text(text)
    assert main(["show", str(finished), "--user", "0", "--titles", str(titles)]) == 2
    assert_contains(capsys.readouterr().err, [f"{titles}:{line}: ", fact])


def test_other_weights_and_other_data_are_refused(tmp_path: Path) -> None:
    models = {"LATTICE": settings(epochs=2, top_k=4, meta=KEPT)}
    run = make(tmp_path, models)
    (weights,) = run.parents[1].glob("weights/*/*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(TrialError, match=r"weights.*LATTICE_"):
        view_user(run, "0")
    weights.unlink()
    (lists,) = run.parents[1].glob("recs/*.tsv")
    lists.write_text(lists.read_text() + "0\t10\t0.5\n")
    with pytest.raises(DataError, match=r"lists.*LATTICE_"):
        view_user(run, "0")
    train = tmp_path / "data" / "tiny" / "train.txt"
    train.write_text("".join(train.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match="data"):
        view_user(run, "0")


def test_the_report_has_the_same_bytes_again(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = finished.parents[1]
    before = files(results)
    assert main(["report", str(finished)]) == 0
    assert files(results) == before
    assert_contains(capsys.readouterr().out, [f"{finished}/report.html"])


def test_the_report_needs_no_data_and_writes_missing_files_again(tmp_path: Path) -> None:
    run = make(tmp_path)
    before = files(run.parents[1])
    shutil.rmtree(tmp_path / "data")
    for name in ("report.html", "best.tsv", "trials.tsv"):
        (run / name).unlink()
    assert main(["report", str(run)]) == 0
    assert files(run.parents[1]) == before


def test_a_run_without_validation_has_what_it_was_selected_on_in_its_tables_again(
    tmp_path: Path,
) -> None:
    path = experiment_writer(tmp_path)()
    path.write_text(path.read_text().replace("    validation_path: ../data/{0}/val.txt\n", ""))
    run = run_experiment(path, progress=False).folder
    before = files(run.parents[1])
    assert b"selected_on" in before[f"performance/{run.name}/best.tsv"]
    assert main(["report", str(run)]) == 0
    assert files(run.parents[1]) == before


def test_a_run_without_one_of_its_trials_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run_copy"
    shutil.copytree(finished, copy)
    lines = (copy / "trials.jsonl").read_text().splitlines(keepends=True)
    (copy / "trials.jsonl").write_text("".join(lines[1:]))
    assert main(["report", str(copy)]) == 2
    assert_contains(capsys.readouterr().err, [copy, "damaged"])
    shutil.rmtree(copy / "per_user")
    (copy / "trials.jsonl").write_text("".join(lines))
    assert main(["report", str(copy)]) == 2
    assert "per_user" in capsys.readouterr().err


def test_the_plain_model_mixes_its_two_graphs(finished: Path) -> None:
    """The graph of LATTICE is the mean, by ``l_m``, of the two that are shown."""
    import torch

    from mmrec.models import LATTICE

    manifest = json.loads((finished / "manifest.json").read_text())["written"]
    plan = make_plan(read_experiment(manifest["document"], Path(manifest["base_dir"])))
    (dataset,) = load_datasets(plan)
    model = LATTICE(LATTICE.Config(top_k=4, l_m=0.3, factors=8), dataset)
    with torch.no_grad():
        learned, raw = model.item_graph(raw_share=0.0), model.item_graph(raw_share=1.0)
        mixed = 0.7 * learned.to_dense() + 0.3 * raw.to_dense()
        torch.testing.assert_close(model.item_graph().to_dense(), mixed)
