"""The page of a report: complete, escaped, deterministic and self-contained."""

from __future__ import annotations

import re
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import assert_contains
from studies import make_study

from mmrec.reporting.page import report_html
from mmrec.reporting.report_data import ReportData
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study

VOID = {"meta", "br", "wbr", "hr", "img", "link", "input"}
EVIL = "<script>alert(1)</script>\"'&"
MANIFEST: dict[str, Any] = {
    "started": "2026-01-02T10:00:00+01:00",
    "ended": "2026-01-02T10:02:05+01:00",
    "written": {"source": "office.yml", "base_dir": "/", "document": {}},
    "notes": ["gpu 0 is not available: using the CPU"],
    "experiment": {
        "dataset": "office",
        "top_k": 20,
        "evaluation": {"cutoffs": [10, 20], "relevance_threshold": 0.0},
    },
    "protocol": {
        "candidates": "items not trained on",
        "selected_on": "validation",
        "averaged_over": "users with a relevant item",
        "selected_by": {},
    },
    "data": {
        "fingerprint": "f" * 64,
        "users": 1000,
        "items": 2000,
        "features": {"VisualAttribute": [2000, 4096]},
        "splits": {
            "train": {"rows_read": 9000, "without_features": 17, "rows_kept": 8983},
            "test": {"rows_read": 900, "without_features": 0, "rows_kept": 900},
        },
        "items_dropped": 3,
        "users_dropped": 1,
    },
    "environment": {"python": "3.11.9", "cuda": None, "packages": {"numpy": "2.0"}},
    "trials": [],
    "tables_sha256": {"rec_cutoff_20.tsv": "c" * 64},
}


class Page(HTMLParser):
    """Checks nesting and collects text, tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.rows: list[int] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += int(dict(attrs).get("colspan") or 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "text"):
            self.text += data

    def all(self, name: str) -> list[str]:
        return [value for attribute, value in self.attributes if attribute == name]

    @property
    def words(self) -> str:
        """The text of the page, with spaces for line breaks."""
        return re.sub(r"\s+([.,;])", r"\1", " ".join(self.text.split()))


def says(page: Page, *facts: str) -> bool:
    """Whether one sentence of a page has all of these facts."""
    sentences = re.split(r"(?<=[.:;]) ", page.words)
    return any(all(fact in sentence for fact in facts) for sentence in sentences)


def finished(index: int, value: float, *, epochs: int = 4, **parameters: object) -> TrialRecord:
    best = {"Recall@20": value, "nDCG@20": value / 2}
    history = [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "validation": {label: v - (epochs - epoch) / 100 for label, v in best.items()},
            "test": {},
        }
        for epoch in range(2, epochs + 1, 2)
    ]
    return TrialRecord(
        trial_id=f"id{index}",
        name=f"M_id{index}",
        model="external.M",
        index=index,
        parameters={
            "lr": 0.1,
            "epochs": epochs,
            "modalities": ["visual", "textual"],
            "seed": 1,
            **parameters,
        },
        status="finished",
        best_epoch=epochs,
        validation=best,
        test={label: v - 0.01 for label, v in best.items()},
        history=history,
        losses=[1 / epoch for epoch in range(1, epochs + 1)],
        seconds=12.345,
        weights_sha256=f"{index}a" * 32,
        lists_sha256=f"{index}b" * 32,
    )


def failed(index: int, error: str, **parameters: object) -> TrialRecord:
    return TrialRecord(
        f"id{index}",
        f"M_id{index}",
        "external.M",
        index,
        {"seed": 1, **parameters},
        "failed",
        error,
    )


def study(
    *records: TrialRecord, name: str = "M", searched: tuple[str, ...] = (), by: str = "Recall@20"
) -> Study:
    done = [record for record in records if record.status == "finished"]
    best = max(done, key=lambda record: record.validation.get("Recall@20", 0), default=None)
    return make_study(records, by, name=name, searched=searched, best=best)


def two_models() -> list[Study]:
    first = study(
        finished(0, 0.1012345678, lr=0.1),
        finished(1, 0.2, lr=0.01),
        failed(2, "TrialError: the loss is nan", lr=1.0, epochs=4),
        name="LATTICE",
        searched=("lr",),
    )
    second = study(finished(3, 0.15), name="LightGCNM")
    return [first, second]


def render(
    studies: list[Study],
    compared: pd.DataFrame | None = None,
    **changes: object,
) -> str:
    manifest = deepcopy(MANIFEST)
    for key, value in changes.items():
        if isinstance(value, dict):
            manifest[key].update(value)
        else:
            manifest[key] = value
    significance = pd.DataFrame() if compared is None else compared
    return report_html(ReportData(manifest, studies, significance))


def p_values(*names: str, test: str = "paired_ttest") -> pd.DataFrame:
    columns = ["over", "test", "model_a", "model_b", "metric", "n", "p_value", "p_holm"]
    rows = [
        ("users", test, *names, metric, 100, p, 2 * p)
        for metric, p in (("Recall@20", 2e-9), ("nDCG@20", 0.25))
    ]
    return pd.DataFrame(rows, columns=columns).assign(effect="cohens_dz", effect_size=-0.5)


def test_the_page_is_well_formed_and_self_contained() -> None:
    html = render(two_models(), p_values("M_id1", "M_id3"))
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert "http://" not in html
    assert "https://" not in html
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.all("src") == []
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    links = [link for link in page.all("href") if not link.startswith("data:")]
    assert all(link[0] == "#" and link[1:] in ids for link in links)
    assert set(page.all("scope")) == {"col", "row"}
    assert page.tags.count("caption") == page.tags.count("table")
    assert page.tags.count("h1") == page.tags.count("main") == 1
    # Accuracy over seconds, curves of both models together and alone, one search of a parameter.
    assert page.tags.count("figure") == 5


def test_every_row_of_a_table_is_as_wide_as_its_header() -> None:
    html = render(two_models())
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        assert len(set(Page(table).rows)) == 1


def test_the_same_arguments_give_the_same_page() -> None:
    assert render(two_models()) == render(two_models())


def test_the_summary_of_the_run() -> None:
    page = Page(render(two_models()))
    assert says(page, "LATTICE", "2 models", "validation Recall@20", "0.2000")
    assert says(page, "Recall@20 0.1900", "nDCG@20 0.0900")
    assert says(page, "4 trials")
    assert says(page, "3 finished", "1 failed")
    assert "2 min 5 s" in page.words
    assert "gpu 0 is not available: using the CPU" in page.words
    assert "mmrec run office.yml" in page.words


def test_metrics_have_four_decimals_and_all_digits_in_a_title() -> None:
    html = render(two_models())
    assert '<td class="number" title="0.1012345678">0.1012</td>' in html
    assert '<code title="' + "0a" * 32 + '">0a0a0a0a…</code>' in html


def test_the_best_value_of_a_metric_is_highlighted() -> None:
    studies = [study(finished(0, 0.1), name="A"), study(finished(1, 0.2), name="B")]
    for one, popularity in zip(studies, (3.0, 5.0), strict=True):
        assert one.best is not None
        one.best.test["ARP@20"] = popularity  # the lower the better
    html = render(studies)
    strong = re.findall(r'class="number strong"[^>]*>([^<]*)<', html)
    assert strong == ["3", "0.1900", "0.0900"]


def test_the_errors_of_failed_trials_are_shown() -> None:
    page = Page(render(two_models()))
    assert says(page, "Trial 3 ")
    assert re.search("LATTICE: 1 of 3 trials", page.words)
    assert page.text.count("TrialError: the loss is nan") == 2  # in the text and in the table


def test_text_from_outside_is_escaped() -> None:
    records = [finished(0, 0.1, **{EVIL: EVIL}), finished(1, 0.2, **{EVIL: f"{EVIL}2"})]
    evil = study(*records, failed(2, EVIL, **{EVIL: EVIL}), name=EVIL, searched=(EVIL,))
    other = study(finished(3, 0.3), name="B")
    html = render(
        [evil, other],
        p_values("M_id1", "M_id3", test=EVIL),
        written={"source": EVIL},
        notes=[EVIL],
        experiment={"dataset": EVIL},
        environment={EVIL: EVIL, "packages": {EVIL: EVIL}},
        tables_sha256={EVIL: EVIL},
    )
    page = Page(html)
    assert "script" not in page.tags
    assert "<script" not in html
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(EVIL) > 10


def test_p_values_have_the_models_and_details_in_their_titles() -> None:
    html = render(two_models(), p_values("M_id1", "M_id3", test="wilcoxon_test"))
    page = Page(html)
    assert says(page, "Wilcoxon test", "users")
    assert re.search(r"LATTICE (and|,) LightGCNM < 0.0001 0.5000", page.words)
    (title,) = re.findall(r'<td class="number strong" title="([^"]*)">&lt; 0.0001', html)
    assert_contains(title, ["4e-09", "2e-09", "cohens dz -0.500", "100"])


def test_a_value_that_differs_from_the_best_in_every_test_has_a_mark() -> None:
    marked = re.compile(r"([.0-9]+)<sup>\*</sup>")
    assert marked.findall(render(two_models(), p_values("M_id1", "M_id3"))) == ["0.1400"]
    both = [p_values("M_id1", "M_id3"), p_values("M_id1", "M_id3", test="wilcoxon_test")]
    assert marked.findall(render(two_models(), pd.concat(both))) == ["0.1400"]
    both[1]["p_holm"] = 0.06
    assert marked.findall(render(two_models(), pd.concat(both))) == []
    assert marked.findall(render(two_models())) == []


def test_a_mean_over_users_has_its_interval() -> None:
    one = study(finished(0, 0.1))
    one.best_per_user["Recall@20"] = np.array([0.0, 0.1, 0.2, np.nan])
    html = render([one])
    # t(0.975, 2) * s / sqrt(3) = 4.3027 * 0.1 / 1.7321
    assert html.count("<small>&plusmn;&nbsp;0.2484</small>") == 1


def test_protocol_and_data() -> None:
    page = Page(render(two_models()))
    assert "items not trained on" in page.words
    for facts in (
        ["validation Recall@20", "LATTICE, LightGCNM"],
        ["20 items", "10, 20"],
        ["rating of at least 0"],
        ["0.449%"],
        ["4,096 values"],
        ["3 items", "1 user "],
        ["train 9,000 17 8,983"],
    ):
        assert says(page, *facts), facts
    header = re.search(r"(\S+( \S+){12}) train 9,000 17 8,983", page.words)
    assert header is not None
    assert not re.search("repeated|duplicate", header[1])  # a reason without rows has no column


def test_selection_on_test_is_a_warning() -> None:
    assert not says(Page(render(two_models())), "selected on the test split")
    page = Page(render(two_models(), protocol={"selected_on": "test"}))
    assert says(page, "selected on the test split")
    assert says(page, "LATTICE", "test Recall@20", "0.2000")
    assert "validation Recall@20" not in page.words


def test_the_summary_has_three_metrics_at_the_selected_cutoff() -> None:
    record = finished(0, 0.1)
    record.test.update({f"{metric}@{k}": 0.5 for metric in ("HR", "MAP", "MRR") for k in (10, 20)})
    page = Page(render([study(record)]))
    assert says(page, "Recall@20 0.0900", "nDCG@20 0.0400", "HR@20 0.5000.")


def test_one_trial() -> None:
    page = Page(render([study(finished(0, 0.1))]))
    assert says(page, "M ", "validation Recall@20", "0.1000")
    assert page.tags.count("figure") == 1
    assert says(page, "1 trial", "validation Recall@20", "0.1000", "epoch 4 of 4")
    assert 'class="number strong"' not in render([study(finished(0, 0.1))])


def test_no_finished_trial() -> None:
    html = render([study(failed(0, "TrialError: no", lr=1), failed(1, "TrialError: no", lr=2))])
    page = Page(html)
    assert says(page, "No trial finished")
    assert "Trials 1, 2 " in page.words
    assert "TrialError: no" in page.words
    assert "figure" not in page.tags


def test_no_trial_at_all() -> None:
    assert says(Page(render([study()])), "No trial")


def test_no_validation_metrics() -> None:
    record = finished(0, 0.1)
    for values in (record.validation, *(entry["validation"] for entry in record.history)):
        values.clear()
    page = Page(render([study(record)]))
    assert "validation Recall@20 of" not in page.words
    assert says(page, "1 trial", "epoch 4 of 4")
    assert "figure" not in page.tags


def test_a_recommender_that_is_not_trained_has_no_learning_curves() -> None:
    record = finished(0, 0.1)
    record.losses.clear()
    record.history[:] = [{"epoch": 0, "loss": None, "validation": record.validation, "test": {}}]
    assert "figure" not in Page(render([study(record)])).tags


def test_models_selected_by_their_loss_are_compared_by_a_metric() -> None:
    studies = [
        study(finished(0, 0.1), name="A", by="loss"),
        study(finished(1, 0.2), name="B", by="loss"),
    ]
    page = Page(render(studies))
    assert says(page, "B ", "2 models", "validation Recall@20", "0.2000")
    assert says(page, "loss", "0.2500", "epoch 4 of 4")


@pytest.mark.parametrize(
    ("parameters", "n_plots"),
    [
        ([{"lr": 0.1, "l_m": 1}, {"lr": 0.1, "l_m": 2}], 2),
        ([{"lr": x, "l_m": y} for x in (1, 2) for y in (1, 2)], 2),
        ([{"lr": x, "l_m": x, "f": x} for x in (1, 2)], 4),
        ([{"lr": x, "l_m": x, "f": x, "g": x} for x in (1, 2)], 5),
        ([{"lr": x / 7, "l_m": x} for x in range(12)], 4),  # and the importance
    ],
    ids=["one differs", "grid of two", "pairs of three", "four one by one", "drawn at random"],
)
def test_heat_maps_of_small_grids_and_scatter_plots_of_other_searches(
    parameters: list[dict[str, Any]], n_plots: int
) -> None:
    records = [finished(n, 0.1 + n / 100, **point) for n, point in enumerate(parameters)]
    html = render([study(*records, searched=tuple(parameters[0]))])
    assert Page(html).tags.count("figure") == n_plots


def test_long_curves_are_sampled_in_the_table() -> None:
    records = [finished(n, 0.1 + n / 1000, epochs=1000, lr=n) for n in range(12)]
    page = Page(render([study(*records, searched=("lr",))]))
    assert says(page, "10 best trials")
    assert len(page.rows) < 200
