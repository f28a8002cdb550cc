"""A run as the sections of its report see it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from mmrec.config import Experiment
from mmrec.errors import DataError, ModelError, listing, nearest
from mmrec.models.external import load_external_module
from mmrec.registry import activate_external
from mmrec.reporting.examples.collect import read_examples
from mmrec.reporting.importance import Importance, importance_of
from mmrec.reporting.run_tables import significance_table
from mmrec.reporting.verdicts import Lead, Verdicts
from mmrec.runs.finished import FinishedRun, read_settings
from mmrec.runs.studies import read_studies
from mmrec.runs.study import Study
from mmrec.runs.trust import is_trusted
from mmrec.runs.unfinished import UnfinishedRun
from mmrec.runs.winner import Winner, find_winner

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class ReportData:
    """What a report is made of. All of it is in the folder of the run."""

    manifest: Mapping[str, Any]
    studies: Sequence[Study]
    """The trials of every model."""
    significance: pd.DataFrame
    """See :func:`mmrec.reporting.run_tables.significance_table`."""
    examples: Mapping[str, Any] | None = None
    """See :func:`mmrec.reporting.examples.collect.write_examples`."""
    unfinished: UnfinishedRun | None = None
    """The run, if it has not finished: the report shows the trials that have ended."""

    @classmethod
    def read(cls, folder: Path) -> ReportData:
        """Read the folder of a finished run.

        Raises:
            DataError: it is not the folder of a finished run, or it is damaged.
        """
        run = FinishedRun.open(folder)
        experiment = read_settings(run)
        activate_own_file(experiment)
        studies = read_studies(run)
        return cls(
            manifest=run.manifest,
            studies=studies,
            significance=significance_table(experiment, studies),
            examples=read_examples(run.path, experiment),
        )

    @property
    def split(self) -> str:
        """The split that epochs, trials and models are selected on."""
        split: str = self.manifest["protocol"]["selected_on"]
        return split

    @cached_property
    def winner(self) -> Winner | None:
        """The best model; None if no trial finished."""
        return find_winner(self.studies, self.split)

    @cached_property
    def verdicts(self) -> Verdicts:
        """What the tests of significance say about the models."""
        return Verdicts(self.finished, self.significance)

    @cached_property
    def lead(self) -> Lead | None:
        """The winner next to the best other model on the test split."""
        if self.winner is None:
            return None
        objective = self.finished[0].settings.objective_of(self.winner.label)
        return self.verdicts.lead(self.winner.model, objective)

    @cached_property
    def importances(self) -> dict[str, Importance | str]:
        """The importance of the hyper-parameters of each model; else why there is none."""
        found: dict[str, Importance | str] = {}
        for study in self.studies:
            try:
                found[study.name] = importance_of(study)
            except DataError as error:
                found[study.name] = str(error)
        return found

    @property
    def finished(self) -> list[Study]:
        """The studies that have a best trial."""
        return [study for study in self.studies if study.best is not None]

    def first(self, model: str | None, find: Callable[[Study], _T]) -> _T:
        """Return what ``find`` returns for a model, by default for the first that has it.

        Args:
            model: the name of a model; None for any.
            find: raises DataError if a study does not have it.

        Raises:
            DataError: the model does not exist, or no study has it.
        """
        known = [study.name for study in self.studies]
        require(model, known, "model")
        reasons = []
        for study in self.studies:
            if model in (None, study.name):
                try:
                    return find(study)
                except DataError as error:
                    reasons.append(f"{study.name}: {error}")
        raise DataError("; ".join(reasons) or "the run has no model")


def activate_own_file(experiment: Experiment) -> None:
    """Make sections and metrics of the user's own file available, if it can still be imported.

    A file that no experiment of this user has executed is not imported.
    """
    activate_external(None)
    path = experiment.external_models_path
    if path is not None and path.exists() and not is_trusted(path):
        logger.warning(
            "the report has no sections and metrics of %s, which no experiment of yours has "
            "executed with this content",
            path,
        )
    elif path is not None:
        try:
            load_external_module(path)
        except ModelError as error:
            logger.warning("the report has no sections and metrics of the user's file: %s", error)


def require(name: str | None, known: Sequence[str], kind: str) -> None:
    """Refuse a name that is not known; None is accepted.

    Raises:
        DataError: with the nearest and all known names.
    """
    if name is not None and name not in known:
        accepted = listing(known) or "none"
        raise DataError(f"unknown {kind} {name!r}{nearest(name, known)}; accepted: {accepted}")
