"""What a model may bring to the loop: terms, optimisers, a sampler, and the start of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import refusal
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from mmrec.data import Dataset, Interactions, Sampler, Samples, UniformUsers
from mmrec.errors import ModelError, TrialError
from mmrec.evaluation import Evaluation, Evaluator, Ranking
from mmrec.interruption import Interrupted
from mmrec.models import Batch, Model, ModelConfig
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.seeding import rng_for
from mmrec.testing.data import tiny_dataset
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.determinism import deterministic
from mmrec.training.objective import Objective
from mmrec.training.protocol import EvaluationProtocol
from mmrec.training.trainer import Outcome, Trainer

CPU = torch.device("cpu")
DATA = tiny_dataset()


class Plain(Model):
    """Matrix factorisation on two tables."""

    def __init__(self, config: ModelConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users = nn.Embedding(self.n_users, 3)
        self.items = nn.Embedding(self.n_items, 3)

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight

    def loss(self, batch: Batch) -> Tensor | dict[str, Tensor]:
        return bpr_loss(*batch.of(*self.embed()))


class Terms(Plain):
    """The same with a penalty, as two terms."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        rows = batch.of(*self.embed())
        return {"ranking": bpr_loss(*rows), "penalty": 0.1 * l2_penalty(*rows)}


class Summed(Terms):
    """The same as one number."""

    def loss(self, batch: Batch) -> Tensor:  # type: ignore[override]
        ranking, penalty = super().loss(batch).values()
        return ranking + penalty


def trainer(
    kind: type[Model], checkpoint: Path | None = None, rate: int = 1, **settings: object
) -> Trainer:
    config = ModelConfig.model_validate(
        {"epochs": 3, "batch_size": 8, "lr": 0.05, "seed": 4} | settings
    )
    assert DATA.validation is not None
    protocol = EvaluationProtocol(
        train=DATA.train,
        validation=Evaluator(DATA.train, DATA.validation, ["Recall"], [5]),
        test=Evaluator(DATA.train, DATA.test, ["Recall"], [5]),
        top_k=5,
        objective=Objective("Recall@5", higher_is_better=True),
        validation_rate=rate,
    )
    torch.manual_seed(0)
    kept = Checkpoint(checkpoint) if checkpoint else None
    return Trainer(kind(config, DATA), config, DATA, protocol, CPU, kept)


def run(kind: type[Model], **settings: object) -> Outcome:
    with deterministic(CPU):
        return trainer(kind, **settings).run()  # type: ignore[arg-type]


def resumed(kind: type[Model], folder: Path, after: int) -> Outcome:
    """Train with an interruption after so many steps."""
    path = folder / "checkpoint"
    n_steps = 0

    def stop() -> bool:
        nonlocal n_steps
        n_steps += 1
        return n_steps == after

    with deterministic(CPU):
        with pytest.raises(Interrupted):
            trainer(kind, path).run(stop=stop)
        return trainer(kind, path).run()


def assert_same(one: Outcome, other: Outcome) -> None:
    assert one.losses == other.losses
    assert one.history == other.history
    assert one.test == other.test


def test_named_terms_are_added_in_their_order() -> None:
    assert run(Terms).losses == run(Summed).losses


def test_the_means_of_the_terms_are_recorded_for_evaluated_epochs() -> None:
    outcome = run(Terms, rate=2)
    (record,) = outcome.history
    assert list(record.diagnostics) == ["loss/ranking", "loss/penalty"]
    assert sum(record.diagnostics.values()) == pytest.approx(record.loss, rel=1e-6)
    assert run(Plain).history[0].diagnostics == {}


@pytest.mark.parametrize("after", [1, 7, 9, 13])
def test_the_terms_of_a_resumed_epoch_are_complete(after: int, tmp_path: Path) -> None:
    assert_same(resumed(Terms, tmp_path, after), run(Terms))


def test_a_term_that_is_not_finite_is_named() -> None:
    class Wrong(Terms):
        def loss(self, batch: Batch) -> dict[str, Tensor]:
            terms = super().loss(batch)
            return terms | {"penalty": terms["penalty"] * float("nan")}

    message = refusal(TrialError, lambda: run(Wrong))
    assert "epoch 1, batch 1" in message
    assert "penalty" in message


def test_a_loss_without_terms_is_refused() -> None:
    class Nothing(Plain):
        def loss(self, batch: Batch) -> dict[str, Tensor]:
            return {}

    assert "Nothing" in refusal(ModelError, lambda: run(Nothing))


class Two(Plain):
    """An optimiser for each table."""

    def optimizers(self) -> Sequence[Optimizer]:
        return [
            SGD(self.users.parameters(), lr=1.0, momentum=0.9),
            Adam(self.items.parameters(), lr=0.01),
        ]

    def lr_factor(self, epoch: int) -> float:
        return 1 / epoch


def test_every_optimiser_takes_every_step() -> None:
    with deterministic(CPU):
        ours = trainer(Two)
        model = ours.model
        before = [table.weight.detach().clone() for table in (model.users, model.items)]
        ours.run()
    for table, was in zip((model.users, model.items), before, strict=True):
        assert not torch.equal(table.weight, was)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in ours.optimizers]
    assert rates == pytest.approx([1 / 3, 0.01 / 3])


@pytest.mark.parametrize("after", [3, 8])
def test_several_optimisers_are_resumed(after: int, tmp_path: Path) -> None:
    assert_same(resumed(Two, tmp_path, after), run(Two))


def test_weight_decay_is_that_of_adam() -> None:
    class Decayed(Plain):
        def optimizers(self) -> Sequence[Optimizer]:
            return [Adam(self.parameters(), lr=0.05, weight_decay=0.3, fused=True)]

    assert run(Plain, weight_decay=0.3).losses == run(Decayed).losses != run(Plain).losses


def test_adam_is_fused_only_where_all_parameters_allow_it() -> None:
    class Complex(Plain):
        def __init__(self, config: ModelConfig, dataset: Dataset) -> None:
            super().__init__(config, dataset)
            self.phase = nn.Parameter(torch.zeros(2, dtype=torch.complex64))

        def loss(self, batch: Batch) -> Tensor:
            loss = super().loss(batch)
            assert isinstance(loss, Tensor)
            return loss + self.phase.abs().sum()

    outcome = run(Complex)
    assert outcome.losses[-1] < outcome.losses[0]


class Drawn(Plain):
    """Uses some of the dimensions in an epoch, and dropout from torch's generator."""

    epochs: list[int]

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        self.mask = torch.from_numpy(rng.random(3) < 0.6).float()
        self.epochs = [*getattr(self, "epochs", []), epoch]

    def loss(self, batch: Batch) -> Tensor:
        users, items = self.embed()
        user, positive, negative = batch.of(nn.functional.dropout(users, 0.2), items * self.mask)
        return bpr_loss(user, positive, negative)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_the_start_of_an_epoch_is_repeated_after_a_resume(after: int, tmp_path: Path) -> None:
    assert_same(resumed(Drawn, tmp_path, after), run(Drawn))


def test_an_epoch_begins_once_with_its_own_generator() -> None:
    drawn = []

    class Watched(Drawn):
        def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
            drawn.append(rng.random())
            super().begin_epoch(epoch, rng)

    with deterministic(CPU):
        ours = trainer(Watched)
        ours.run()
    assert ours.model.epochs == [1, 2, 3]
    assert drawn == [rng_for(4, "begin_epoch", epoch).random() for epoch in (1, 2, 3)]


def test_test_figures_are_computed_once_and_are_those_of_the_best_lists() -> None:
    with deterministic(CPU):
        ours = trainer(Plain)
        asked, evaluate = [], ours.protocol.test.evaluate

        def evaluate_and_note(ranking: Ranking) -> Evaluation:
            asked.append(ranking)
            return evaluate(ranking)

        object.__setattr__(ours.protocol.test, "evaluate", evaluate_and_note)
        outcome = ours.run()
    assert asked == [outcome.best.ranking]
    assert outcome.test == evaluate(outcome.best.ranking).figures


@pytest.mark.parametrize("name", ["UniformUsers", "DistinctUsers", "EachInteraction", "AllUsers"])
def test_the_sampler_of_the_entry_overrides_the_model_s(name: str) -> None:
    ours = trainer(Plain, sampler=name)
    assert type(ours.sampler).__name__ == name
    assert len(ours.run().losses) == 3


def test_a_model_that_needs_negatives_refuses_a_sampler_without() -> None:
    message = refusal(ModelError, lambda: run(Plain, sampler="Pairs"))
    assert "negatives" in message
    assert "UniformUsers" in message


def test_a_sampler_that_miscounts_is_refused() -> None:
    class Doubled(UniformUsers):
        def draw_epoch(self, rng: np.random.Generator) -> Samples:
            users, positives, negatives = super().draw_epoch(rng)
            assert negatives is not None
            return Samples(*(np.tile(x, 2) for x in (users, positives, negatives)))

    class Wrong(Plain):
        sampler = Doubled

    n = len(DATA.train)
    message = refusal(ModelError, lambda: run(Wrong))
    assert "Doubled" in message
    assert f"{2 * n} samples" in message
    assert f"n_samples, {n}" in message


def test_several_negatives_by_the_configuration() -> None:
    class Config(ModelConfig):
        n_negatives: int = 4

    seen = []

    class Watched(Plain):
        def loss(self, batch: Batch) -> Tensor | dict[str, Tensor]:
            assert batch.negatives is not None
            seen.append(batch.negatives.shape)
            return super().loss(batch)

    model = Watched(Config(), DATA)
    sampler: Callable[[ModelConfig, Interactions], Sampler] = model.make_sampler
    for batch in Batch.of_epoch(sampler(Config(batch_size=8), DATA.train), rng_for(0), CPU):
        model.loss(batch)
    assert seen[0] == (8, 4)
    assert {shape[1] for shape in seen} == {4}
