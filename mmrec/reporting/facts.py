"""What the report tells of a run as terms and facts: protocol, data, environment, time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mmrec.reporting.selection import figure_title
from mmrec.search import Study

_FACTS = {
    "python": "Python",
    "cuda": "CUDA",
    "threads": "CPU threads",
    "cpu_capability": "CPU instructions",
    "propagation_backend": "graph propagation by",
}


def protocol(manifest: Mapping[str, Any], studies: Sequence[Study]) -> dict[str, str]:
    """Return how models were evaluated and selected."""
    experiment, told = manifest["experiment"], manifest["protocol"]
    evaluation = experiment.get("evaluation", {})
    split = told["selected_on"]
    by_label = defaultdict(list)
    for study in studies:
        by_label[figure_title(study.plan.select_by, split)].append(study.plan.name)
    facts = {
        "Candidates": told["candidates"],
        "Selected on": f"the {split} split: best epoch of a trial, best trial of a model",
        "Selected by": "; ".join(f"{label} ({', '.join(m)})" for label, m in by_label.items()),
        "Averaged over": told["averaged_over"],
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


def data(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the size of the data, and what was dropped."""
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


def environment(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return machine and versions, the packages' apart."""
    return {
        _FACTS.get(key, key.replace("_", " ")): "none" if value is None else str(value)
        for key, value in environment.items()
        if key != "packages"
    }


def moment(text: str) -> str:
    """Write an ISO date and time for a reader."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
    except ValueError:
        return text


def duration(started: str, ended: str) -> str:
    """Write how long a run took; empty if that is not known."""
    try:
        lasted = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
    except (ValueError, TypeError):  # not dates, or only one of them has a time zone
        return ""
    return spoken(lasted.total_seconds())


def spoken(seconds: float) -> str:
    """Write a span of time in two units at most."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def command(written: Mapping[str, Any]) -> str:
    """Return what runs the experiment again."""
    source = str(written["source"])
    return "run_experiment(config)" if source.startswith("<") else f"mmrec run {source}"
