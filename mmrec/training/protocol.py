"""How a trial is evaluated, which of its epochs is the best, and when it stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from mmrec.data import Interactions
from mmrec.evaluation import Evaluator, Ranking
from mmrec.models import Model, Recommender
from mmrec.training.cold import ColdProtocol
from mmrec.training.digests import digest_of_ranking, digest_of_state
from mmrec.training.early_stopping import EarlyStopping
from mmrec.training.objective import LOSS, Objective


@dataclass(frozen=True)
class EpochRecord:
    """The figures of one evaluated epoch."""

    epoch: int
    """Counted from 1; 0 for a recommender that is not trained."""
    loss: float | None
    """Mean training loss of the epoch's batches."""
    validation: dict[str, float]
    """By label, for example ``Recall@20``."""
    weights_sha256: str | None = None
    """Digest of the model's state after the epoch; None for a recommender without a state."""
    lists_sha256: str | None = None
    """Digest of the lists that the figures were computed from."""
    diagnostics: dict[str, float] = field(default_factory=dict)
    """What :meth:`mmrec.models.Model.diagnostics` returned, and the epoch's means of the named
    terms of the loss as ``loss/NAME``."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """An evaluation with the lists it was computed from."""

    record: EpochRecord
    ranking: Ranking


@dataclass(frozen=True, eq=False)
class EvaluationProtocol:
    """Everything about a trial except the model: evaluation, selection and stopping.

    Epochs are evaluated on the validation split alone. Test figures are computed once, from the
    lists of the best epoch.
    """

    train: Interactions
    validation: Evaluator
    test: Evaluator
    top_k: int
    """Length of the recommendation lists."""
    objective: Objective
    """What the best epoch is selected by: a validation figure or the training loss."""
    validation_rate: int = 1
    """Epochs from one evaluation to the next."""
    early_stopping: EarlyStopping | None = None
    cold: ColdProtocol | None = None
    """How cold items are evaluated; None if they are not."""

    def evaluate(
        self,
        recommender: Recommender,
        device: torch.device,
        *,
        epoch: int = 0,
        loss: float | None = None,
        terms: Mapping[str, float] | None = None,
    ) -> Evaluated:
        """Rank all users once and compute the validation figures of the lists.

        Args:
            recommender: in evaluation mode.
            device: of the recommender.
            epoch: its number.
            loss: its mean loss.
            terms: its means of the named terms of the loss.
        """
        ranking = recommender.rank(self.train, self.top_k, device)
        model = recommender if isinstance(recommender, Model) else None
        diagnostics = {f"{LOSS}/{name}": value for name, value in (terms or {}).items()}
        if model is not None:
            diagnostics |= {name: float(x) for name, x in model.diagnostics().items()}
        record = EpochRecord(
            epoch,
            loss,
            self.validation.evaluate(ranking).figures,
            digest_of_state(model.state_dict()) if model else None,
            digest_of_ranking(ranking),
            diagnostics,
        )
        return Evaluated(record, ranking)

    def is_better(self, record: EpochRecord, best: EpochRecord | None) -> bool:
        """Return whether a later record is better than the best so far; an equal one is not."""
        return best is None or self.objective.is_better(
            self.objective.value(record.loss, record.validation),
            self.objective.value(best.loss, best.validation),
        )

    def should_stop(self, records: Sequence[EpochRecord]) -> bool:
        """Return whether training stops after these evaluations."""
        if self.early_stopping is None:
            return False
        observed = self.early_stopping.objective
        return self.early_stopping.should_stop(
            [observed.value(record.loss, record.validation) for record in records]
        )
