"""The training loop: what is evaluated, selected, kept, stopped and refused."""

from __future__ import annotations

import logging
from dataclasses import replace
from math import inf, nan

import pytest
import torch
from helpers import assert_contains, refusal
from scripted import CPU, DATA, Epoch, Scripted, protocol, run
from torch import Tensor

from mmrec.data import Dataset, DistinctUsers
from mmrec.errors import TrialError
from mmrec.evaluation import Evaluation, Evaluator, Ranking, Scorer
from mmrec.models import Batch, ModelConfig, RecommenderConfig
from mmrec.models.baselines import MostPop
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.seeding import seed_for
from mmrec.testing.data import tiny_dataset
from mmrec.testing.models import ModelTests
from mmrec.training.determinism import deterministic
from mmrec.training.early_stopping import EarlyStopping
from mmrec.training.objective import Objective
from mmrec.training.protocol import EpochRecord
from mmrec.training.trainer import Outcome, Trainer, evaluate_untrained


def validations(*hits: int) -> list[Epoch]:
    """A script whose validation figures are n / 4."""
    return [Epoch(validation=n) for n in hits]


def figures(outcome: Outcome) -> list[EpochRecord]:
    """The history without its digests."""
    return [replace(r, weights_sha256=None, lists_sha256=None) for r in outcome.history]


def evaluated(outcome: Outcome) -> list[int]:
    return [record.epoch for record in outcome.history]


def test_the_history_has_every_figure() -> None:
    script = [Epoch((1.0, 3.0), 1, 4), Epoch((0.5, 0.25), 2, 0)]
    outcome, _ = run(script)
    assert figures(outcome) == [
        EpochRecord(1, 2.0, {"Recall@2": 0.25}),
        EpochRecord(2, 0.375, {"Recall@2": 0.5}),
    ]
    assert outcome.losses == [2.0, 0.375]


def test_the_best_epoch_is_the_first_of_the_highest() -> None:
    outcome, _ = run(validations(1, 3, 2, 3, 0))
    assert outcome.best.record == outcome.history[1]
    assert outcome.best.record.epoch == 2


def test_test_figures_do_not_select() -> None:
    script = [Epoch(validation=v, test=t) for v, t in ((1, 4), (2, 0), (1, 4))]
    outcome, _ = run(script)
    assert outcome.best.record.epoch == 2
    assert outcome.test == {"Recall@2": 0.0}


def test_the_lists_and_values_kept_are_those_of_the_best_epoch() -> None:
    outcome, _ = run([Epoch(validation=2, test=3), Epoch(validation=1, test=4)])
    # Users 0 and 1 get both items, user 2 the test item and item 1, user 3 neither.
    assert outcome.best.ranking.items.tolist() == [[4, 5], [4, 5], [5, 1], [1, 2]]
    assert outcome.test_per_user["Recall@2"].tolist() == [1, 1, 1, 0]


def test_the_state_kept_is_that_of_the_best_epoch() -> None:
    # Two steps of 0.5 in each epoch, downwards.
    states: list[Tensor] = []

    class Watched(Scripted):
        def scorer(self) -> Scorer:
            states.append(self.weight.detach().clone())
            return super().scorer()

    outcome, model = run(validations(0, 2, 1), model=Watched)
    assert outcome.best_state is not None
    assert list(outcome.best_state) == ["weight"]
    assert torch.equal(outcome.best_state["weight"], states[1])
    torch.testing.assert_close(torch.cat(states), torch.tensor([-1.0, -2.0, -3.0]))
    assert torch.equal(model.weight.detach(), states[2])  # the model itself is at the end


def test_the_mean_loss_keeps_the_digits_of_large_losses() -> None:
    outcome, _ = run([Epoch((2.0**24, 1.0))])
    assert outcome.losses == [2**23 + 0.5]  # float32 has no such number


@pytest.mark.parametrize(("losses", "best"), [([3, 1, 2, 1], 2), ([1, 2, 3], 1), ([3, 2, 1], 3)])
def test_selection_by_the_loss(losses: list[float], best: int) -> None:
    script = [Epoch((loss,), validation=len(losses) - n) for n, loss in enumerate(losses)]
    outcome, _ = run(script, objective=Objective.of("loss"))
    assert outcome.best.record.epoch == best


def test_evaluation_every_so_many_epochs() -> None:
    reported: list[tuple[int, float, int | None]] = []

    def on_epoch(epoch: int, loss: float, record: EpochRecord | None) -> None:
        reported.append((epoch, loss, record and record.epoch))

    script = [Epoch((float(n),), validation=4 - n) for n in range(5)]
    outcome, _ = run(script, on_epoch, validation_rate=2)
    assert evaluated(outcome) == [2, 4]
    assert reported == [(1, 0, None), (2, 1, 2), (3, 2, None), (4, 3, 4), (5, 4, None)]
    assert outcome.losses == [0, 1, 2, 3, 4]
    assert outcome.best.record.epoch == 2


def test_a_training_shorter_than_the_rate_is_evaluated_at_its_end() -> None:
    outcome, _ = run(validations(1, 2, 3), validation_rate=10)
    assert evaluated(outcome) == [3]
    assert outcome.best.record.validation == {"Recall@2": 0.75}


def test_early_stopping_by_a_figure() -> None:
    stopping = {"early_stopping": EarlyStopping(2, Objective.of("Recall@2"))}
    outcome, _ = run(validations(1, 3, 2, 1, 4, 4), **stopping)
    assert evaluated(outcome) == [1, 2, 3, 4]
    assert outcome.best.record.epoch == 2
    # With an evaluation every second epoch, patience counts evaluations: 3, 2, 1 of epochs 2, 4, 6.
    script = validations(0, 3, 0, 2, 0, 1, 0, 4)
    outcome, _ = run(script, validation_rate=2, **stopping)
    assert evaluated(outcome) == [2, 4, 6]
    assert len(outcome.losses) == 6


def test_early_stopping_by_the_loss_looks_at_evaluations_too() -> None:
    stopping = {"early_stopping": EarlyStopping(2, Objective.of("loss"))}
    script = [Epoch((loss,), validation=1) for loss in (9.0, 3.0, 4.0, 5.0, 0.0, 4.0, 9.0, 9.0)]
    outcome, _ = run(script, validation_rate=2, **stopping)
    assert outcome.losses == [9, 3, 4, 5, 0, 4]  # 3, 5 and 4 of epochs 2, 4 and 6
    assert evaluated(outcome) == [2, 4, 6]


def test_without_early_stopping_training_goes_to_the_end() -> None:
    outcome, _ = run(validations(4, 3, 2, 1, 0))
    assert len(outcome.losses) == 5


@pytest.mark.parametrize(
    ("script", "facts"),
    [
        ([Epoch(), Epoch((1.0, nan))], ["epoch 2, batch 2 of 2", " nan", "lr"]),
        ([Epoch((nan,))], ["epoch 1, batch 1 of 2", " nan", "nothing has been trained"]),
        ([Epoch(), Epoch(), Epoch((inf, 0.0))], ["epoch 3, batch 1 of 2", " inf", "lr"]),
        ([Epoch((1.0, -inf))], ["epoch 1, batch 2 of 2", " -inf", "lr"]),
    ],
)
def test_a_loss_that_is_not_finite(script: list[Epoch], facts: list[str]) -> None:
    assert_contains(refusal(TrialError, run, script), ["loss", *facts])


def test_scores_that_are_nan() -> None:
    message = refusal(TrialError, run, [Epoch(), Epoch(scores=nan)])
    assert_contains(message, ["epoch 2", "user number 0", "NaN"])


@pytest.mark.parametrize(
    "model",
    [
        (LightGCNM, LightGCNMConfig(lr=1e30, epochs=20, batch_size=8)),
        (LATTICE, LATTICEConfig(lr=1e30, epochs=20, batch_size=8)),
    ],
    ids=["LightGCNM", "LATTICE"],
)
def test_a_learning_rate_that_blows_up(model: tuple[type, ModelConfig]) -> None:
    kind, config = model
    data = tiny_dataset()
    assert data.validation is not None
    evaluator = Evaluator(data.train, data.validation, ["Recall"], [2])
    changed = protocol(train=data.train, validation=evaluator, test=evaluator)
    with deterministic(CPU):
        trainer = Trainer(kind(config, data), config, data, changed, CPU)
        reported = refusal(TrialError, trainer.run)
    assert_contains(reported, ["epoch "])


@pytest.mark.parametrize("rows", [3, slice(None)], ids=["one item", "all items"])
@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ("begin_epoch", ["loss", "epoch 1, batch 1 of 6", " nan"]),
        ("scorer", ["epoch 1", "user number 0", "NaN"]),
    ],
)
def test_features_that_are_nan(when: str, facts: list[str], rows: int | slice) -> None:
    # LATTICE looks for nearest neighbours before there is a loss or a score to refuse.
    def spoil(self: LATTICE, *given: object) -> object:
        with torch.no_grad():
            self.features.raw["visual"][rows] = nan
        return getattr(LATTICE, when)(self, *given)

    config = LATTICEConfig(factors=4, top_k=3, batch_size=8)
    data = tiny_dataset()
    assert data.validation is not None
    evaluator = Evaluator(data.train, data.validation, ["Recall"], [2])
    changed = protocol(train=data.train, validation=evaluator, test=evaluator)
    with deterministic(CPU):
        model = type("Spoilt", (LATTICE,), {when: spoil})(config, data)
        reported = refusal(TrialError, Trainer(model, config, data, changed, CPU).run)
    assert_contains(reported, facts)


def test_the_model_trains_in_training_and_is_ranked_in_evaluation_mode() -> None:
    _, model = run(validations(1, 1))
    assert model.modes == [True, True, False, True, True, False]


def test_ranking_takes_no_gradient() -> None:
    seen: list[bool] = []

    class Watched(Scripted):
        def scorer(self) -> Scorer:
            seen.append(torch.is_grad_enabled())
            return super().scorer()

    run(validations(1, 1), model=Watched)
    assert seen == [False, False]


def test_adam_s_steps_follow_the_factor_of_the_epoch() -> None:
    # Under a constant gradient a step of Adam is the learning rate: 0.5 times the factor.
    class Halved(Scripted):
        def lr_factor(self, epoch: int) -> float:
            return 0.5 ** (epoch - 1)

    weights: list[float] = []

    class Watched(Halved):
        def scorer(self) -> Scorer:
            weights.append(self.weight.item())
            return super().scorer()

    run(validations(1, 1, 1), model=Watched, settings={"batch_size": 4})
    assert weights == pytest.approx([-0.5, -0.75, -0.875], rel=1e-6)


def test_lattice_s_decay_reaches_the_optimiser() -> None:
    config = LATTICEConfig(factors=4, top_k=3, lr=0.5, epochs=51, batch_size=12)
    data = tiny_dataset()
    assert data.validation is not None
    evaluator = Evaluator(data.train, data.validation, ["Recall"], [2])
    changed = protocol(train=data.train, validation=evaluator, test=evaluator, validation_rate=51)
    rates: list[float] = []
    with deterministic(CPU):
        trainer = Trainer(LATTICE(config, data), config, data, changed, CPU)
        trainer.run(lambda *_: rates.append(trainer.optimizers[0].param_groups[0]["lr"]))
    # After 0, 25 and 50 epochs: 0.5, 0.5 * sqrt(0.96) and 0.5 * 0.96.
    assert rates[0] == 0.5
    assert rates[25] == pytest.approx(0.48989794855663565)
    assert rates[50] == pytest.approx(0.48)


class Counting(Evaluator):
    """Counts how often it is asked."""

    n_asked = 0

    def evaluate(self, ranking: Ranking) -> Evaluation:
        self.n_asked += 1
        return super().evaluate(ranking)


def test_without_a_validation_split_the_test_split_selects() -> None:
    evaluator = Counting(DATA.train, DATA.test, ["Recall"], [2])
    script = [Epoch(test=n) for n in (1, 3, 2)]
    outcome, _ = run(script, validation=evaluator, test=evaluator)
    assert outcome.best.record.epoch == 2
    assert outcome.best.record.validation == outcome.test == {"Recall@2": 0.75}


@pytest.mark.parametrize(
    ("values", "higher_is_better", "best"),
    [
        ([0.1, 0.3, 0.3], True, 1),
        ([0.3, 0.1, 0.1], False, 1),
        ([nan, 0.0], True, 1),
        ([0.0, nan], True, 0),
        ([nan, nan], True, 0),
        ([nan, 9.0], False, 1),
        ([-inf, -5.0], True, 1),
    ],
)
def test_which_record_is_best(values: list[float], higher_is_better: bool, best: int) -> None:
    records = [EpochRecord(n, None, {"ARP@2": value}) for n, value in enumerate(values)]
    judge = protocol(objective=Objective("ARP@2", higher_is_better))
    chosen = None
    for record in records:
        if judge.is_better(record, chosen):
            chosen = record
    assert chosen is records[best]


def test_a_recommender_that_is_not_trained() -> None:
    grad_enabled: list[bool] = []

    class Watched(MostPop):
        def scorer(self) -> Scorer:
            grad_enabled.append(torch.is_grad_enabled())
            return super().scorer()

    # Every user has item 0, so the lists hold items 1 and 2: no hit.
    outcome = evaluate_untrained(Watched(RecommenderConfig(), DATA), protocol(), CPU)
    record = EpochRecord(0, None, {"Recall@2": 0.0})
    assert figures(outcome) == [record]
    assert outcome.best.record == outcome.history[0]
    assert outcome.best.record.weights_sha256 is None
    assert outcome.best.ranking.items.tolist() == [[1, 2]] * 4
    assert (outcome.losses, outcome.best_state) == ([], None)
    assert grad_enabled == [False]
    restored = evaluate_untrained(MostPop(RecommenderConfig(), DATA), protocol(), CPU, epoch=7)
    assert restored.best.record.epoch == 7


@pytest.mark.parametrize(("batch_size", "n_batches"), [(-1, 1), (1, 4), (3, 2), (4, 1), (9, 1)])
def test_batches_of_an_epoch(batch_size: int, n_batches: int) -> None:
    # 4 interactions of 4 users; -1 stands for all users.
    sizes: list[int] = []

    class Watched(Scripted):
        def loss(self, batch: Batch) -> Tensor:
            sizes.append(len(batch))
            return super().loss(batch)

    run([Epoch()], model=Watched, settings={"batch_size": batch_size})
    assert (len(sizes), sum(sizes)) == (n_batches, 4)


def test_a_batch_size_above_the_number_of_users_is_lowered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Distinct(Scripted):
        sampler = DistinctUsers

    with caplog.at_level(logging.WARNING):
        run([Epoch()], model=Distinct, settings={"batch_size": 9})
    (message,) = caplog.messages
    assert "batch_size 9" in message
    assert "using 4" in message
    caplog.clear()
    run([Epoch()], model=Distinct, settings={"batch_size": -1})
    assert caplog.messages == []


def test_torch_s_generator_has_a_seed_for_every_epoch() -> None:
    drawn: list[float] = []

    class Drawing(Scripted):
        def loss(self, batch: Batch) -> Tensor:
            drawn.append(torch.rand(()).item())
            return super().loss(batch)

    run(validations(0, 0, 0), model=Drawing, settings={"seed": 7, "batch_size": 4})
    expected = []
    for epoch in (1, 2, 3):
        generator = torch.Generator().manual_seed(seed_for(7, "epoch", epoch))
        expected.append(torch.rand((), generator=generator).item())
    assert drawn == expected
    assert len(set(drawn)) == 3


# Bits. The models train on data on which every number matters.


class OfLattice(ModelTests):
    """LATTICE with everything that draws: dropout, initial values, triplets."""

    model = LATTICE

    def configured(self, **changes: object) -> ModelConfig:
        ngcf = {"cf": "ngcf", "n_ui_layers": 2, "ws": (8, 8), "dl": (0.3, 0.3)}
        settings = {"factors": 8, "factors_multimod": 5, "top_k": 4, "epochs": 4}
        return super().configured(**(ngcf | settings | changes))


class OfLightGCNM(ModelTests):
    model = LightGCNM

    def configured(self, **changes: object) -> ModelConfig:
        return super().configured(**({"factors": 8, "epochs": 4} | changes))


KITS = pytest.mark.parametrize("kit", [OfLattice(), OfLightGCNM()], ids=["LATTICE", "LightGCNM"])


def assert_same_bits(one: Outcome, other: Outcome) -> None:
    assert one.losses == other.losses
    assert one.best.record == other.best.record
    assert one.history == other.history
    assert one.best_state is not None
    assert other.best_state is not None
    assert one.best_state.keys() == other.best_state.keys()
    for name, tensor in one.best_state.items():
        assert torch.equal(tensor, other.best_state[name]), name
    assert (one.best.ranking.items == other.best.ranking.items).all()
    assert (one.best.ranking.scores == other.best.ranking.scores).all()


@KITS
def test_a_run_is_the_same_whatever_ran_before_it(kit: ModelTests) -> None:
    alone = kit.trained()
    other = OfLightGCNM() if isinstance(kit, OfLattice) else OfLattice()
    other.trained(seed=9)
    torch.manual_seed(1234)
    torch.rand(17)
    assert_same_bits(kit.trained(), alone)


@KITS
def test_a_run_leaves_the_generators_alone(kit: ModelTests) -> None:
    before = torch.get_rng_state()
    kit.trained(epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


@KITS
def test_another_seed_is_another_run(kit: ModelTests) -> None:
    one, other = kit.trained(seed=1), kit.trained(seed=2)
    assert one.losses[0] != other.losses[0]


@KITS
def test_training_is_learning(kit: ModelTests) -> None:
    # Three groups of items: a random list of 5 of 18 has a recall of 5/18 or a little more.
    outcome = kit.trained(epochs=40, lr=0.05)
    assert outcome.losses[-1] < 0.5 * outcome.losses[0]
    assert max(record.validation["Recall@5"] for record in outcome.history) > 0.9


def trained(kit: ModelTests, rate: int, threads: int | None = None) -> Outcome:
    """As the kit does it, but evaluated every ``rate`` epochs."""
    config, data = kit.configured(), kit.dataset()
    assert data.validation is not None
    changed = protocol(
        train=data.train,
        validation=Evaluator(data.train, data.validation, ["Recall"], [5]),
        test=Evaluator(data.train, data.test, ["Recall"], [5]),
        top_k=5,
        objective=Objective.of("Recall@5"),
        validation_rate=rate,
    )
    with deterministic(CPU, threads):
        return Trainer(kit.built(config), config, data, changed, CPU).run()


@KITS
def test_evaluations_do_not_change_the_training(kit: ModelTests) -> None:
    assert trained(kit, rate=1).losses == trained(kit, rate=4).losses


class Larger(OfLattice):
    """Enough numbers for torch to share them out among threads."""

    def dataset(self) -> Dataset:
        return tiny_dataset(n_users=120, n_items=90, n_features=128)

    def configured(self, **changes: object) -> ModelConfig:
        wide = {"factors": 64, "ws": (64, 64), "batch_size": 1200, "epochs": 1}
        return super().configured(**(wide | changes))


def test_several_threads_repeat_their_bits() -> None:
    assert_same_bits(trained(Larger(), 1, threads=2), trained(Larger(), 1, threads=2))
