"""Where points ran on several seeds, everything in a report uses their means."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest
from studies import make_data, make_study
from test_reporting_html import Page, finished, render, study

from mmrec.evaluation import GROUPS
from mmrec.reporting.plots.style import draw
from mmrec.reporting.sections.comparison import best_models
from mmrec.reporting.sections.learning import learning_curves
from mmrec.reporting.sections.popularity import popularity
from mmrec.reporting.sections.repetitions import mean_table
from mmrec.reporting.sections.search import search_heatmap, search_scatter
from mmrec.reporting.sections.trials import points_table
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study

# The first point has the best trial, the second one the best mean.
VALUES = {("none", 0.1): [0.5, 0.1, 0.1], ("permute", 0.1): [0.3, 0.4, 0.35]}
VALUES |= {("none", 0.2): [0.2, 0.2, 0.2], ("permute", 0.2): [0.1, 0.2, 0.1]}
BEST = VALUES["permute", 0.1]


def points() -> list[list[TrialRecord]]:
    made, index = [], 0
    for (control, lr), values in VALUES.items():
        made.append([])
        for seed, value in enumerate(values, 1):
            record = finished(index, value, control=control, lr=lr, seed=seed)
            share = {f"{name}@20": value for name in ("Recall", "Share")}
            counts = {"items": 3.0, "interactions": 4.0, "relevant": 5.0}
            made[-1].append(replace(record, groups=dict.fromkeys(GROUPS, share | counts)))
            index += 1
    return made


def repeated() -> Study:
    of_points = points()
    records = [record for trials in of_points for record in trials]
    return make_study(records, name="A", searched=("control", "lr"), points=of_points)


def bold(study: Study) -> list[str]:
    axes = draw(search_heatmap(make_data([study]), "control", "lr")).axes[0]
    return [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"]


def test_the_heat_map_marks_the_point_with_the_best_mean_and_shows_deviations() -> None:
    assert bold(repeated()) == [f"{fmean(BEST):.4f}\n± {stdev(BEST):.4f}"]


def test_the_scatter_plot_has_a_dot_and_a_bar_for_each_point() -> None:
    axes = draw(search_scatter(make_data([repeated()]), "control")).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert sorted(float(dot.get_ydata()[0]) for dot in dots) == pytest.approx(
        sorted(fmean(values) for values in VALUES.values())
    )
    assert list(bars[-1].get_ydata()) == pytest.approx(
        [fmean(BEST) - stdev(BEST), fmean(BEST) + stdev(BEST)]
    )
    assert dots[-1].get_ydata()[0] == pytest.approx(fmean(BEST))  # the highlighted one


def test_the_learning_curve_is_the_mean_of_the_best_point() -> None:
    figure = draw(learning_curves(make_data([repeated()])))
    below = figure.axes[1]
    thick = max(below.lines, key=lambda line: line.get_linewidth() * (len(line.get_xdata()) > 1))
    assert list(thick.get_ydata()) == pytest.approx([fmean(BEST) - 0.02, fmean(BEST)])
    assert f"mean validation Recall@20: {fmean(BEST):.4f}" in figure.get_label()


def test_groups_of_items_have_means() -> None:
    above = draw(popularity(make_data([repeated()]))).axes[0]
    assert list(above.lines[0].get_ydata()) == pytest.approx([fmean(BEST)] * len(GROUPS))


def test_the_table_of_models_has_the_means_with_their_deviations_and_says_so() -> None:
    data = make_data([repeated(), study(finished(50, 0.33), name="B")])
    head, (one, other) = [cell.text for cell in best_models(data).header], best_models(data).rows
    place = head.index("Recall@20")
    assert one[place].data == repr(fmean(x - 0.01 for x in BEST))
    assert one[place].spread == pytest.approx(stdev(BEST))
    assert one[place].strong
    assert not other[place].strong
    assert [row[head.index("mean over")].text for row in (one, other)] == ["3 seeds", "1 trial"]
    assert one[head.index("validation value")].data == repr(fmean(BEST))
    assert one[head.index("best epoch")].text == "4, 4, 4"


def test_a_better_first_seed_does_not_win() -> None:
    lucky = [finished(n, value, seed=n) for n, value in enumerate((0.9, 0.1, 0.1))]
    steady = [finished(n + 3, value, seed=n) for n, value in enumerate((0.4, 0.5, 0.5))]
    studies = [make_study(x, name=n, points=[x]) for n, x in (("Lucky", lucky), ("Steady", steady))]
    table = best_models(make_data(studies))
    assert [row[0].text for row in table.rows if row[2].strong] == ["Steady"]
    words = Page(render(studies)).words
    assert re.search(r"Steady is the best of 2 models, [^.]*0\.4667 ± 0\.0577", words)


def test_the_table_of_means_has_all_digits() -> None:
    one = repeated()
    values = [trial.test["Recall@20"] for trial in one.best_trials]
    (row,) = mean_table(make_data([one])).frame.to_dict("records")
    assert row["test Recall@20"] == pytest.approx(fmean(values), rel=1e-15)
    assert row["test Recall@20 std"] == pytest.approx(stdev(values), rel=1e-15)


def test_the_page_names_single_trials_and_all_trials_of_the_best_point() -> None:
    one = repeated()
    one.best_per_user["Recall@20"] = np.array([0.1, 0.2])
    page = Page(render([one]))
    assert "means over the seeds of the best point" in page.words
    assert "the best point is that of trials 4 to 6, with a mean validation Recall@20" in page.words
    assert f"{fmean(BEST):.4f} ± {stdev(BEST):.4f}" in page.words
    assert len(re.findall(r"best point \d\.", page.words)) == 3  # in the table of trials
    html = render([one])
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        assert len(set(Page(table).rows)) == 1


def test_the_csv_of_the_results_says_what_follows_a_value() -> None:
    one, (record, *_) = repeated(), points()[0]
    single = make_study([record], name="B", best=record)
    for each in (one, single):
        each.best_per_user["Recall@20"] = np.array([0.1, 0.2])
    for studies, expected in (
        ([one], "std"),
        ([single], "half interval"),
        ([one, single], "std or half interval"),
    ):
        head = best_models(make_data(studies)).to_csv().partition("\n")[0].split(",")
        assert f"Recall@20 {expected}" in head
    assert "Recall@20 std" in points_table(one, "validation").to_csv()


def test_a_point_with_a_failed_seed_cannot_be_marked() -> None:
    of_points = points()
    of_points[1][0] = TrialRecord(
        "x", "x", "external.M", 3, of_points[1][0].parameters, "failed", "no"
    )
    records = [record for trials in of_points for record in trials]
    one = make_study(records, searched=("control", "lr"), points=of_points)
    values = VALUES["none", 0.1]
    assert bold(one) == [f"{fmean(values):.4f}\n± {stdev(values):.4f}"]
