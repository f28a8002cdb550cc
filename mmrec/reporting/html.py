"""The report of a run: one page that needs nothing else, neither network nor scripts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmrec.reporting import cells, plots
from mmrec.reporting.headline import make_headline
from mmrec.reporting.over_seeds import has_seeds, repetitions
from mmrec.reporting.selection import (
    MAX_CATEGORIES,
    figure_title,
    is_number,
    levels,
    ranked,
    selected_value,
    value_text,
)
from mmrec.search import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FACTS = {
    "python": "Python",
    "cuda": "CUDA",
    "threads": "CPU threads",
    "cpu_capability": "CPU instructions",
    "propagation_backend": "graph propagation by",
}


@dataclass(frozen=True)
class Plot:
    """A figure of the report: its picture, if it can be drawn, and its data."""

    caption: str
    svg: Markup | None
    data: cells.Table


def report_html(
    manifest: Mapping[str, Any],
    studies: Sequence[Study],
    best: pd.DataFrame,
    significance: Mapping[str, pd.DataFrame],
    command: str,
) -> str:
    """Return the report of a run as a page of HTML.

    The same arguments always give the same page. Without matplotlib it has the data of its
    figures, and says how to get the figures.

    Args:
        manifest: what :func:`~mmrec.reporting.make_manifest` returns.
        studies: the trials of every model.
        best: what :func:`~mmrec.reporting.best_table` returns.
        significance: by test, the p-values that :func:`mmrec.evaluation.compare` returns.
        command: how to run the experiment again.
    """
    split = manifest["protocol"]["selected_on"]
    environment = Environment(
        loader=PackageLoader("mmrec", "reporting/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    page = environment.get_template("report.html.j2").render(
        name=manifest["experiment"]["dataset"],
        manifest=manifest,
        split=split,
        headline=make_headline(studies, split),
        n_trials=sum(len(study.records) for study in studies),
        n_failed=sum(r.status == "failed" for study in studies for r in study.records),
        n_pruned=sum(r.status == "pruned" for study in studies for r in study.records),
        took=_duration(manifest["started"], manifest["ended"]),
        best=cells.best_models(best, studies, split),
        over_seeds=cells.over_seeds(best),
        significance=[cells.p_values(k, x, studies) for k, x in significance.items() if len(x)],
        models=[_model(study, split, f"model-{n}") for n, study in enumerate(studies, 1)],
        has_plots=plots.is_available(),
        protocol=_protocol(manifest, studies),
        data=_data(manifest["data"]),
        splits=cells.splits(manifest["data"]["splits"]),
        environment=_environment(manifest["environment"]),
        packages=cells.table(
            "Versions.", ["package", "version"], list(manifest["environment"]["packages"].items())
        ),
        digests=cells.table(
            "SHA-256 of the data and of the tables that were written.",
            ["what", "digest"],
            [
                [name, cells.digest(value)]
                for name, value in [
                    ("data set", manifest["data"]["fingerprint"]),
                    *manifest["tables_sha256"].items(),
                ]
            ],
        ),
        command=command,
    )
    return page if page.endswith("\n") else page + "\n"


def _model(study: Study, split: str, anchor: str) -> dict[str, Any]:
    """Collect what the section of a model shows."""
    failures = defaultdict(list)
    for record in study.records:
        if record.status == "failed":
            failures[record.error or "no message"].append(record.index + 1)
    return {
        "name": study.plan.name,
        "anchor": anchor,
        "best": study.best,
        "selected_by": figure_title(study.plan.select_by, split),
        "value": study.best and selected_value(study.best, study.plan.select_by),
        "n_trials": len(study.records),
        "n_failed": sum(map(len, failures.values())),
        "repetitions": repetitions(study.best_trials),
        "failures": dict(failures),
        "searched": {name: _tried(levels(study.records, name)) for name in cells.searched(study)},
        "fixed": cells.fixed(study),
        "plots": list(_plots(study, split)),
        "trials": cells.trials(study, split),
    }


def _tried(values: Sequence[Any]) -> str:
    texts = [value_text(value) for value in values]
    if len(texts) <= MAX_CATEGORIES:
        return " \N{MIDDLE DOT} ".join(texts)
    if all(map(is_number, values)):
        return f"{len(texts)} values from {texts[0]} to {texts[-1]}"
    return f"{len(texts)} values"


def _plots(study: Study, split: str) -> Iterator[Plot]:
    """Yield the figures that say something about a model's trials."""
    records, by = study.records, study.plan.select_by
    finished = ranked(records, by)
    if not finished:
        return
    shown = finished[0].validation
    label = by if by in shown else next(iter(shown), None)
    if label is not None and any(record.losses for record in records):
        yield _plot(
            "Learning curves."
            + (" The best trial stands out, the others are pale." if len(finished) > 1 else "")
            + " The dashed line is the best epoch.",
            lambda: plots.learning_curves(records, label, select_by=by, split=split),
            cells.curves(records, label, by, split),
        )
    tried = [name for name in cells.searched(study) if len(levels(records, name)) > 1]
    if has_seeds(study):
        tried = [name for name in tried if name != "seed"]  # repeated, not searched
    is_grid = all(len(levels(records, name)) <= MAX_CATEGORIES for name in tried)
    if 2 <= len(tried) <= 3 and is_grid:
        for pair in combinations(tried, 2):
            yield _plot(
                f"Search over {pair[0]} and {pair[1]}. A stronger colour is a better value.",
                _heatmap(study, pair, split),
                cells.grid(records, pair, by, split),
            )
        return
    for name in tried:
        yield _plot(
            f"Search over {name}. The best trial is marked; a cross is a trial that failed.",
            _scatter(study, name, split),
            cells.points(records, name, by, split),
        )


def _heatmap(study: Study, pair: tuple[str, str], split: str) -> Callable[[], Figure]:
    return lambda: plots.search_heatmap(study.records, pair, study.plan.select_by, split=split)


def _scatter(study: Study, name: str, split: str) -> Callable[[], Figure]:
    return lambda: plots.search_scatter(study.records, name, study.plan.select_by, split=split)


def _plot(caption: str, draw: Callable[[], Figure], data: cells.Table) -> Plot:
    # to_svg has escaped every text that comes from outside, so its markup may stand as it is.
    svg = Markup(plots.to_svg(draw())) if plots.is_available() else None
    return Plot(caption, svg, data)


def _protocol(manifest: Mapping[str, Any], studies: Sequence[Study]) -> dict[str, str]:
    experiment, protocol = manifest["experiment"], manifest["protocol"]
    evaluation = experiment.get("evaluation", {})
    split = protocol["selected_on"]
    by_label = defaultdict(list)
    for study in studies:
        by_label[figure_title(study.plan.select_by, split)].append(study.plan.name)
    facts = {
        "Candidates": protocol["candidates"],
        "Selected on": f"the {split} split: best epoch of a trial, best trial of a model",
        "Selected by": "; ".join(f"{label} ({', '.join(m)})" for label, m in by_label.items()),
        "Averaged over": protocol["averaged_over"],
    }
    if "relevance_threshold" in evaluation:
        threshold = evaluation["relevance_threshold"]
        facts["Relevant"] = f"held-out interactions with a rating of at least {threshold:g}"
    if "top_k" in experiment:
        cutoffs = ", ".join(map(str, evaluation.get("cutoffs", ())))
        facts["Lists"] = f"{experiment['top_k']} items long" + (
            f", cut at {cutoffs}" if cutoffs else ""
        )
    return facts


def _data(data: Mapping[str, Any]) -> dict[str, str]:
    users, items = data["users"], data["items"]
    facts = {"Users": f"{users:,}", "Items": f"{items:,}"}
    rows = data["splits"].get("train", {}).get("rows_kept")
    if rows and users and items:
        share = rows / (users * items)
        facts["Density"] = f"{share:.3%} of all pairs are in the training split"
    for loader, shape in data["features"].items():
        facts[loader] = f"{shape[-1]:,} values for each item"
    if data["items_dropped"] or data["users_dropped"]:
        facts["Dropped"] = (
            f"{_count(data['items_dropped'], 'item')} for lack of a feature vector, and "
            f"{_count(data['users_dropped'], 'user')} who had no other item"
        )
    else:
        facts["Dropped"] = "no item and no user for lack of a feature vector"
    return facts


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _environment(environment: Mapping[str, Any]) -> dict[str, str]:
    return {
        _FACTS.get(key, key.replace("_", " ")): "none" if value is None else str(value)
        for key, value in environment.items()
        if key != "packages"
    }


def _moment(text: str) -> str:
    """Write an ISO date and time for a reader."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
    except ValueError:
        return text


def _duration(started: str, ended: str) -> str:
    try:
        lasted = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
    except (ValueError, TypeError):  # not dates, or only one of them has a time zone
        return ""
    seconds = round(lasted.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
