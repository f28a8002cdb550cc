"""What the report tells of a run as terms and facts: protocol, data, environment, time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from mmrec.runs.study import Study
from mmrec.text import ends, span

_DROPPED = {"items_dropped": "item", "users_dropped": "user"}
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
        by_label[study.objective.title(split)].append(study.name)
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
    """Return the size of the data, and what was dropped; of several folds, the least and most."""
    folds = data.get("folds") or [data]
    facts = {"Folds": f"{len(folds):,}"} if len(folds) > 1 else {}
    for key in ("users", "items"):
        facts[key.capitalize()] = span(f"{n:,}" for n in ends([fold[key] for fold in folds]))
    shares = [share for fold in folds if (share := density(fold)) is not None]
    if shares:
        told = span(f"{share:.3%}" for share in ends(shares))
        facts["Density"] = f"{told} of all pairs are in the training split"
    for loader, shape in data["features"].items():
        facts[loader] = f"{shape[-1]:,} values for each item"
    dropped = {key: ends([fold[key] for fold in folds]) for key in _DROPPED}
    if any(map(any, dropped.values())):
        items, users = (_counted(dropped[key], noun) for key, noun in _DROPPED.items())
        facts["Dropped"] = (
            f"{items} for lack of a feature vector, and {users} who had no other item"
        )
    else:
        facts["Dropped"] = "no item and no user for lack of a feature vector"
    return facts


def density(fold: Mapping[str, Any]) -> float | None:
    """Return which share of all pairs is in the training split, if the manifest tells."""
    rows = fold["splits"].get("train", {}).get("rows_kept")
    n_pairs = fold["users"] * fold["items"]
    return rows / n_pairs if rows and n_pairs else None


def _counted(least_and_most: tuple[int, int], noun: str) -> str:
    told = span(f"{n:,}" for n in least_and_most)
    return f"{told} {noun}{'' if least_and_most == (1, 1) else 's'}"


def environment(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return machine and versions, the packages' apart."""
    return {
        _FACTS.get(key, key.replace("_", " ")): "none" if value is None else str(value)
        for key, value in environment.items()
        if key != "packages"
    }


def command(written: Mapping[str, Any]) -> str:
    """Return what runs the experiment again."""
    source = str(written["source"])
    return "run_experiment(config)" if source.startswith("<") else f"mmrec run {source}"
