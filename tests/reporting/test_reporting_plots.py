"""The contents of figures, and their SVG."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from studies import make_data, make_study

from mmrec.reporting.plots.style import draw
from mmrec.reporting.plots.svg import DARK, LIGHT, to_svg
from mmrec.reporting.sections.learning import learning_curves
from mmrec.reporting.sections.search import search_heatmap, search_scatter
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study
from mmrec.text import value_text


def trial(
    index: int, values: list[float], losses: list[float], **parameters: object
) -> TrialRecord:
    """A trial that was evaluated after every epoch."""
    history = [
        {"epoch": n, "loss": loss, "validation": {"Recall@20": value}, "test": {}}
        for n, (value, loss) in enumerate(zip(values, losses, strict=True), 1)
    ]
    best = max(range(len(values)), key=values.__getitem__)
    return TrialRecord(
        trial_id=str(index),
        name=f"M_{index}",
        model="M",
        index=index,
        parameters=parameters,
        status="finished",
        best_epoch=best + 1,
        validation={"Recall@20": values[best]},
        history=history,
        losses=losses,
    )


def failed(index: int, **parameters: object) -> TrialRecord:
    return TrialRecord(str(index), f"M_{index}", "M", index, parameters, "failed", "no")


RECORDS = [
    trial(0, [0.1, 0.2, 0.15], [3.0, 2.0, 1.0], lr=0.1, cf="mf"),
    trial(1, [0.3, 0.5, 0.4], [3.0, 2.5, 2.4], lr=0.01, cf="mf"),
    trial(2, [0.2, 0.3, 0.4], [4.0, 2.0, 1.5], lr=0.01, cf="ngcf"),
    failed(3, lr=0.1, cf="ngcf"),
]
STUDY = make_study(RECORDS)


def curves(study: Study) -> Figure:
    return draw(learning_curves(make_data([study])))


def heatmap(study: Study, split: str = "validation") -> Figure:
    return draw(search_heatmap(make_data([study], split), "lr", "cf"))


def scatter(study: Study, parameter: str = "lr") -> Figure:
    return draw(search_scatter(make_data([study]), parameter))


def test_learning_curves_show_each_trial_and_mark_the_best_epoch() -> None:
    figure = curves(STUDY)
    above, below = figure.axes
    *pale, best, line = above.lines
    assert [list(x.get_ydata()) for x in pale] == [[3.0, 2.0, 1.0], [4.0, 2.0, 1.5]]
    assert list(best.get_ydata()) == [3.0, 2.5, 2.4]
    assert list(best.get_xdata()) == [1, 2, 3]
    assert list(line.get_xdata()) == [2, 2]
    assert best.get_linewidth() > pale[0].get_linewidth()
    marked = below.lines[-1]
    assert (list(marked.get_xdata()), list(marked.get_ydata())) == ([2], [0.5])
    assert "validation Recall@20: 0.5000 at the best epoch, 2" in figure.get_label()


def test_learning_curves_of_a_model_selected_by_its_loss() -> None:
    figure = curves(make_study(RECORDS, "loss"))
    assert list(figure.axes[0].lines[-2].get_ydata()) == [4.0, 2.0, 1.5]


def test_a_value_that_is_not_finite_leaves_a_gap() -> None:
    record = trial(0, [0.1, math.nan, 0.3], [math.inf, 2.0, 1.0])
    above, below = curves(make_study([record])).axes
    assert math.isnan(above.lines[0].get_ydata()[0])
    assert math.isnan(below.lines[0].get_ydata()[1])
    assert "NaN" not in to_svg(curves(make_study([record])))


def test_the_selected_trial_is_highlighted_even_if_another_has_a_better_value() -> None:
    study = make_study(RECORDS, best=RECORDS[0])  # by its mean over seeds
    *_, best, _ = curves(study).axes[0].lines
    assert list(best.get_ydata()) == [3.0, 2.0, 1.0]
    *_, best, _ = scatter(study).axes[0].lines
    assert list(best.get_ydata()) == [0.2]


def cell_texts(records: list[TrialRecord]) -> dict[str, str]:
    texts = heatmap(make_study(records)).axes[0].texts
    return {f"{x:g},{y:g}": t.get_text() for t in texts for x, y in [t.get_position()]}


def test_a_heatmap_has_a_cell_for_each_pair_tried() -> None:
    assert cell_texts(RECORDS) == {
        "0,0": "0.5000",  # lr 0.01, mf
        "0,1": "0.4000",
        "1,0": "0.2000",
        "1,1": "failed",
    }


def test_a_heatmap_shows_the_best_over_the_other_parameters_and_says_so() -> None:
    more = [*RECORDS, trial(4, [0.7], [1.0], lr=0.1, cf="ngcf")]
    assert cell_texts(more)["1,1"] == "0.7000"
    title = heatmap(make_study(more)).axes[0].get_title("left")
    assert title == "validation Recall@20, the best over all other parameters"
    plain = heatmap(STUDY, "test").axes[0]
    assert plain.get_title("left") == "test Recall@20"


def test_the_strongest_cell_is_the_best_in_the_metrics_direction() -> None:
    for label, strongest in (("Recall@20", "0.5000"), ("loss", "1.5000")):
        axes = heatmap(make_study(RECORDS[:3], label)).axes[0]
        alphas = [patch.get_alpha() or 0 for patch in axes.patches]
        bold = [t.get_text() for t in axes.texts if t.get_fontweight() == "bold"]
        assert bold == [strongest]
        assert axes.texts[alphas.index(max(alphas))].get_text() == strongest


def test_a_scatter_has_a_point_for_each_trial_and_a_cross_for_a_failed_one() -> None:
    axes = scatter(STUDY).axes[0]
    *points, crosses = axes.lines
    assert sorted((float(p.get_xdata()[0]), float(p.get_ydata()[0])) for p in points) == [
        (0, 0.4),
        (0, 0.5),
        (1, 0.2),
    ]
    assert list(crosses.get_xdata()) == [1]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0.01", "0.1"]


def test_a_scatter_of_many_numbers_has_a_scale() -> None:
    many = [trial(n, [0.1], [1.0], lr=10.0 ** (-n / 3)) for n in range(12)]
    axes = scatter(make_study(many)).axes[0]
    assert axes.get_xscale() == "log"
    assert "10^" not in to_svg(scatter(make_study(many)))
    flat = [trial(n, [0.1], [1.0], lr=n) for n in range(12)]
    assert scatter(make_study(flat)).axes[0].get_xscale() == "linear"


def test_svg_has_the_colours_of_a_light_and_of_a_dark_ground() -> None:
    svg = to_svg(curves(STUDY))
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "prefers-color-scheme:dark" in svg
    assert all(svg.count(colour) == 1 for colour in (*LIGHT, *DARK))
    assert not re.findall(r"(?:stroke|fill): #(?!ffffff)", svg)  # a fixed colour
    assert ">mean training loss</text>" in svg


def test_the_same_records_give_the_same_svg_whatever_the_users_style() -> None:
    once = to_svg(heatmap(STUDY))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "x"}):
        again = to_svg(heatmap(STUDY))
        assert matplotlib.rcParams["font.size"] == 30
        assert to_hex(matplotlib.rcParams["axes.facecolor"]) == "#ff0000"
    assert once == again


@pytest.mark.parametrize("value", ["$x^$", "日本", "<b>&", 'a"b', "a" * 100])
def test_any_text_can_be_drawn(value: str) -> None:
    records = [trial(0, [0.1], [1.0], **{value: value}), trial(1, [0.2], [1.0], **{value: "b"})]
    svg = to_svg(scatter(make_study(records), value))
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "<b>" not in svg


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-05, "1e-05"),
        (0.1 + 0.2, "0.3"),
        (1024, "1024"),
        (True, "True"),
        (None, "None"),
        (["visual", "textual"], "visual, textual"),
    ],
)
def test_hyper_parameters_read_well(value: object, text: str) -> None:
    assert value_text(value) == text
