"""Nothing that a figure says is cut off or stands over something else it says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from studies import make_study

from mmrec.evaluation import GROUPS
from mmrec.reporting import plots
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study

LONG = "learning_rate_of_the_feature_projection"
LABEL = "nDCGRendle2020@100"
MODALITIES = [["visual", "textual"], ["visual"], ["textual", "audio", "visual_large"]]
NAMES = {
    "one": ["LightGCNM"],
    "two long": ["external.LightGCNM_visual_textual_audio", "LATTICE_without_the_collaborative"],
    "seven": ["MostPop", "Random", "LightGCNM", "LATTICE", "ItemKNN", "Another", "a_model_" * 12],
}


def trial(index: int, n_epochs: int = 4, **parameters: object) -> TrialRecord:
    values = np.random.default_rng(index).random(n_epochs)
    told = {f"weights/{name}": 0.5 for name in ("visual", "textual", "a_long_name_of_a_modality")}
    history = [
        {"epoch": n, "loss": x, "validation": {LABEL: x}, "test": {}, "diagnostics": told}
        for n, x in enumerate(map(float, values), 1)
    ]
    figures = {"items": 9, "interactions": 9, "relevant": 9, "Recall@20": 0.1, "Share@20": 0.3}
    return TrialRecord(
        *(str(index), f"M_{index}", "M", index, parameters, "finished"),
        best_epoch=n_epochs,
        validation={LABEL: float(values[-1])},
        history=history,
        losses=[float(x) for x in values],
        groups=dict.fromkeys(GROUPS, figures),
    )


def study(records: list[TrialRecord], by: str = LABEL) -> Study:
    return make_study(records, by)


def grid(**dimensions: list) -> list[TrialRecord]:
    points = product(*dimensions.values())
    return [trial(n, **dict(zip(dimensions, p, strict=True))) for n, p in enumerate(points)]


TWO = grid(lr=[0.001, 0.005], l_m=[0.3, 0.7])
FOUR = grid(**{LONG: [0.001, 0.005], "modalities": MODALITIES, "n_layers": [1, 2], "l_m": [0.1, 1]})
THIRTY = [trial(n, n_epochs=120, lr=1e-5 * 1.3**n, l_w=n / 3) for n in range(30)]
FIGURES: dict[str, Callable[[], Figure]] = {
    "heat map": lambda: plots.search_heatmap(study(TWO), ("lr", "l_m")),
    "heat map of four": lambda: plots.search_heatmap(study(FOUR), ("n_layers", "l_m")),
    "heat map, long below": lambda: plots.search_heatmap(study(FOUR), (LONG, "modalities")),
    "heat map, long beside": lambda: plots.search_heatmap(study(FOUR), ("modalities", LONG)),
    "heat map of losses": lambda: plots.search_heatmap(study(FOUR, "loss"), ("modalities", LONG)),
    "coordinates of two": lambda: plots.parallel_coordinates(study(TWO), ["lr", "l_m"]),
    "coordinates of four": lambda: plots.parallel_coordinates(
        study(FOUR), [LONG, "modalities", "n_layers", "l_m"]
    ),
    "coordinates of thirty": lambda: plots.parallel_coordinates(
        study(THIRTY, "loss"), ["lr", "l_w"]
    ),
    "scatter": lambda: plots.search_scatter(study(FOUR), "modalities"),
    "scatter of thirty": lambda: plots.search_scatter(study(THIRTY), "lr"),
    "curves": lambda: plots.learning_curves(study(TWO[:1]), LABEL),
    "curves of thirty": lambda: plots.learning_curves(study(THIRTY), LABEL),
    "curves of an epoch": lambda: plots.learning_curves(study([trial(0, n_epochs=1)]), LABEL),
    "diagnostics": lambda: plots.diagnostics(TWO[0], "weights"),
} | {
    f"{kind}, {which}": draw
    for which, names in NAMES.items()
    for kind, draw in {
        "users": lambda names=names: plots.per_user({n: np.arange(9.0) for n in names}, LABEL),
        "popularity": lambda names=names: plots.popularity(dict.fromkeys(names, TWO[0]), 20),
    }.items()
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_text_is_whole_and_stands_alone(name: str) -> None:
    figure = FIGURES[name]()
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
    """Labels of ticks outside of the axes are not drawn, though they say that they are visible."""
    hidden: set[Text] = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                hidden |= {tick.label1, tick.label2}
    return hidden


def test_a_single_epoch_can_be_seen() -> None:
    above, below = plots.learning_curves(study([trial(0, n_epochs=1)]), LABEL).axes
    assert above.lines[0].get_marker() == "o"
    assert [f"{tick:g}" for tick in below.get_xticks()] == ["0", "1", "2"]
