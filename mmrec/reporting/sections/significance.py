"""p-values of the tests between all pairs of models."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import Cell, ReportTable, make_table, p_value
from mmrec.reporting.verdicts import TEST_NAMES


@section("significance", order=30)
def significance(data: ReportData) -> Iterator[Section]:
    """Make a table for each test; no section if the experiment has none."""
    tables = p_value_tables(data)
    if tables:
        yield Section(
            "Significance",
            "significance",
            tables=tables,
            notes=[
                "Two-sided tests, corrected by Holm's method over all pairs of models and all "
                "metrics of a test. p-values below 0.05 are highlighted. Tests over users compare "
                f"the users who count for both models{_values(data)}. significance.tsv, next to "
                "this page, contains effect sizes and uncorrected p-values."
            ],
        )


def _values(data: ReportData) -> str:
    means = ", by their means over seeds" if any(x.has_seeds for x in data.finished) else ""
    return f"{means}{', on the first fold' if any(x.has_folds for x in data.finished) else ''}"


def p_value_tables(data: ReportData) -> dict[str, ReportTable]:
    """Return for each test, such as ``paired_ttest over users``, a row for each pair of models.

    The p-values are corrected; their titles contain the uncorrected ones and the effect sizes.
    """
    if not len(data.significance):
        return {}
    model_of = {trial.name: study.name for study in data.studies for trial in study.records}
    tables = {}
    for (test, over), rows in data.significance.groupby(["test", "over"], sort=False):
        metrics = list(dict.fromkeys(map(str, rows["metric"])))
        found: dict[tuple[str, str], dict[str, Cell]] = {}
        for row in rows.to_dict("records"):
            pair = model_of[str(row["model_a"])], model_of[str(row["model_b"])]
            found.setdefault(pair, {})[str(row["metric"])] = _p_value(row)
        lines = [
            [f"{a} and {b}", *(cells.get(metric) for metric in metrics)]
            for (a, b), cells in found.items()
        ]
        name = TEST_NAMES.get(str(test), str(test))
        caption = f"{name[:1].upper()}{name[1:]} over {over}: corrected p-values."
        tables[f"{test} over {over}"] = make_table(caption, ["models", *metrics], lines)
    return tables


def _p_value(row: Mapping[Hashable, object]) -> Cell:
    corrected = p_value(float(str(row["p_holm"])))
    effect = f"{row['effect']} {float(str(row['effect_size'])):.3f}".replace("_", " ")
    title = f"{corrected.title}; uncorrected {row['p_value']}; {effect}; n = {row['n']}"
    return replace(corrected, title=title)
