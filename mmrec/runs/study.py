"""All trials of one model, and the questions that reports ask about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mmrec.config import EarlyStopping, ModelMeta
from mmrec.data import FloatArray
from mmrec.errors import ConfigError
from mmrec.evaluation import parse_figure_name, spread
from mmrec.runs.records import TrialRecord
from mmrec.text import is_number, value_text
from mmrec.training.protocol import LOSS


@dataclass(frozen=True, eq=False)
class Study:
    """All trials of one model."""

    plan: ModelFacts
    records: list[TrialRecord]
    """In the order of the search, whenever they ended."""
    best: TrialRecord | None = None
    """The trial with the best selected value, the first of equals. Of a point that was run on
    several folds or seeds, the mean is selected by and the first trial stands for it."""
    best_per_user: dict[str, FloatArray] = field(default_factory=dict)
    """Test values of each user for the best trial, by label."""
    points: list[list[TrialRecord]] = field(default_factory=list)
    """The trials of each point, one for every seed on every fold, fold by fold."""
    best_point: int | None = None
    """Place of the best among the points."""

    @property
    def best_trials(self) -> list[TrialRecord]:
        """The trials of the best point, one for every seed on every fold."""
        return [] if self.best_point is None else self.points[self.best_point]


class ModelFacts(Protocol):
    """What a report needs to know of a model's search; a finished run still tells it."""

    @property
    def name(self) -> str:
        """How tables call the model."""

    @property
    def key(self) -> str:
        """How the file calls it, for example ``external.LATTICE``."""

    @property
    def searched(self) -> tuple[str, ...]:
        """The hyper-parameters that are searched, in the order of the file."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """What every point is run on; empty for the one seed of its hyper-parameters."""

    @property
    def meta(self) -> ModelMeta:
        """How it is searched, validated and saved."""

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """When training stops before its last epoch."""

    @property
    def select_by(self) -> str:
        """The validation figure that is to be best, or ``loss``."""

    @property
    def monitor(self) -> str:
        """What early stopping looks at: a validation figure, or ``loss``."""


def has_seeds(study: Study) -> bool:
    """Say whether the points of a model were run on several seeds."""
    return any(len(_seeds(trials)) > 1 for trials in study.points)


def has_folds(study: Study) -> bool:
    """Say whether the points of a model were run on several folds."""
    return any(len(_folds(trials)) > 1 for trials in study.points)


def repetitions(trials: Sequence[TrialRecord]) -> str:
    """Write what the trials of a point were run on: ``5 folds``, ``3 seeds``, or both."""
    counts = {"folds": len(_folds(trials)), "seeds": len(_seeds(trials))}
    return " with ".join(f"{n} {what}" for what, n in counts.items() if n > 1)


def n_repetitions(study: Study) -> dict[str, int]:
    """Return how many ``folds`` and ``seeds`` the best point was run on, where several."""
    counts = {"folds": len(_folds(study.best_trials)), "seeds": len(_seeds(study.best_trials))}
    asked = {"folds": has_folds(study), "seeds": has_seeds(study)}
    return {what: n for what, n in counts.items() if asked[what]}


def _folds(trials: Sequence[TrialRecord]) -> list[str]:
    return list(dict.fromkeys(trial.fold for trial in trials))


def _seeds(trials: Sequence[TrialRecord]) -> list[int]:
    return list(dict.fromkeys(trial.parameters["seed"] for trial in trials))


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


def _in_order(study: Study) -> list[tuple[tuple[str, int | None], TrialRecord]]:
    """Return the trials of the best point by fold, and by seed if it had several."""
    several = has_seeds(study)
    keyed = [((t.fold, t.parameters["seed"] if several else None), t) for t in study.best_trials]
    return sorted(keyed, key=lambda pair: (pair[0][0], pair[0][1] or 0))


MAX_CATEGORIES = 10
"""Up to so many different values of a parameter each have a place of their own on an axis."""


def higher_is_better(label: str) -> bool:
    """Return the direction of ``loss`` or of a figure such as ``Recall@20``."""
    try:
        return label != LOSS and parse_figure_name(label)[0].higher_is_better
    except ConfigError:  # a figure that this version does not know
        return True


def selected_value(record: TrialRecord, label: str) -> float | None:
    """Return what a trial is selected by: its validation figure, or its loss at the best epoch.

    None if the trial failed or the value is not finite.
    """
    value = record.validation.get(label)
    if label == LOSS:
        value = next((h["loss"] for h in record.history if h["epoch"] == record.best_epoch), None)
    return value if value is not None and math.isfinite(value) else None


def ranked(records: Sequence[TrialRecord], label: str) -> list[TrialRecord]:
    """Return the trials that have a selected value, the best first, equals in order."""
    sign = -1 if higher_is_better(label) else 1
    having = [(value, r) for r in records if (value := selected_value(r, label)) is not None]
    return [record for value, record in sorted(having, key=lambda pair: sign * pair[0])]


def figure_title(label: str, split: str) -> str:
    """Name what trials are selected by, for a reader."""
    return "training loss at the best epoch" if label == LOSS else f"{split} {label}"


def levels(records: Sequence[TrialRecord], parameter: str) -> list[Any]:
    """Return the different values of a parameter: numbers ascending, others as they come."""
    by_key = {repr(r.parameters.get(parameter)): r.parameters.get(parameter) for r in records}
    values = list(by_key.values())
    return sorted(values) if all(map(is_number, values)) else values


def best_cells(
    records: Sequence[TrialRecord], parameters: tuple[str, str], label: str
) -> dict[tuple[str, str], float | None]:
    """Return the best selected value for each pair of values that was tried.

    Keys are the ``repr`` of the values; None where every trial of the pair failed.
    """
    cells: dict[tuple[str, str], float | None] = {}
    for record in [*ranked(records, label), *records]:
        across, down = (repr(record.parameters.get(name)) for name in parameters)
        cells.setdefault((across, down), selected_value(record, label))
    return cells


def searched(study: Study) -> list[str]:
    """Return the hyper-parameters that were searched, then others that differ between trials."""
    records = study.records
    names = dict.fromkeys(study.plan.searched)
    names |= dict.fromkeys(name for record in records for name in record.parameters)
    return [n for n in names if n in study.plan.searched or len(levels(records, n)) > 1]


def fixed(study: Study) -> dict[str, str]:
    """Return the hyper-parameters that all trials share."""
    varied = searched(study)
    shared = study.records[0].parameters if study.records else {}
    return {name: value_text(value) for name, value in shared.items() if name not in varied}


def tried_parameters(study: Study) -> list[str]:
    """Return the hyper-parameters that were tried at several values."""
    tried = [x for x in searched(study) if len(levels(study.records, x)) > 1]
    # Seeds are repeated, not searched.
    return [name for name in tried if name != "seed"] if has_seeds(study) else tried
