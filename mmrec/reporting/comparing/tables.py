"""The tables of a comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from mmrec.evaluation import nemenyi_test
from mmrec.reporting.comparing.mean_ranks import MeanRanks
from mmrec.reporting.comparing.scores import Scores
from mmrec.reporting.comparing.verdicts import Place, Verdict
from mmrec.reporting.run_tables import make_frame
from mmrec.reporting.table import Cell, ReportTable, make_table, number_format, p_value

OVER_USERS, OVER_SEEDS = "*", "†"


def results_table(scores: Scores, verdicts: Mapping[Place, Verdict]) -> ReportTable:
    """Return a row for each model of each data set, and a row with the gain."""
    formats = {
        label: number_format([x for d in scores.datasets for x in scores.means(d, label).values()])
        for label in scores.labels
    }
    rows: list[list[object]] = []
    rules = set()
    for dataset in scores.datasets:
        rules.add(len(rows))
        models = [model for model in scores.models if (dataset, model) in scores.cells]
        for model in models:
            cells = []
            for label in scores.labels:
                found = scores.cells[dataset, model].spread(label)
                cell = formats[label](None if found is None else found.mean)
                std = None if found is None or found.std != found.std else found.std
                verdict = verdicts.get((dataset, label))
                cells.append(replace(cell, spread=std, **_looks(model, verdict)))
            rows.append([Cell(dataset if model == models[0] else "", data=dataset), model, *cells])
        gains = [_gain(verdicts.get((dataset, label))) for label in scores.labels]
        if any(cell.data for cell in gains):
            rows.append([Cell("", data=dataset), "gain", *gains])
    table = make_table(_caption(scores, verdicts), ["data set", "model", *scores.labels], rows)
    return replace(table, rules=frozenset(rules - {0}), n_headers=2, label="comparison")


def _looks(model: str, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    marks = ""
    if model == verdict.leader:
        marks += OVER_USERS if verdict.is_significant_over_users else ""
        marks += OVER_SEEDS if verdict.is_significant_over_seeds else ""
    return {"strong": model in verdict.best, "underlined": model in verdict.second, "mark": marks}


def _gain(verdict: Verdict | None) -> Cell:
    if verdict is None or verdict.gain is None:
        return Cell("", kind="number", data="")
    title = f"{verdict.leader} against {verdict.baseline}"
    return Cell(f"{verdict.gain:+.1%}", title, "number", data=repr(verdict.gain))


def _caption(scores: Scores, verdicts: Mapping[Place, Verdict]) -> str:
    """Explain the table; it is also the caption in a paper."""
    gain, better = "the first over the second", "better than every other model"
    if any(verdict.proposed for verdict in verdicts.values()):
        gain = "the best proposed model over the best of the others"
        better = "better than every baseline"
    parts = ["Test metrics."]
    if any(len(cell.trials) > 1 for cell in scores.cells.values()):
        parts.append("Mean and standard deviation of models that were run several times.")
    if verdicts:
        parts.append(f"The best value is bold, the second underlined; gain: of {gain}.")
    found = list(verdicts.values())
    tested = "p < 0.05 after Holm's correction"
    if any(v.is_significant_over_users for v in found):
        parts.append(f"{OVER_USERS} {better}: {tested}, paired t-test over users.")
    if any(v.is_significant_over_seeds for v in found):
        parts.append(
            f"{OVER_SEEDS} {better} that was run several times: {tested}, t-test over them."
        )
    return " ".join(parts)


def ranks_table(found: Sequence[MeanRanks], models: Sequence[str]) -> ReportTable:
    """Return the mean rank of each model for each metric, with the tests if there are any."""
    rows: list[list[object]] = []
    for model in models:
        if any(model in ranks.ranks for ranks in found):
            cells = [_rank(ranks, model) for ranks in found]
            rows.append([model, *cells])
    rules = {len(rows)} if any(x.p_value is not None for x in found) else set()
    if rules:
        rows.append(
            ["Friedman, p", *(None if x.p_value is None else p_value(x.p_value) for x in found)]
        )
        critical = [x.critical_difference for x in found]
        rows.append(["critical difference", *(_two_decimals(x) for x in critical)])
    caption = f"Mean ranks over {found[0].n_datasets} data sets."
    table = make_table(caption, ["model", *(x.label for x in found)], rows)
    return replace(table, rules=frozenset(rules), label="mean ranks")


def _rank(ranks: MeanRanks, model: str) -> Cell:
    value = ranks.ranks.get(model)
    is_best = value is not None and value == min(ranks.ranks.values())
    return replace(_two_decimals(value), strong=is_best)


def _two_decimals(value: float | None) -> Cell:
    if value is None:
        return Cell("–", "no value", "number", data="")  # noqa: RUF001
    return Cell(f"{value:.2f}", kind="number", data=repr(value))


def nemenyi_table(ranks: MeanRanks) -> ReportTable:
    """Return the p-values of Nemenyi's test of each pair of models."""
    n_models = len(ranks.ranks)
    rows = [
        [one, other, p_value(nemenyi_test(a - b, n_models, ranks.n_datasets))]
        for (one, a), (other, b) in combinations(ranks.ranks.items(), 2)
    ]
    caption = f"Nemenyi's test of the mean ranks by {ranks.label}."
    table = make_table(caption, ["model", "other model", "p"], rows, is_folded=True)
    return replace(table, n_headers=2, label=f"nemenyi {ranks.label}")


def tidy_frame(scores: Scores, verdicts: Mapping[Place, Verdict]) -> pd.DataFrame:
    """Return a row for each data set, model and metric, with all digits.

    Columns: dataset, model, metric, mean, std (NaN for one trial), trials, gain (of the leader
    over the baseline), p_users and p_seeds (of the test against the leader, corrected), trial,
    run.
    """
    rows = []
    for (dataset, model), cell in scores.cells.items():
        for label in scores.labels:
            found, verdict = cell.spread(label), verdicts.get((dataset, label))
            if found is not None:
                is_leader = verdict is not None and verdict.leader == model
                rows.append(
                    {
                        "dataset": dataset,
                        "model": model,
                        "metric": label,
                        "mean": found.mean,
                        "std": found.std,
                        "trials": found.n,
                        "gain": verdict.gain if verdict is not None and is_leader else None,
                        "p_users": None if verdict is None else verdict.over_users.get(model),
                        "p_seeds": None if verdict is None else verdict.over_seeds.get(model),
                        "trial": next(iter(cell.trials.values())).name,
                        "run": str(cell.path),
                    }
                )
    return make_frame(rows)


def markdown(table: ReportTable) -> str:
    """Return a table in Markdown: the best values bold, the second in italics."""
    lines = [_line([_plain(cell.text) for cell in table.header])]
    sides = ["---:" if cell.kind == "number" else "---" for cell in table.header]
    lines.append(_line(sides))
    lines += [_line([_markdown(cell) for cell in row]) for row in table.rows]
    return f"{table.caption}\n\n" + "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Return a text that may be a stranger's so that it is neither HTML nor a link."""
    return re.sub(r"[\\|`<\[]", r"\\\g<0>", " ".join(text.split()))


def _markdown(cell: Cell) -> str:
    text = _plain(cell.text)
    around = "**" if cell.strong else "_" if cell.underlined else ""
    text = f"{around}{text}{around}" + cell.mark.replace("*", "\\*")
    return text if cell.spread is None else f"{text} ± {cell.spread_text}"
