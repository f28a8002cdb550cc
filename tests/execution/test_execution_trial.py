"""What one trial reports besides its figures."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmrec.data import Dataset
from mmrec.evaluation import Evaluator
from mmrec.execution.trial import TrialSpec, run_trial
from mmrec.models import Batch, Model, ModelConfig, Recommender, RecommenderConfig
from mmrec.models.losses import bpr_loss
from mmrec.models.parts import embeddings
from mmrec.testing.data import tiny_dataset
from mmrec.training.objective import Objective
from mmrec.training.protocol import EvaluationProtocol
from mmrec.training.trainer import Outcome

DATA = tiny_dataset()


def warn() -> None:
    logger = logging.getLogger("mmrec.models.toy")
    for message in ("one", "two", "one"):
        logger.warning("%s", message)
    logger.info("no warning")


class Trained(Model):
    """Has a parameter that is not trained."""

    def __init__(self, config: ModelConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, 3)
        self.constant = torch.nn.Parameter(torch.zeros(100), requires_grad=False)
        warn()

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight

    def loss(self, batch: Batch) -> Tensor:
        return bpr_loss(*batch.of(*self.embed()))


class Untrained(Recommender):
    """Warns at its evaluation."""

    def scorer(self) -> Callable[[Tensor], Tensor]:
        warn()
        return lambda users: torch.zeros(len(users), self.n_items)


def outcome_of(recommender: type[Recommender], config: RecommenderConfig) -> Outcome:
    validation = Evaluator(DATA.train, DATA.test, ["Recall"], [5])
    protocol = EvaluationProtocol(
        DATA.train, validation, validation, top_k=5, objective=Objective.of("Recall@5")
    )
    spec = TrialSpec("id", "Toy id", "Toy", 0, recommender, config, protocol)
    return run_trial(spec, DATA, torch.device("cpu"))


@pytest.mark.parametrize(
    ("recommender", "config", "n_parameters"),
    [
        (Trained, ModelConfig(epochs=1), 3 * (DATA.n_users + DATA.n_items)),
        (Untrained, RecommenderConfig(), None),
    ],
)
def test_warnings_are_kept_once_and_parameters_are_counted_if_they_are_trained(
    recommender: type[Recommender], config: RecommenderConfig, n_parameters: int | None
) -> None:
    outcome = outcome_of(recommender, config)
    assert outcome.warnings == ["one", "two"]
    assert outcome.n_parameters == n_parameters
