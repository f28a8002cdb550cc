"""Statistics over the repetitions of a point: its trials on several folds or seeds."""

from __future__ import annotations

from collections.abc import Sequence

from mmrec.evaluation import spread
from mmrec.runs.records import TrialRecord


def folds_of(trials: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the folds that trials were run on, each once, in order."""
    return list(dict.fromkeys(trial.fold for trial in trials))


def seeds_of(trials: Sequence[TrialRecord]) -> list[int]:
    """Return the seeds that trials were run on, each once, in order."""
    return list(dict.fromkeys(trial.parameters["seed"] for trial in trials))


def repetitions_text(trials: Sequence[TrialRecord]) -> str:
    """Return ``5 folds``, ``3 seeds``, ``5 folds with 3 seeds``, or nothing for one trial."""
    counts = {"folds": len(folds_of(trials)), "seeds": len(seeds_of(trials))}
    return " with ".join(f"{n} {what}" for what, n in counts.items() if n > 1)


def spreads(trials: Sequence[TrialRecord]) -> dict[str, float]:
    """Return ``Recall@20 mean``, ``... std``, ``... low`` and ``... high`` of each test figure.

    ``low`` and ``high`` are the ends of the 95 % interval for the mean over folds and seeds.
    Trials that did not finish are left out.
    """
    finished = [trial for trial in trials if trial.status == "finished"]
    columns: dict[str, float] = {}
    for label in dict.fromkeys(label for trial in finished for label in trial.test):
        found = spread([trial.test[label] for trial in finished if label in trial.test])
        columns |= {f"{label} {name}": value for name, value in found._asdict().items()}
        del columns[f"{label} n"]
    return columns


def means(trials: Sequence[TrialRecord]) -> dict[str, float]:
    """Return the mean of each test figure over the trials of a point that finished."""
    ending = " mean"
    return {k.removesuffix(ending): v for k, v in spreads(trials).items() if k.endswith(ending)}
