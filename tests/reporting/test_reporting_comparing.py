"""Comparisons of several runs: values by hand, tests by scipy, refusals, and the files."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from helpers import assert_contains, refusal
from resealing import reseal
from scipy import stats
from studies import make_study
from tiny_experiment import Write, experiment_writer, settings, write_tiny_data

from mmrec import compare
from mmrec.cli import main
from mmrec.errors import DataError
from mmrec.evaluation import holm
from mmrec.experiment import run_experiment
from mmrec.reporting.comparing.diagram import cliques
from mmrec.reporting.comparing.mean_ranks import MeanRanks
from mmrec.reporting.comparing.scores import ModelScores, Scores
from mmrec.reporting.comparing.tables import ranks_table, results_table
from mmrec.reporting.comparing.verdicts import Verdict
from mmrec.reporting.results import Results
from mmrec.runs.finished import FinishedRun
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.runs.studies import read_studies

SEEDS = {"repeat": 3}
MODELS: dict[str, Any] = {
    "MostPop": {},
    "BPRMF": settings(seed=SEEDS),
    "LightGCN": settings(seed=SEEDS, epochs=8, lr=0.05),
}
SIZES = {"tiny": 24, "second": 30, "third": 36, "fourth": 42, "fifth": 48}


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    folder = tmp_path_factory.mktemp("compared")
    write = experiment_writer(folder)
    for name, n_users in SIZES.items():
        if name != "tiny":
            write_tiny_data(folder / "data" / name, n_users=n_users)
    return write


@pytest.fixture(scope="module")
def runs(write: Write) -> dict[str, Results]:
    return {name: run_experiment(write(MODELS, dataset=name), progress=False) for name in SIZES}


def means(run: Results, label: str) -> dict[str, float]:
    """The mean over the trials of each model, which has a single point."""
    trials = run.trials.groupby("model", sort=False)[label]
    return {str(model): float(values.mean()) for model, values in trials}


def edited(run: Results, folder: Path, **protocol: Any) -> Path:
    """Copy a run and change its protocol."""
    path = folder / "run_changed"
    shutil.copytree(run.folder, path)
    manifest = json.loads((path / "manifest.json").read_text())
    reseal(path, protocol=manifest["protocol"] | protocol)
    return path


def test_means_deviations_and_gains(runs: dict[str, Results]) -> None:
    frame = compare([runs["tiny"], runs["second"]]).frame
    for name in ("tiny", "second"):
        for label in ("Recall@3", "nDCG@5"):
            expected = means(runs[name], label)
            rows = frame[(frame.dataset == name) & (frame.metric == label)].set_index("model")
            assert rows["mean"].to_dict() == pytest.approx(expected)
            trials = runs[name].trials
            deviation = trials[trials.model == "BPRMF"][label].std(ddof=1)
            assert rows.loc["BPRMF", "std"] == pytest.approx(deviation)
            assert np.isnan(rows.loc["MostPop", "std"])
            best, second = sorted(expected.values(), reverse=True)[:2]
            assert rows["gain"].dropna().tolist() == [pytest.approx((best - second) / second)]


def test_the_gain_of_a_proposed_model_may_be_negative(runs: dict[str, Results]) -> None:
    comparison = compare([runs["tiny"]], proposed=["MostPop"], metrics=["Recall@5"])
    found = means(runs["tiny"], "Recall@5")
    baseline = max(found["BPRMF"], found["LightGCN"])
    gain = (found["MostPop"] - baseline) / baseline
    assert comparison.frame["gain"].dropna().tolist() == [pytest.approx(gain)]
    assert list(comparison.models) == ["BPRMF", "LightGCN", "MostPop"]
    assert f"{gain:+.1%}" in comparison.to_markdown()


def test_p_values_over_users_and_seeds_are_those_of_scipy(runs: dict[str, Results]) -> None:
    label = "Recall@5"
    comparison = compare([runs["tiny"], runs["second"]], metrics=[label])
    users, seeds = {}, {}
    for name in ("tiny", "second"):
        folder = RunFolder(runs[name].folder)
        studies = {s.name: s for s in read_studies(FinishedRun.open(runs[name].folder))}
        values = {
            model: np.mean([folder.per_user(t)[label] for t in study.best_trials], axis=0)
            for model, study in studies.items()
        }
        tests = {m: [t.test[label] for t in study.best_trials] for m, study in studies.items()}
        leader = max(tests, key=lambda model: np.mean(tests[model]))
        for model in tests:
            if model != leader:
                pair = values[leader], values[model]
                users[name, model] = stats.ttest_rel(*pair, nan_policy="omit").pvalue
                if len(tests[model]) > 1 and len(tests[leader]) > 1:
                    seeds[name, model] = stats.ttest_rel(tests[leader], tests[model]).pvalue
    frame = comparison.frame.set_index(["dataset", "model"])
    for column, raw in (("p_users", users), ("p_seeds", seeds)):
        order = list(raw)
        corrected = dict(zip(order, holm([raw[key] for key in order]), strict=True))
        assert frame[column].dropna().to_dict() == pytest.approx(corrected)
        assert corrected


def test_models_on_different_seeds_are_compared_by_welch(write: Write) -> None:
    models = {
        "BPRMF": settings(seed={"repeat": 2}),
        "LightGCN": settings(seed={"repeat": 3}, epochs=8, lr=0.05),
    }
    run = run_experiment(write(models), progress=False)
    trials = run.trials.groupby("model")["nDCG@5"]
    one, other = (trials.get_group(model) for model in models)
    frame = compare([run], metrics=["nDCG@5"]).frame
    expected = stats.ttest_ind(one, other, equal_var=False).pvalue
    assert frame["p_seeds"].dropna().tolist() == [pytest.approx(expected)]


def test_the_best_proposed_model_is_compared_with_the_others_alone(
    write: Write, runs: dict[str, Results]
) -> None:
    label, proposed = "Recall@5", ["BPRMF", "LightGCN"]
    frame = compare([runs["tiny"]], proposed=proposed, metrics=[label]).frame.set_index("model")
    found = means(runs["tiny"], label)
    leader = max(proposed, key=found.__getitem__)
    gain = found[leader] / found["MostPop"] - 1
    assert frame["gain"].dropna().to_dict() == {leader: pytest.approx(gain)}
    assert list(frame["p_users"].dropna().index) == ["MostPop"]
    # There is nothing to compare if all models are proposed, or none that a data set has.
    frame = compare([runs["tiny"]], proposed=list(MODELS), metrics=[label]).frame
    assert frame["gain"].isna().all()
    other = run_experiment(write({"MostPop": {}, "Random": {}}, dataset="second"), progress=False)
    frame = compare([runs["tiny"], other], proposed=["BPRMF"], metrics=[label]).frame
    assert frame[frame["gain"].notna()]["dataset"].tolist() == ["tiny"]


@pytest.mark.parametrize("other", [{}, {"Recall@5": math.nan}, {"nDCG@5": 0.5}])
def test_a_figure_that_a_trial_lacks_has_no_mean(other: dict[str, float]) -> None:
    trials = [
        TrialRecord("1", "a", "M", 0, {}, "finished", test=figures)
        for figures in ({"Recall@5": 0.25}, {"Recall@5": 0.75}, other)
    ]
    seeds = [("", seed) for seed in range(3)]
    study = make_study(trials)
    whole = ModelScores(study, Path(), dict(zip(seeds[:2], trials, strict=False)))
    found = whole.spread("Recall@5")
    assert found is not None
    assert (found.n, found.mean) == (2, 0.5)
    lacking = ModelScores(study, Path(), dict(zip(seeds, trials, strict=True)))
    assert lacking.spread("Recall@5") is None
    cells = {("d", "whole"): whole, ("d", "lacking"): lacking}
    scores = Scores(["d", "e"], ["whole", "lacking"], ["Recall@5"], cells)
    assert scores.means("d", "Recall@5") == {"whole": 0.5}
    assert scores.means("e", "Recall@5") == {}
    # A gain over 0 is no number: the table has no row for it.
    verdict = Verdict(["whole"], [], "whole", "lacking", ["lacking"], False, None)
    table = results_table(scores, {("d", "Recall@5"): verdict})
    assert [row[2].text for row in table.rows] == ["0.5000", "\N{EN DASH}"]
    assert [row[2].spread for row in table.rows] == [pytest.approx(0.125**0.5), None]


def test_only_the_best_mean_rank_is_bold() -> None:
    ranks = MeanRanks("Recall@5", {"a": 1.5, "b": 1.25, "c": 3.0}, 4, None, None)
    table = ranks_table([ranks], ["a", "b", "c", "d"])
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["a", "1.50"],
        ["b", "1.25"],
        ["c", "3.00"],
    ]
    assert [row[1].strong for row in table.rows] == [False, True, False]


@pytest.mark.parametrize(
    ("best", "p_values", "expected"),
    [
        ("A", {"B": 0.01, "C": 0.049}, True),
        ("B", {"B": 0.01, "C": 0.01}, False),  # the leader is the best proposed model, but worse
        ("AB", {"B": 0.01, "C": 0.01}, False),
        ("A", {"B": 0.01, "C": 0.05}, False),
        ("A", {"B": 0.2, "C": 0.01}, False),
        ("A", {"C": 0.01}, False),
        ("A", {}, False),
    ],
)
def test_a_leader_is_marked_if_it_is_best_and_every_test_is_significant(
    best: str, p_values: dict[str, float], expected: bool
) -> None:
    verdict = Verdict(list(best), [], "A", "B", ["B", "C"], True, None)
    users, seeds = replace(verdict, over_users=p_values), replace(verdict, over_seeds=p_values)
    assert (users.is_significant_over_users, users.is_significant_over_seeds) == (expected, False)
    assert (seeds.is_significant_over_users, seeds.is_significant_over_seeds) == (False, expected)


def test_the_best_is_bold_and_the_second_underlined(runs: dict[str, Results]) -> None:
    table = compare([runs["tiny"]], metrics=["Recall@5"]).table
    cells = {row[1].text: row[2] for row in table.rows}
    ranked = sorted(means(runs["tiny"], "Recall@5").items(), key=lambda item: -item[1])
    assert [m for m, cell in cells.items() if cell.strong] == [ranked[0][0]]
    assert [m for m, cell in cells.items() if cell.underlined] == [ranked[1][0]]
    assert {m for m, cell in cells.items() if cell.spread is not None} == {"BPRMF", "LightGCN"}


def test_the_csv_of_the_table_names_every_data_set(runs: dict[str, Results]) -> None:
    text = compare([runs["tiny"], runs["second"]]).table.to_csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["data set"] for row in rows] == ["tiny"] * 4 + ["second"] * 4
    assert [row["model"] for row in rows[:4]] == [*MODELS, "gain"]
    assert "Recall@5 std" in rows[0]


def test_mean_ranks_with_friedman_and_nemenyi(runs: dict[str, Results]) -> None:
    label = "nDCG@5"
    (found,) = compare(list(runs.values()), metrics=[label]).ranks
    values = np.array([list(means(run, label).values()) for run in runs.values()])
    ranks = stats.rankdata(-values, axis=1).mean(axis=0)
    assert list(found.ranks.values()) == pytest.approx(ranks.tolist())
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*values.T).pvalue)
    # q for three models is 2.343; sqrt(3 * 4 / (6 * 5)) is 0.632.
    assert found.critical_difference == pytest.approx(2.343 * 0.6325, abs=2e-3)


def test_fewer_than_five_data_sets_are_only_ranked(runs: dict[str, Results]) -> None:
    (found,) = compare([runs["tiny"], runs["second"]], metrics=["nDCG@5"]).ranks
    assert found.p_value is None
    assert found.critical_difference is None


def test_one_data_set_has_no_mean_ranks(runs: dict[str, Results]) -> None:
    comparison = compare([runs["tiny"]])
    assert comparison.ranks == []
    assert comparison.to_markdown().count("| model |") == 1


def test_groups_of_the_diagram_by_hand() -> None:
    ranks = {"a": 1.0, "b": 1.8, "c": 2.4, "d": 4.0}
    assert cliques(ranks, 1.0) == [(1.0, 1.8), (1.8, 2.4)]
    assert cliques(ranks, 1.5) == [(1.0, 2.4)]
    assert cliques(ranks, 0.1) == []
    assert cliques(ranks, 9.0) == [(1.0, 4.0)]


def test_a_run_on_the_same_data_adds_its_models(write: Write, runs: dict[str, Results]) -> None:
    other = run_experiment(write({"MostPop": {}, "Random": {}}), progress=False)
    comparison = compare([runs["tiny"], other, runs["second"]])
    assert list(comparison.models) == ["MostPop", "BPRMF", "LightGCN", "Random"]
    assert_contains("\n".join(comparison.notes), ["Random", "second"])
    assert "Random" not in comparison.ranks[0].ranks


@pytest.mark.parametrize(
    ("protocol", "facts"),
    [
        ({"cutoffs": [3]}, ["cutoffs", "[3, 5]", "[3]"]),
        ({"relevance_threshold": 4.0}, ["relevance_threshold", "0.0", "4.0"]),
        ({"candidates": "all items"}, ["candidates", "all items"]),
        ({"selected_on": "test"}, ["selected_on", "validation", "test"]),
    ],
)
def test_runs_of_other_protocols_are_refused(
    runs: dict[str, Results], tmp_path: Path, protocol: dict[str, Any], facts: list[str]
) -> None:
    other = edited(runs["second"], tmp_path, **protocol)
    message = refusal(DataError, lambda: compare([runs["tiny"], other]))
    assert_contains(message, [*facts, runs["tiny"].folder, other])


def test_other_splits_of_the_same_name_are_refused(
    tmp_path: Path, runs: dict[str, Results], capsys: pytest.CaptureFixture[str]
) -> None:
    write_here = experiment_writer(tmp_path)
    splits = tmp_path / "data" / "tiny"
    lines = (splits / "test.txt").read_text().splitlines(keepends=True)
    (splits / "test.txt").write_text("".join(lines[1:]))
    other = run_experiment(write_here(), progress=False)
    assert main(["compare", str(runs["tiny"].folder), str(other.folder)]) == 2
    assert_contains(capsys.readouterr().err, ["data set tiny", "test differ", other.folder])


def test_a_model_with_two_results_is_refused(write: Write, runs: dict[str, Results]) -> None:
    other = run_experiment(write({"BPRMF": settings(lr=0.02)}), progress=False)
    message = refusal(DataError, lambda: compare([runs["tiny"], other]))
    assert_contains(message, ["BPRMF", "tiny", runs["tiny"].folder, other.folder])


def test_unknown_names_are_refused(runs: dict[str, Results]) -> None:
    one = [runs["tiny"]]
    assert_contains(
        refusal(DataError, lambda: compare(one, metrics=["Recal@5"])), ["'Recal@5'", "Recall@5"]
    )
    assert_contains(refusal(DataError, lambda: compare(one, proposed=["LightGCM"])), ["'LightGCN'"])
    assert_contains(refusal(DataError, lambda: compare([])), ["no run"])
    assert_contains(refusal(DataError, lambda: compare(["nowhere"])), ["nowhere"])


def test_the_latex_is_a_table_of_booktabs(runs: dict[str, Results]) -> None:
    text = compare([runs["tiny"], runs["second"]]).to_latex()
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == 1
        assert text.count(rf"\end{{{environment}}}") == 1
    without = text.replace(r"\{", "").replace(r"\}", "")
    assert without.count("{") == without.count("}")
    (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert all(len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1 for row in rows)
    assert [text.count(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")] == [1, 2, 1]
    assert r"\textbf{" in text
    assert r"\underline{" in text
    assert not re.search(r"(?<!\\)[%_#]", text)


def test_the_latex_of_a_run_holds_what_a_paper_prints(runs: dict[str, Results]) -> None:
    table = runs["tiny"].tables["best"]
    assert_contains(table.to_latex(), ["Recall@3", "nDCG@5", "LightGCN"])
    assert "best epoch" not in table.to_latex()
    assert_contains(table.to_latex(complete=True), ["best epoch", "selected by"])
    assert "best epoch" in table.to_csv()


def test_the_command_writes_the_same_files_again(
    runs: dict[str, Results], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(run.folder) for run in runs.values()]
    for name in ("one", "two"):
        assert main(["compare", *folders, "--output", str(tmp_path / name)]) == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == [f"comparison.{suffix}" for suffix in ("csv", "html", "md", "tex")]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    page = (tmp_path / "one" / "comparison.html").read_text()
    assert_contains(page, ["LightGCN", "fifth", "Friedman", "Nemenyi", "Content-Security-Policy"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "one" / "comparison.csv").read_text())))
    assert len(rows) == 5 * 3 * 4
    capsys.readouterr()
    assert main(["compare", *folders, "--format", "csv", "--metrics", "Recall@3"]) == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == 5 * 3


def test_the_page_leads_to_the_reports_of_the_runs(
    runs: dict[str, Results], tmp_path: Path
) -> None:
    page = compare([runs["tiny"], runs["second"]]).write(tmp_path / "a b" / "c")
    links = re.findall(r'<a href="([^"#]+)">(run_[^<]+)</a>', page.read_text())
    assert [name for _, name in links] == [runs[x].folder.name for x in ("tiny", "second")]
    for (link, _), name in zip(links, ("tiny", "second"), strict=True):
        assert (page.parent / unquote(link)).samefile(runs[name].report)


def test_each_row_of_the_page_is_named_by_its_model(runs: dict[str, Results]) -> None:
    page = compare([runs["tiny"]], metrics=["Recall@5"]).to_html()
    heads = re.findall(r'<th scope="row">([^<\n]*)', page)
    assert heads[:5] == ["tiny", "MostPop", "BPRMF", "LightGCN", "gain"]


def test_the_diagram_is_drawn(runs: dict[str, Results], figures: None) -> None:
    assert "critical difference" in compare(list(runs.values()), metrics=["Recall@3"]).to_html()
