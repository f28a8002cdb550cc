"""The figures that show all models: learning curves, accuracy over cost and coverage."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers import refusal
from matplotlib.figure import Figure
from studies import make_data, make_study

from mmrec.errors import DataError
from mmrec.reporting.plots.style import SERIES, draw, series_mark
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.all_curves import all_curves, all_learning_curves
from mmrec.reporting.sections.diagnostics import series_table
from mmrec.reporting.sections.learning import curve_table
from mmrec.reporting.sections.tradeoffs import accuracy_over, tradeoffs
from mmrec.runs.records import TrialRecord


def trial(index: int, values: list[float], *, trained: bool = True, **facts: object) -> TrialRecord:
    history = [
        {"epoch": n, "loss": 1.0, "validation": {"Recall@20": value}, "test": {}}
        for n, value in enumerate(values, 1 if trained else 0)
    ]
    best = max(values)
    record = TrialRecord(
        *(str(index), f"M_{index}", "M", index, {"seed": index}, "finished"),
        best_epoch=history[values.index(best)]["epoch"],
        validation={"Recall@20": best},
        test={"Recall@20": best / 2, "ItemCoverage@20": 10.0 * index + 10, "Gini@20": 0.5},
        history=history,
        losses=[1.0] * len(values) if trained else [],
        seconds=float(index + 1),
        n_parameters=100 * (index + 1) if trained else None,
    )
    return replace(record, **facts)  # type: ignore[arg-type]


ONE = trial(0, [0.1, 0.3, 0.2])
SEEDS = [trial(1, [0.1, 0.2, 0.4]), trial(2, [0.3, 0.4])]
FLAT = trial(3, [0.15], trained=False)


def data(*names: str) -> ReportData:
    studies = {
        "One": make_study([ONE], name="One", best=ONE),
        "Seeds": make_study(SEEDS, name="Seeds", points=[SEEDS]),
        "Flat": make_study([FLAT], name="Flat", best=FLAT),
    }
    return make_data([studies[name] for name in names])


def curves(*names: str) -> Figure:
    return draw(all_learning_curves(data(*names)))


def test_the_curves_of_all_models_are_those_of_the_best_points() -> None:
    one, mean, flat = curves("One", "Seeds", "Flat").axes[0].lines
    assert (list(one.get_xdata()), list(one.get_ydata())) == ([1, 2, 3], [0.1, 0.3, 0.2])
    assert list(mean.get_xdata()) == [1, 2]  # the epochs that both seeds have
    assert list(mean.get_ydata()) == pytest.approx([0.2, 0.3])
    assert set(flat.get_ydata()) == {0.15}


def test_the_band_is_the_standard_deviation_over_seeds() -> None:
    (band,) = curves("One", "Seeds").axes[0].collections
    corners = band.get_paths()[0].vertices
    at_two = {round(float(y), 6) for x, y in corners if x == 2}
    deviation = float(np.std([0.2, 0.4], ddof=1))
    assert at_two == {round(0.3 - deviation, 6), round(0.3 + deviation, 6)}


def test_the_section_of_curves_needs_two_models_with_epochs() -> None:
    assert list(all_curves(data("One", "Flat"))) == []
    (made,) = all_curves(data("One", "Seeds", "Flat"))
    (plot,) = made.plots
    assert [cell.text for cell in plot.data.header] == ["epoch", "One", "Seeds", "Flat"]
    assert "standard deviation" in plot.caption
    assert "horizontal" in plot.caption


@pytest.mark.parametrize("n_epochs", [99, 100, 101, 1000])
def test_tables_of_curves_have_at_most_a_hundred_epochs_and_the_best_ones(n_epochs: int) -> None:
    values = [0.1] * n_epochs
    values[-1] = 0.5
    long = trial(0, values)
    for entry in long.history:
        entry["diagnostics"] = {"gate": 1.0}
    study = make_study([long], name="Long", best=long)
    (made,) = all_curves(make_data([study, make_study(SEEDS, name="Seeds", points=[SEEDS])]))
    tables = made.plots[0].data, curve_table(study, "Recall@20", "validation")
    shown = [[int(row[0].text) for row in x.rows] for x in (*tables, series_table(long, "gate"))]
    expected = list(range(1, n_epochs + 1, -(-n_epochs // 100)))
    assert shown[1] == shown[2] == sorted({*expected, n_epochs})
    assert shown[0] == sorted({*expected, n_epochs, 2, 3})


def test_a_metric_that_no_model_has_is_refused() -> None:
    refusal(DataError, all_learning_curves, data("One"), "HR@3")


def test_accuracy_is_drawn_over_seconds_parameters_and_coverage() -> None:
    of = data("One", "Seeds", "Flat")
    seconds, parameters, coverage = next(iter(tradeoffs(of))).plots
    assert points(draw(seconds.draw)) == {"One": (1, 0.15), "Seeds": (2.5, 0.2), "Flat": (4, 0.075)}
    assert points(draw(parameters.draw)) == {"One": (100, 0.15), "Seeds": (250, 0.2)}
    assert points(draw(coverage.draw))["Seeds"] == (25, 0.2)
    assert "ItemCoverage@20" in coverage.caption
    assert [cell.text for cell in parameters.data.rows[0]] == ["One", "100", "0.1500"]


def test_a_model_looks_the_same_in_each_figure() -> None:
    of = data("Flat", "One", "Seeds")  # the first has no parameters
    seconds, parameters, _ = next(iter(tradeoffs(of))).plots
    looks = []
    for plot in (seconds, parameters):
        handles, labels = draw(plot.draw).axes[0].get_legend_handles_labels()
        looks.append(
            {x: (h.get_color(), h.get_marker()) for h, x in zip(handles, labels, strict=True)}
        )
    assert looks[1].items() < looks[0].items()


def points(figure: Figure) -> dict[str, tuple[float, float]]:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    return {
        label: (float(line.get_xdata()[0]), pytest.approx(float(line.get_ydata()[0])))
        for line, label in zip(handles, labels, strict=True)
    }


def test_the_nearest_metric_of_coverage_is_used() -> None:
    few = {"Recall@20": 0.2, "Gini@20": 0.3}
    records = [replace(ONE, test=few), replace(FLAT, test=few)]
    studies = [make_study([r], name=n, best=r) for r, n in zip(records, "AB", strict=True)]
    captions = [plot.caption for plot in next(iter(tradeoffs(make_data(studies)))).plots]
    assert any("Gini@20" in caption for caption in captions)
    refusal(DataError, accuracy_over, make_data(studies), "parameters")
    refusal(DataError, accuracy_over, make_data(studies[:1]))


def test_one_model_has_no_such_section() -> None:
    assert list(tradeoffs(data("One"))) == []


def test_the_marks_of_twelve_models_differ() -> None:
    looks = [series_mark(place) for place in range(2 * len(SERIES))]
    assert len({(x["color"], x["marker"], x["fillstyle"]) for x in looks}) == len(looks)
    assert all(one["marker"] != other["marker"] for one, other in pairwise(looks))
