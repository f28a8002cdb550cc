"""The figures: what they draw, and the SVG they become."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest
from matplotlib.colors import to_hex
from studies import make_study

from mmrec.reporting.plots.heatmap import search_heatmap, search_scatter
from mmrec.reporting.plots.learning import learning_curves
from mmrec.reporting.plots.style import to_svg
from mmrec.runs.records import TrialRecord
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


def test_learning_curves_show_each_trial_and_mark_the_best_epoch() -> None:
    figure = learning_curves(STUDY, "Recall@20")
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
    figure = learning_curves(make_study(RECORDS, "loss"), "Recall@20")
    assert list(figure.axes[0].lines[-2].get_ydata()) == [4.0, 2.0, 1.5]


def test_a_value_that_is_not_finite_leaves_a_gap() -> None:
    record = trial(0, [0.1, math.nan, 0.3], [math.inf, 2.0, 1.0])
    above, below = learning_curves(make_study([record]), "Recall@20").axes
    assert math.isnan(above.lines[0].get_ydata()[0])
    assert math.isnan(below.lines[0].get_ydata()[1])
    assert "NaN" not in to_svg(learning_curves(make_study([record]), "Recall@20"))


def test_learning_curves_of_nothing_can_be_drawn() -> None:
    assert "<svg" in to_svg(learning_curves(make_study([RECORDS[3]]), "Recall@20"))


def cell_texts(records: list[TrialRecord], pair: tuple[str, str]) -> dict[str, str]:
    texts = search_heatmap(make_study(records), pair).axes[0].texts
    return {f"{x:g},{y:g}": t.get_text() for t in texts for x, y in [t.get_position()]}


def test_a_heatmap_has_a_cell_for_each_pair_tried() -> None:
    assert cell_texts(RECORDS, ("lr", "cf")) == {
        "0,0": "0.5000",  # lr 0.01, mf
        "0,1": "0.4000",
        "1,0": "0.2000",
        "1,1": "failed",
    }


def test_a_heatmap_shows_the_best_over_the_other_parameters_and_says_so() -> None:
    more = [*RECORDS, trial(4, [0.7], [1.0], lr=0.1, cf="ngcf")]
    assert cell_texts(more, ("lr", "cf"))["1,1"] == "0.7000"
    title = search_heatmap(make_study(more), ("lr", "cf")).axes[0].get_title("left")
    assert title == "validation Recall@20, the best over all other parameters"
    plain = search_heatmap(STUDY, ("lr", "cf"), split="test").axes[0]
    assert plain.get_title("left") == "test Recall@20"


def test_the_strongest_cell_is_the_best_in_the_metrics_direction() -> None:
    for label, strongest in (("Recall@20", "0.5000"), ("loss", "1.5000")):
        axes = search_heatmap(make_study(RECORDS[:3], label), ("lr", "cf")).axes[0]
        alphas = [patch.get_alpha() or 0 for patch in axes.patches]
        bold = [t.get_text() for t in axes.texts if t.get_fontweight() == "bold"]
        assert bold == [strongest]
        assert axes.texts[alphas.index(max(alphas))].get_text() == strongest


def test_a_scatter_has_a_point_for_each_trial_and_a_cross_for_a_failed_one() -> None:
    axes = search_scatter(STUDY, "lr").axes[0]
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
    axes = search_scatter(make_study(many), "lr").axes[0]
    assert axes.get_xscale() == "log"
    assert "10^" not in to_svg(search_scatter(make_study(many), "lr"))
    flat = [trial(n, [0.1], [1.0], lr=n) for n in range(12)]
    assert search_scatter(make_study(flat), "lr").axes[0].get_xscale() == "linear"


def test_svg_is_an_element_that_can_stand_in_a_page() -> None:
    svg = to_svg(learning_curves(STUDY, "Recall@20"))
    root = ET.fromstring(svg)
    assert root.tag == "svg"
    assert root.attrib["role"] == "img"
    assert root[0].tag == "title"
    assert root[0].attrib["id"] == root.attrib["aria-labelledby"]
    assert str(root[0].text).startswith("Learning curves of 3 trials.")
    assert "http" not in svg
    assert "<style" not in svg  # it would hold for the whole page
    assert not re.findall(r"(?:stroke|fill): #", svg)  # it would stay in a dark page
    assert "currentColor" in svg
    assert "var(--plot-1" in svg
    assert ">mean training loss</text>" in svg


def test_svg_ids_differ_between_figures_and_are_all_used() -> None:
    one = to_svg(search_scatter(STUDY, "lr"))
    two = to_svg(search_scatter(STUDY, "cf"))
    assert set(re.findall(r' id="([^"]+)"', to_svg(search_scatter(STUDY, "lr"), "x-")))
    ids_one, ids_two = (set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, two))
    assert ids_one
    assert not ids_one & ids_two
    assert ids_one == {
        a or b or c
        for a, b, c in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)|labelledby="([^"]+)"', one)
    }


def test_the_same_records_give_the_same_svg_whatever_the_users_style() -> None:
    once = to_svg(search_heatmap(STUDY, ("lr", "cf")))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "x"}):
        again = to_svg(search_heatmap(STUDY, ("lr", "cf")))
        assert matplotlib.rcParams["font.size"] == 30
        assert to_hex(matplotlib.rcParams["axes.facecolor"]) == "#ff0000"
    assert once == again


@pytest.mark.parametrize("value", ["$x^$", "日本", "<b>&", 'a"b', "a" * 100])
def test_any_text_can_be_drawn(value: str) -> None:
    records = [trial(0, [0.1], [1.0], **{value: value}), trial(1, [0.2], [1.0], **{value: "b"})]
    svg = to_svg(search_scatter(make_study(records), value))
    assert ET.fromstring(svg).tag == "svg"
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
