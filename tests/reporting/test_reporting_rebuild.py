"""The report, tables and figures of a run are read from its folder."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers import assert_contains, refusal
from resealing import reseal
from tiny_experiment import experiment_writer, settings

from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.reporting.report import read_results, rebuild_report
from mmrec.reporting.results import Results

pytestmark = pytest.mark.usefixtures("figures")

EXTERNAL = """
from mmrec.models import register
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig

class Mine(LightGCNM):
    def diagnostics(self):
        return {"norm": self.user_embedding.weight.norm().item()}
"""
MODELS = {
    "MostPop": {},
    "external.Mine": settings(lr=[0.01, 0.02], seed={"repeat": 2}),
    "LATTICE": settings(lr=[0.01, 0.02], n_layers=[1, 2], top_k=4),
}


@pytest.fixture(autouse=True)
def _no_windows() -> Iterator[None]:
    matplotlib.use("agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="module")
def finished(figures: None, tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("rebuild")
    (folder / "mine.py").write_text(EXTERNAL)
    path = experiment_writer(folder)(
        MODELS,
        external_models_path=str(folder / "mine.py"),
        evaluation={"simple_metrics": ["Recall", "nDCG"], "cutoffs": [3, 5], "wilcoxon_test": True},
    )
    results = run_experiment(path, progress=False)
    shutil.rmtree(folder / "data")  # data and models are not needed below
    (folder / "mine.py").unlink()
    return results


def copied(finished: Results, to: Path) -> Path:
    """A copy of the run's folder under the same name."""
    return Path(shutil.copytree(finished.folder, to / finished.folder.name))


def test_a_rebuilt_run_has_the_same_bytes(finished: Results, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    written = ("report.html", "best.tsv", "trials.tsv", "significance.tsv")
    for name in written:
        (folder / name).unlink()
    results = rebuild_report(folder)
    assert results.best.equals(finished.best)
    for name in written:
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes()


@pytest.mark.parametrize("damage", ["manifest.json", "trials.jsonl", "per_user"])
def test_a_damaged_run_is_refused_and_not_changed(
    finished: Results, tmp_path: Path, damage: str
) -> None:
    folder = copied(finished, tmp_path)
    if damage == "per_user":
        for path in (folder / damage).iterdir():
            path.write_bytes(path.read_bytes()[:40])
    else:
        (folder / damage).write_text("")
    before = (folder / "report.html").stat().st_mtime_ns
    with pytest.raises(DataError, match=str(folder)):
        rebuild_report(folder)
    assert (folder / "report.html").stat().st_mtime_ns == before


def test_read_results_are_those_of_the_run(finished: Results) -> None:
    again = read_results(finished.folder)
    assert again.best.equals(finished.best)
    assert list(again.trials["trial"]) == list(finished.trials["trial"])
    assert again.trials["seconds"].tolist() == finished.trials["seconds"].tolist()
    assert again.trials["seconds"].max() > 0
    assert again.n_failed == 0


def test_every_figure_of_the_report_can_be_drawn(finished: Results) -> None:
    plot = finished.plot
    above, below = plot.learning_curves("LATTICE")
    assert above.get_title("left") == "mean training loss"
    assert below.get_xlabel() == "epoch"
    heat = plot.search_heatmap()
    assert (heat.get_xlabel(), heat.get_ylabel()) == ("lr", "n_layers")
    heat = plot.search_heatmap("n_layers")
    assert (heat.get_xlabel(), heat.get_ylabel()) == ("n_layers", "lr")
    assert plot.search_scatter("lr", model="Mine").get_xlabel() == "lr"
    assert plot.per_user("nDCG@3").get_xlabel() == "test nDCG@3 of a user"
    recall, share = plot.popularity(5)
    assert "Recall@5" in recall.get_title("left")
    assert "5 recommended items" in share.get_title("left")
    weights = plot.modality_weights()
    visual, textual = (line.get_ydata() for line in weights.lines[:2])
    assert np.add(visual, textual) == pytest.approx(1)
    assert plot.diagnostics("norm", "Mine").get_title("left") == "norm"


@pytest.mark.parametrize(
    ("draw", "facts"),
    [
        (lambda p: p.learning_curves("MostPop"), ["MostPop"]),
        (lambda p: p.learning_curves("LATICE"), ["'LATICE'", "'LATTICE'"]),
        (lambda p: p.search_heatmap(model="Mine"), ["Mine"]),
        (lambda p: p.search_heatmap("epochs"), ["'epochs'", "lr, n_layers"]),
        (lambda p: p.per_user("nDCG5"), ["'nDCG5'", "'nDCG@5'"]),
        (lambda p: p.popularity(4), ["cutoff", "4", "3, 5"]),
        (lambda p: p.modality_weights("Mine"), ["Mine", "norm"]),
    ],
)
def test_what_a_run_does_not_have_is_refused(finished: Results, draw, facts: list[str]) -> None:
    assert_contains(refusal(DataError, draw, finished.plot), facts)


def test_a_run_without_groups_and_diagnostics(finished: Results, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    text = (
        (folder / "trials.jsonl").read_text().replace('"groups": {"popular"', '"groups": {"other"')
    )
    text = text.replace('"modality_weights/', '"else/')
    reseal(folder, [json.loads(line) for line in text.splitlines()])
    results = read_results(folder)
    with pytest.raises(DataError, match="popular"):
        results.plot.popularity()
    with pytest.raises(DataError, match=r"Mine: .*'modality_weights'.*norm; LATTICE: .*else"):
        results.plot.modality_weights()
    assert "Popular and rare" not in rebuild_report(folder).report.read_text()


def test_figures_without_matplotlib(
    finished: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DataError, match=r"pip install .*\.\[report\]"):
        finished.plot.per_user()
    page = rebuild_report(copied(finished, tmp_path)).report.read_text()
    assert "<img" not in page
    assert "&#39;.[report]&#39;" in page
    assert page.count("<figure") == finished.report.read_text().count("<img") > 3


def test_tables_of_the_report(finished: Results) -> None:
    assert list(finished.tables) == [
        *("best", "seeds", "wilcoxon_test over users", "users", "costs"),
        *("trials MostPop", "points Mine", "trials Mine", "trials LATTICE"),
        *("splits", "packages", "digests"),
    ]
    latex = finished.tables["best"].to_latex()
    assert r"\label{tab:tiny-best}" in latex
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == 1
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert len({line.count(" & ") for line in rows}) == 1
    header, *figures = finished.tables["best"].to_csv().splitlines()
    place = header.split(",").index("Recall@3")
    best = finished.best
    expected = best["Recall@3 mean"].fillna(best["Recall@3"])  # a mean where there are seeds
    assert [float(line.split(",")[place]) for line in figures] == expected.tolist()


OWN_SECTION = """
from mmrec.reporting.sections.base import Section, figure, section
from mmrec.reporting.table import make_table

@section("lengths", order=65)
def lengths(data):
    rows = [[study.name, len(study.records)] for study in data.studies]
    yield Section("Lengths", "lengths", tables={"lengths": make_table("Trials.", ["m", "n"], rows)})

@figure
def own_figure(data, height=1.0):
    return lambda figure: figure.subplots().axhline(height)
"""


def test_a_section_and_a_figure_of_the_users_own_file(experiment_file, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN_SECTION)
    results = run_experiment(experiment_file(external_models_path=str(own)), progress=False)
    page = results.report.read_text()
    before, after = page.index('id="costs"'), page.index('id="model-1"')
    assert before < page.index('<h2 id="lengths">Lengths</h2>') < after
    assert results.tables["lengths"].to_csv() == "m,n\nMostPop,1\n"
    assert results.plot.own_figure(height=2.0).lines[0].get_ydata() == [2.0, 2.0]
    assert "own_figure" in dir(results.plot)
    assert rebuild_report(results.folder).report.read_text() == page
    own.unlink()
    assert "Lengths" not in rebuild_report(results.folder).report.read_text()
    with pytest.raises(AttributeError, match="did you mean 'per_user'"):
        results.plot.per_users  # noqa: B018
