"""No text of a figure is cut off or overlaps another."""

from __future__ import annotations

from functools import partial
from itertools import combinations, product

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from studies import make_data, make_study

from mmrec.evaluation import GROUPS
from mmrec.reporting.plots.style import Drawing, draw
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.all_curves import all_learning_curves
from mmrec.reporting.sections.diagnostics import diagnostics
from mmrec.reporting.sections.importance import importance
from mmrec.reporting.sections.learning import learning_curves
from mmrec.reporting.sections.popularity import popularity
from mmrec.reporting.sections.search import search_heatmap, search_scatter
from mmrec.reporting.sections.tradeoffs import accuracy_over
from mmrec.reporting.sections.users import per_user
from mmrec.runs.records import TrialRecord

LONG = "learning_rate_of_the_feature_projection"
LABEL = "nDCGRendle2020@100"
MODALITIES = [["visual", "textual"], ["visual"], ["textual", "audio", "visual_large"]]
NAMES = {
    "one": ["LightGCNM"],
    "two long": ["external.LightGCNM_visual_textual_audio", "LATTICE_without_the_collaborative"],
    "seven": ["MostPop", "Random", "LightGCNM", "LATTICE", "ItemKNN", "Another", "a_model_" * 12],
    "twelve": [
        *("MostPop", "Random", "LightGCNM", "LATTICE", "ItemKNN", "FREEDOM", "BM3", "MGCN"),
        *("external.MyOwnModel", "AttributeItemKNN", "iALS", "RP3beta"),
    ],
}


def trial(index: int, n_epochs: int = 4, **parameters: object) -> TrialRecord:
    values = np.random.default_rng(index).random(n_epochs)
    weights = {
        f"weights/{name}": 0.5 for name in ("visual", "textual", "a_long_name_of_a_modality")
    }
    history = [
        {"epoch": n, "loss": x, "validation": {LABEL: x}, "test": {}, "diagnostics": weights}
        for n, x in enumerate(map(float, values), 1)
    ]
    group = {
        "items": 9,
        "interactions": 9,
        "relevant": 9,
        "Recall@20": 0.1,
        "Share@20": 0.3,
    }
    return TrialRecord(
        *(str(index), f"M_{index}", "M", index, parameters, "finished"),
        best_epoch=n_epochs,
        validation={LABEL: float(values[-1])},
        test={LABEL: float(values[0]), "ItemCoverage@100": 1000.0 + index},
        seconds=10.0**index,
        n_parameters=12_400_000,
        history=history,
        losses=[float(x) for x in values],
        groups=dict.fromkeys(GROUPS, group),
    )


def grid(**dimensions: list) -> list[TrialRecord]:
    points = product(*dimensions.values())
    return [trial(n, **dict(zip(dimensions, p, strict=True))) for n, p in enumerate(points)]


TWO = grid(lr=[0.001, 0.005], l_m=[0.3, 0.7])
FOUR = grid(**{LONG: [0.001, 0.005], "modalities": MODALITIES, "n_layers": [1, 2], "l_m": [0.1, 1]})
THIRTY = [trial(n, n_epochs=120, lr=1e-5 * 1.3**n, l_w=n / 3) for n in range(30)]


def data(records: list[TrialRecord], by: str = LABEL) -> ReportData:
    return make_data([make_study(records, by, best=records[0])])


def models(names: list[str]) -> ReportData:
    trials = [[trial(place), trial(place + 1)] for place in range(len(names))]
    studies = [
        make_study(of_model, LABEL, name=name, best=of_model[0])
        for name, of_model in zip(names, trials, strict=True)
    ]
    for study in studies:
        study.best_per_user[LABEL] = np.arange(9.0)
    return make_data(studies)


DRAWINGS: dict[str, Drawing] = {
    "heat map": search_heatmap(data(TWO), "lr", "l_m"),
    "heat map of four": search_heatmap(data(FOUR), "n_layers", "l_m"),
    "heat map, long name below": search_heatmap(data(FOUR), LONG, "modalities"),
    "heat map, long name at the side": search_heatmap(data(FOUR), "modalities", LONG),
    "heat map of losses": search_heatmap(data(FOUR, "loss"), "modalities", LONG),
    "scatter": search_scatter(data(FOUR), "modalities"),
    "scatter of thirty": search_scatter(data(THIRTY), "lr"),
    "curves": learning_curves(data(TWO[:1])),
    "curves of thirty": learning_curves(data(THIRTY)),
    "curves of an epoch": learning_curves(data([trial(0, n_epochs=1)])),
    "diagnostics": diagnostics(data(TWO), "weights"),
    "importance": importance(data(FOUR)),
} | {
    f"{kind}, {which}": make(models(names))
    for which, names in NAMES.items()
    for kind, make in {
        "users": per_user,
        "popularity": popularity,
        "curves of all": all_learning_curves,
        "seconds": partial(accuracy_over, what="seconds"),
        "parameters": partial(accuracy_over, what="parameters"),
        "coverage": partial(accuracy_over, what="coverage"),
    }.items()
    if len(names) > 1 or kind in ("users", "popularity", "curves of all")
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_not_cut_off_and_do_not_overlap(name: str) -> None:
    figure = draw(DRAWINGS[name])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    hidden = _beyond_the_ends(figure)
    texts = [text for text in texts if text not in hidden]
    boxes = {t: t.get_window_extent(canvas.get_renderer()) for t in texts}
    assert len(boxes) > 3
    width, height = canvas.get_width_height()
    for text, box in boxes.items():
        assert min(box.x0, box.y0) > -1, text.get_text()
        assert box.x1 < width + 1, text.get_text()
        assert box.y1 < height + 1, text.get_text()
    for one, other in combinations(boxes, 2):
        if one.get_rotation() == other.get_rotation() == 0:
            shared = boxes[one].padded(-1), boxes[other].padded(-1)
            assert not shared[0].overlaps(shared[1]), (one.get_text(), other.get_text())


def _beyond_the_ends(figure: Figure) -> set[Text]:
    """Return labels of ticks outside of the axes: not drawn, though their property says visible."""
    hidden: set[Text] = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                hidden |= {tick.label1, tick.label2}
    return hidden


def test_a_single_epoch_can_be_seen() -> None:
    above, below = draw(learning_curves(data([trial(0, n_epochs=1)]))).axes
    assert above.lines[0].get_marker() == "o"
    assert [f"{tick:g}" for tick in below.get_xticks()] == ["0", "1", "2"]
