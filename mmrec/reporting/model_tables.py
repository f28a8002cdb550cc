"""The tables that hold models against each other."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mmrec.data import FloatArray
from mmrec.evaluation import GROUPS, spread
from mmrec.reporting.per_user import defined, share_at_most, value_grid
from mmrec.reporting.table import (
    P_VALUE,
    Cell,
    Table,
    cell,
    mebibytes,
    p_value,
    seconds,
    share,
    table,
)
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study
from mmrec.training.objective import Objective

DIFFERS = "*"
"""Marks a figure that differs from the best of its column."""
_SPREAD = ("mean", "std", "low", "high")
_TESTS = {
    "paired_ttest": "Paired t-test",
    "wilcoxon_test": "Wilcoxon test",
    "welch_ttest": "Welch's t-test",
}


def best_models(
    best: pd.DataFrame, studies: Sequence[Study], compared: pd.DataFrame, split: str
) -> Table:
    """Return the test figures of the best trials, the best of each column strong.

    A figure that is a mean over users has half of its 95 % interval (t distribution, over users)
    beside it, and :data:`DIFFERS` if every test over users that was asked for tells it from the
    best of its column, corrected by Holm's method.
    """
    labels = [str(name) for name in best.columns if "@" in name and " " not in name]
    by_model = {study.name: study for study in studies}
    rows: list[list[object]] = []
    winners = {label: _winner(best, label) for label in labels}
    worse = _differing(compared, {k: str(best["trial"].iloc[n]) for k, n in winners.items()})
    for row in best.to_dict("records"):
        study = by_model[row["model"]]
        assert study.best is not None
        figures = [
            replace(
                cell(row[label]),
                strong=len(best) > 1 and row[label] == best[label].iloc[winners[label]],
                mark=DIFFERS if (row["trial"], label) in worse else "",
                spread=_half_interval(study.best_per_user.get(label)),
            )
            for label in labels
        ]
        selected = study.settings.select_by
        name = Cell(str(row["model"]), str(row["trial"]))
        value = cell(study.value(study.best))
        rows.append([name, *figures, cell(selected), value, study.best.best_epoch])
    head = ["model", *labels, "selected by", f"its {split} value", "best epoch"]
    return table("Test figures of the best trial of each model.", head, rows)


def _winner(best: pd.DataFrame, label: str) -> int:
    values = best[label].to_numpy(float)
    values = values if Objective.of(label).higher_is_better else -values
    return int(np.argmax(np.where(np.isnan(values), -np.inf, values)))


def _half_interval(values: FloatArray | None) -> float | None:
    if values is None:
        return None
    found = spread(defined(values).tolist())
    return found.high - found.mean if np.isfinite(found.high) else None


def _differing(compared: pd.DataFrame, winners: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return trial and figure wherever all tests over users tell it from the best trial's."""
    verdicts: dict[tuple[str, str], list[bool]] = {}
    for row in compared.to_dict("records"):
        label, pair = str(row["metric"]), {str(row["model_a"]), str(row["model_b"])}
        if row["over"] == "users" and winners.get(label) in pair and len(pair) == 2:
            other = (pair - {winners[label]}).pop()
            verdicts.setdefault((other, label), []).append(row["p_holm"] < P_VALUE)
    return {key for key, differs in verdicts.items() if all(differs)}


def over_seeds(best: pd.DataFrame) -> Table:
    """Return means and deviations of the models that were run on several folds or seeds."""
    means = [str(name) for name in best.columns if str(name).endswith(" mean")]
    over = [what for what in ("folds", "seeds") if what in best]
    rows: list[list[object]] = []
    for row in best.to_dict("records"):
        counts = [row[what] for what in over]
        if all(map(math.isnan, counts)):  # a model of one seed
            continue
        figures = []
        for name in means:
            mean, std, low, high = (row[name.replace(" mean", f" {x}")] for x in _SPREAD)
            text = f"{mean:.4f} \N{PLUS-MINUS SIGN} {std:.4f}"
            figures.append(Cell(text, f"95 % interval: {low:.4f} to {high:.4f}"))
        told = [cell(None) if math.isnan(n) else int(n) for n in counts]
        rows.append([str(row["model"]), *told, *figures])
    head = ["model", *over, *(f"test {name.removesuffix(' mean')}" for name in means)]
    return table("Mean and standard deviation over the trials of the best point.", head, rows)


def p_values(compared: pd.DataFrame, studies: Sequence[Study]) -> dict[tuple[str, str], Table]:
    """Return by test, and by what it is over, a row for each pair and a column for each metric.

    The p-values are corrected; their titles tell the others and the effect size.
    """
    if not len(compared):
        return {}
    called = {trial.name: study.name for study in studies for trial in study.records}
    tables = {}
    for (test, over), rows in compared.groupby(["test", "over"], sort=False):
        metrics = list(dict.fromkeys(map(str, rows["metric"])))
        found: dict[tuple[str, str], dict[str, Cell]] = {}
        for row in rows.to_dict("records"):
            pair = called[str(row["model_a"])], called[str(row["model_b"])]
            found.setdefault(pair, {})[str(row["metric"])] = _p_value(row)
        written = [
            [f"{a} and {b}", *(cells.get(metric, cell(None)) for metric in metrics)]
            for (a, b), cells in found.items()
        ]
        caption = f"{_TESTS.get(str(test), str(test))} over {over}: corrected p-values."
        tables[str(test), str(over)] = table(caption, ["models", *metrics], written)
    return tables


def _p_value(row: Mapping[Hashable, object]) -> Cell:
    corrected = p_value(float(str(row["p_holm"])))
    effect = f"{row['effect']} {float(str(row['effect_size'])):.3f}".replace("_", " ")
    told = f"{corrected.title}; uncorrected {row['p_value']}; {effect}; n = {row['n']}"
    return replace(corrected, title=told)


def user_summary(values: Mapping[str, FloatArray], label: str) -> Table:
    """Return how a metric is spread over the users of each model's best trial."""
    rows: list[list[object]] = []
    for model, of_users in values.items():
        known = defined(of_users)
        if not len(known):
            continue
        quartiles = np.quantile(known, [0.25, 0.5, 0.75])
        spreads = [float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else None]
        at_zero = share(float(np.mean(known == 0)))
        rows.append([model, len(known), *spreads, at_zero, *map(float, quartiles)])
    head = ["model", "users", "mean", "standard deviation", "users at 0"]
    head += ["lower quartile", "median", "upper quartile"]
    return table(f"Test {label} over the users who count.", head, rows)


def user_shares(values: Mapping[str, FloatArray], label: str) -> Table:
    """Return the data of the figure of users."""
    grid = value_grid(list(values.values()))
    columns = [share_at_most(of_users, grid) for of_users in values.values()]
    rows = [
        [f"{value:.6g}", *(share(float(column[place])) for column in columns)]
        for place, value in enumerate(grid)
    ]
    return table(f"Share of users with at most this test {label}.", [label, *values], rows)


def popularity(records: Mapping[str, TrialRecord], cutoff: int) -> Table:
    """Return Recall and share of the recommendations of each group of items."""
    first = next(iter(records.values()))
    total = sum(first.groups[group]["relevant"] for group in GROUPS) or 1
    facts = ("items", "interactions", "relevant")
    rows: list[list[object]] = [
        [f"{word} of the group", *(int(first.groups[group][fact]) for group in GROUPS)]
        for fact, word in zip(facts, ("items", "training rows", "relevant test rows"), strict=True)
    ]
    relevant = [share(first.groups[group]["relevant"] / total) for group in GROUPS]
    rows.append(["share of the relevant test rows", *relevant])
    for name, write in (("Recall", cell), ("Share", share)):
        for model, record in records.items():
            figures = [write(record.groups[group][f"{name}@{cutoff}"]) for group in GROUPS]
            rows.append([f"{model}, {name}@{cutoff}", *figures])
    return table(f"Popular, middling and rare items, lists of {cutoff}.", ["what", *GROUPS], rows)


def costs(studies: Sequence[Study]) -> Table:
    """Return what the trials of each model took."""
    rows: list[list[object]] = []
    for study in studies:
        ran = [record for record in study.records if record.status != "failed"]
        n_epochs = sum(len(record.losses) for record in ran)
        took = sum(record.seconds for record in study.records)
        trained = sum(record.seconds for record in ran if record.losses)
        peak = max((r.peak_bytes for r in ran if r.peak_bytes is not None), default=None)
        each = seconds(trained / n_epochs if n_epochs else None, decimals=3)
        longest = max((record.seconds for record in study.records), default=0.0)
        row = [study.name, len(study.records), seconds(took), seconds(longest)]
        rows.append([*row, n_epochs or None, each, mebibytes(peak)])
    head = ["model", "trials", "seconds in all", "of the longest", "epochs"]
    head += ["seconds for an epoch", "MiB at most"]
    return table("Time and memory of the trials.", head, rows)
