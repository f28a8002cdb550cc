"""A model with given losses and figures, to test the loop with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmrec.data import Dataset, Interactions, Vocabulary
from mmrec.evaluation import Evaluator
from mmrec.models import Batch, Model, ModelConfig
from mmrec.training.determinism import deterministic
from mmrec.training.objective import Objective
from mmrec.training.protocol import EvaluationProtocol
from mmrec.training.trainer import OnEpoch, Outcome, Trainer

CPU = torch.device("cpu")
N_USERS, N_ITEMS, VALIDATION_ITEM, TEST_ITEM = 4, 6, 4, 5


def _split(item: int) -> Interactions:
    users = torch.arange(N_USERS).numpy()
    return Interactions.from_arrays(users, users * 0 + item, N_USERS, N_ITEMS)


DATA = Dataset(
    name="scripted",
    users=Vocabulary(map(str, range(N_USERS))),
    items=Vocabulary(map(str, range(N_ITEMS))),
    train=_split(0),
    validation=_split(VALIDATION_ITEM),
    test=_split(TEST_ITEM),
)
"""Each of 4 users has one training item: an epoch has 4 triplets."""


@dataclass(frozen=True)
class Epoch:
    """What happens in one epoch."""

    losses: tuple[float, ...] = (0.0,)
    """Of its batches; the last one repeats."""
    validation: int = 0
    """How many of the 4 users get their validation item into a list of two: Recall@2 is n / 4."""
    test: int = 0
    """The same for the test item."""
    scores: float = 0.0
    """Added to every score."""


class Scripted(Model):
    """Follows ``script``; its one parameter falls by the learning rate in every step."""

    script: ClassVar[list[Epoch]]

    def __init__(self, config: ModelConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.weight = nn.Parameter(torch.zeros(1))
        self.modes: list[bool] = []

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        self.epoch, self.batch = self.script[epoch - 1], 0

    def embed(self) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor:
        self.modes.append(self.training)
        losses = self.epoch.losses
        value = losses[min(self.batch, len(losses) - 1)]
        self.batch += 1
        return (self.weight - self.weight.detach()).sum() + value  # the gradient is 1

    def scorer(self) -> Callable[[Tensor], Tensor]:
        self.modes.append(self.training)
        scores = torch.full((N_USERS, N_ITEMS), self.epoch.scores)
        # An item that is not to be hit scores -1; items 1 to 3 score 0.
        users = torch.arange(N_USERS)
        scores[:, VALIDATION_ITEM] += torch.where(users < self.epoch.validation, 2, -1)
        scores[:, TEST_ITEM] += torch.where(users < self.epoch.test, 1, -1)
        return lambda batch: scores[batch]


def protocol(**changes: Any) -> EvaluationProtocol:
    """Selection by Recall@2 on the validation split, after every epoch; some fields changed."""
    assert DATA.validation is not None
    fields = {
        "train": DATA.train,
        "validation": Evaluator(DATA.train, DATA.validation, ["Recall"], [2]),
        "test": Evaluator(DATA.train, DATA.test, ["Recall"], [2]),
        "top_k": 2,
        "objective": Objective("Recall@2", higher_is_better=True),
    }
    return EvaluationProtocol(**(fields | changes))


def run(
    script: list[Epoch],
    on_epoch: OnEpoch | None = None,
    model: type[Scripted] = Scripted,
    settings: dict[str, object] | None = None,
    **changes: Any,
) -> tuple[Outcome, Scripted]:
    """Train by a script; return the outcome and the model as it is afterwards."""
    kind = type("Scripted", (model,), {"script": script})
    given = {"epochs": len(script), "batch_size": 2, "lr": 0.5}
    config = ModelConfig.model_validate(given | (settings or {}))
    with deterministic(CPU):
        built = kind(config, DATA)
        outcome = Trainer(built, config, DATA, protocol(**changes), CPU).run(on_epoch)
    return outcome, built
