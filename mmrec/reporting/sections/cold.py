"""Metrics of cold items: items that have vectors, but no training row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.run_tables import cold_means
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import ReportTable, make_table

_CAPTIONS = {
    "cold": "Lists of cold items alone, for users with a relevant cold item in the test split.",
    "all": "Lists of trained and cold items, for users with a relevant item in the test split.",
}
"""By the beginning of the names of the figures."""


@section("cold", order=55)
def cold_items(data: ReportData) -> Iterator[Section]:
    """Make the tables of cold items; no section if the experiment does not rank them."""
    facts = data.manifest["protocol"].get("cold")
    if facts is None:
        return
    figures = {study.name: cold_means(study) for study in data.finished}
    figures = {name: values for name, values in figures.items() if values}
    n_items, n_users = facts["items"], facts["users_averaged"]
    intro = (
        f"{n_items:,} items have vectors and no training row; {n_users:,} users have a relevant "
        f"one in the test split. In random lists of them, Recall@k is k / {n_items:,} on average. "
        "Nothing is selected by these figures, which are those of the best trials, or means over "
        "folds and seeds."
    )
    reasons = [f"{name} cannot rank cold items: {text}." for name, text in facts["reasons"].items()]
    yield Section(
        "Cold items",
        "cold",
        intro=[intro],
        tables={f"{kind} items": _table(kind, figures) for kind in _CAPTIONS if figures},
        notes=reasons,
    )


def _table(kind: str, figures: Mapping[str, Mapping[str, float]]) -> ReportTable:
    """Return the metrics of the lists of one kind, with a row for each model."""
    shown = {
        name: {label: x for label, x in values.items() if label.startswith(f"{kind}/")}
        for name, values in figures.items()
    }
    labels = list(dict.fromkeys(label for values in shown.values() for label in values))
    rows = [[name, *map(values.get, labels)] for name, values in shown.items()]
    return make_table(_CAPTIONS[kind], ["model", *labels], rows)
