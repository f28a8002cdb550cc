"""What a run has come to, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study, figure_title, higher_is_better, repetitions, selected_value
from mmrec.training.protocol import LOSS


@dataclass(frozen=True)
class Headline:
    """The model that came out best, and by what.

    Its figures are means if it was run on several folds or seeds.
    """

    model: str
    by: str
    label: str
    """The same without the split."""
    value: float | None
    test: Mapping[str, float]
    """Up to three of its test figures, of the cutoff that it was selected by."""
    seeds: int = 1
    """How many the figures are means over."""


def make_headline(studies: Sequence[Study], split: str) -> Headline | None:
    """Find the best model by what all were selected by, else by the first figure."""
    trials = {study.plan.name: _best_trials(study) for study in studies if study.best is not None}
    if not trials:
        return None
    used = {study.plan.select_by for study in studies if study.best is not None}
    label = used.pop() if len(used) == 1 else LOSS
    if label == LOSS:  # losses of different models say nothing about each other
        label = next(iter(next(iter(trials.values()))[0].validation), LOSS)
    sign = 1 if higher_is_better(label) else -1
    values = {
        name: _mean([selected_value(t, label) for t in some]) for name, some in trials.items()
    }
    known = {name: sign * value for name, value in values.items() if value is not None}
    winner = max(known, key=lambda name: known[name]) if known else next(iter(trials))
    figures = trials[winner][0].test
    told = [k for k in figures if k.partition("@")[2] == label.partition("@")[2]]
    test = {k: fmean(t.test[k] for t in trials[winner]) for k in (told or list(figures))[:3]}
    n = len(trials[winner])
    by = figure_title(label, split) + (
        f" (mean over {repetitions(trials[winner])})" if n > 1 else ""
    )
    return Headline(winner, by, label, values[winner], test, n)


def _best_trials(study: Study) -> list[TrialRecord]:
    assert study.best is not None
    return study.best_trials or [study.best]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
