"""Complex metrics from the experiment file to the tables, the report and the verification."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import assert_contains, refusal
from stopping import stop_after
from tiny_experiment import Write, change, settings

from mmrec import run_experiment
from mmrec.cli import main
from mmrec.errors import ConfigError, DataError
from mmrec.registry import activate_external
from mmrec.reporting.report import rebuild_report
from mmrec.runs.folder import RunFolder
from mmrec.verify.diff import diff_runs
from mmrec.verify.verification import verify_run

COMPLEX = [
    {"metric": "DSC"},
    {
        "metric": "clustered_Recall",
        "user_clustering_name": "half",
        "user_clustering_file": "../data/{0}/users.tsv",
    },
    {"metric": "RSP", "clustering_name": "c", "clustering_file": "../data/{0}/items.tsv"},
]
OUTPUTS = [
    "DSC",
    "Recall_users:half-0",
    "Recall_users:half-1",
    "RSP-ProbToBeRanked_items:c-0",
    "RSP-ProbToBeRanked_items:c-1",
    "RSP_items:c",
]


@pytest.fixture
def experiment(experiment_file: Write, tmp_path: Path) -> Path:
    """Two models, two simple metrics and three complex ones."""
    data = tmp_path / "data" / "tiny"
    (data / "users.tsv").write_text("".join(f"{user}\t{user % 2}\n" for user in range(24)))
    (data / "items.tsv").write_text("".join(f"{10 * item}\t{item % 2}\n" for item in range(20)))
    return experiment_file(
        {"BM3": settings(), "MostPop": {}},
        evaluation={
            "simple_metrics": ["Recall", "nDCG"],
            "cutoffs": [3, 5],
            "paired_ttest": True,
            "complex_metrics": COMPLEX,
        },
    )


def test_complex_metrics_are_in_all_results(experiment: Path) -> None:
    results = run_experiment(experiment, progress=False)
    labels = [f"{name}@{k}" for name in ["Recall", "nDCG", *OUTPUTS] for k in (3, 5)]
    best = pd.read_csv(results.folder / "best.tsv", sep="\t")
    assert list(best.columns[3 : 3 + len(labels)]) == labels
    halves = best[["Recall_users:half-0@5", "Recall_users:half-1@5"]].mean(axis=1)
    np.testing.assert_allclose(halves, best["Recall@5"])  # 12 users in each half
    assert (best["validation RSP_items:c@3"] >= 0).all()

    performance = results.folder.parent
    (table,) = performance.glob("rec_cutoff_5_*.tsv")
    assert list(pd.read_csv(table, sep="\t").columns) == ["model", "Recall", "nDCG", *OUTPUTS]
    protocol = json.loads((results.folder / "manifest.json").read_text())["protocol"]
    assert protocol["metrics"] == ["Recall", "nDCG", *OUTPUTS]
    assert protocol["lower_is_better"] == ["RSP_items:c"]
    assert protocol["neither_is_better"] == OUTPUTS[3:5]
    assert len(protocol["metric_files"]) == 2
    folder = RunFolder(results.folder)
    trial = next(x for x in folder.trials.read() if x.name == best["trial"][0])
    per_user = folder.per_user(trial)
    assert {"DSC@3", "Recall_users:half-1@5"} <= set(per_user)
    assert not {label for label in per_user if label.startswith("RSP")}

    tested = pd.read_csv(results.folder / "significance.tsv", sep="\t")["metric"]
    assert set(tested) == {"Recall@3", "Recall@5", "nDCG@3", "nDCG@5"}  # as in Elliot
    (tests,) = performance.glob("stat_paired_ttest_cutoff_5_*.tsv")
    assert set(pd.read_csv(tests, sep="\t", header=None)[2]) == {"Recall", "nDCG"}

    before = results.report.read_text()
    assert "RSP_items:c@5" in before
    rebuild_report(results.folder)
    assert results.report.read_text() == before
    table = results.tables["best"]
    head = [cell.text for cell in table.header]
    strong = {head[place] for row in table.rows for place, cell in enumerate(row) if cell.strong}
    assert {"DSC@5", "RSP_items:c@5"} <= strong
    assert "RSP-ProbToBeRanked_items:c-0@5" not in strong


def test_verify_and_diff_name_a_changed_file_of_groups(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_experiment(experiment, progress=False).folder
    assert verify_run(folder).is_identical
    groups = tmp_path / "data" / "tiny" / "users.tsv"
    groups.write_text(groups.read_text().replace("0\t0", "0\t1"))
    assert main(["verify", "--quiet", str(folder)]) == 3
    assert_contains(capsys.readouterr().out, ["complex_metrics[1].user_clustering_file"])
    other = run_experiment(experiment, progress=False).folder
    assert "complex_metrics[1].user_clustering_file" in str(diff_runs(folder, other))


def test_a_run_is_resumed_with_the_same_files_of_groups_only(
    experiment: Path, tmp_path: Path
) -> None:
    groups = tmp_path / "data" / "tiny" / "users.tsv"
    written = groups.read_text()
    expected = run_experiment(experiment, progress=False)
    unfinished = interrupt(experiment)
    groups.write_text(written.replace("0\t0", "0\t1"))
    assert run_experiment(experiment, progress=False).folder != unfinished
    groups.write_text(written)
    resumed = run_experiment(experiment, progress=False)
    assert resumed.folder == unfinished
    trials = [results.trials.drop(columns="seconds") for results in (resumed, expected)]
    pd.testing.assert_frame_equal(*trials)


def test_users_without_a_group_are_reported(experiment: Path, tmp_path: Path) -> None:
    groups = tmp_path / "data" / "tiny" / "users.tsv"
    groups.write_text("1\t0\n2\t1\n")
    notes = json.loads(
        (run_experiment(experiment, progress=False).folder / "manifest.json").read_text()
    )["notes"]
    assert [note for note in notes if str(groups) in note and "22 of 24 users" in note]
    groups.write_text("01\t0\n02\t1\n")
    message = refusal(DataError, run_experiment, experiment)
    assert_contains(message, [groups, "a user", "01", "leading zeros"])


def interrupt(path: Path) -> Path:
    """Run an experiment up to an interruption; return the folder of the run."""
    performance = path.parents[1] / "results" / "tiny" / "performance"
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(path, progress=False)
    return max(performance.glob("run_*"))


def test_problems_have_their_lines(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = yaml.safe_load(experiment.read_text())["experiment"]["evaluation"]
    wrong = [COMPLEX[0] | {"beta": "x"}, COMPLEX[1] | {"user_clustering_file": "../data/u"}]
    change(
        experiment,
        evaluation=content | {"simple_metrics": ["DSC", "RMSE", "HR"], "complex_metrics": wrong},
        models={"MostPop": {"meta": {"validation_metric": "DSC@3"}}},
    )
    assert main(["validate", str(experiment)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert_contains(lines[0], ["simple_metrics[0]", "DSC", "complex_metrics"])
    assert_contains(lines[1], ["simple_metrics[1]", "RMSE", "predicted ratings"])
    assert_contains(lines[2], ["complex_metrics[0].beta", "'x'"])
    assert_contains(lines[3], ["complex_metrics[1].user_clustering_file", "no such path"])
    assert_contains(lines[4], ["MostPop.meta.validation_metric", "'DSC@3'", "simple_metrics"])
    assert len(lines) == 5


def test_auc_needs_lists_of_all_items(experiment_file: Write) -> None:
    path = experiment_file(evaluation={"simple_metrics": ["AUC", "GAUC", "Recall"], "cutoffs": 5})
    message = refusal(ConfigError, run_experiment, path)
    assert_contains(message, ["top_k", "found 5", "AUC, GAUC", "20", "LAUC"])
    best = run_experiment(change(path, top_k=20), progress=False).best.iloc[0]
    assert 0 < best["GAUC@5"] < 1
    assert best["AUC@5"] == pytest.approx(best["GAUC@5"])  # one relevant item for each user


OWN = """
from mmrec.config import Count
from mmrec.evaluation import Better, ComplexMetric, Compute, complex_metric


@complex_metric("HitShare")
class HitShare(ComplexMetric):
    "The share of users with at least ``least`` hits."

    least: Count = 1

    def outputs(self) -> dict[str, Better]:
        return {f"HitShare_{self.least}": "higher"}

    def prepare(self, truth, ids) -> Compute:
        (name,) = self.outputs()
        return lambda lists: {name: float((lists.n_hits >= self.least).mean())}
"""


@pytest.fixture
def _without_own_file() -> Iterator[None]:
    yield
    activate_external(None)


@pytest.mark.usefixtures("_without_own_file")
def test_a_complex_metric_of_the_users_own_file(experiment_file: Write) -> None:
    path = experiment_file(
        evaluation={
            "simple_metrics": ["HR"],
            "complex_metrics": {"metric": "hitshare", "least": 1},
        },
        external_models_path="own.py",
    )
    (path.parent / "own.py").write_text(OWN)
    results = run_experiment(path, progress=False)
    assert results.best["HitShare_1@5"].tolist() == results.best["HR@5"].tolist()
    rebuild_report(results.folder)


def test_lists_made_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.tsv").write_text("a\tx\na\ty\nb\tx\nb\tz\n")
    (tmp_path / "test.tsv").write_text("a\tz\nb\ty\n")
    (tmp_path / "lists.tsv").write_text("a\tz\t1\nb\ty\t1\n")
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "items").write_text("x\t0\ny\t1\nz\t1\n")
    (tmp_path / "groups" / "metrics.yml").write_text(
        "complex_metrics:\n  - {metric: RSP, clustering_name: g, clustering_file: items}\n"
    )
    command = ["evaluate", "--recs", "lists.tsv", "--train", "train.tsv", "--test", "test.tsv"]
    command += ["--cutoffs", "1", "--metrics", "Recall", "AUC", "--json", "figures.json"]
    assert main([*command, "--complex-metrics", "groups/metrics.yml"]) == 0
    assert "RSP_items:g@1" in capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert figures["AUC@1"] == 1  # each list has the one candidate of its user
    assert figures["RSP-ProbToBeRanked_items:g-1@1"] == 1
    assert np.isnan(figures["RSP-ProbToBeRanked_items:g-0@1"])  # all users have x
    (tmp_path / "test.tsv").write_text("a\tz\nb\ty\nb\tz\n")
    (tmp_path / "lists.tsv").write_text("a\tz\t1\n")
    assert main(command) == 2
    assert_contains(capsys.readouterr().err, ["AUC", "user number 1", "0 of 1"])
