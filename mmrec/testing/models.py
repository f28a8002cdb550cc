"""The tests that every model has to pass."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from mmrec.data import Dataset
from mmrec.evaluation import Evaluator
from mmrec.interruption import Interrupted
from mmrec.models import Batch, FeaturesConfig, Model, ModelConfig
from mmrec.models.losses import total_loss
from mmrec.models.views import view_of
from mmrec.seeding import rng_for
from mmrec.testing.data import cold_copies, refusal, tiny_dataset
from mmrec.training.build import build
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.determinism import deterministic
from mmrec.training.objective import Objective
from mmrec.training.protocol import EvaluationProtocol
from mmrec.training.trainer import Outcome, Trainer

_CPU = torch.device("cpu")


class ModelTests:
    """The rules for every :class:`mmrec.models.Model`, as tests.

    Subclass it under a name that begins with ``Test`` and set ``model``. A model for which one of
    the tests makes no sense overrides that test and says why.
    """

    model: ClassVar[type[Model]]
    """The class under test."""
    config: ClassVar[Mapping[str, Any]] = {}
    """Hyper-parameters, as in an experiment file. ``lr``, ``epochs``, ``batch_size`` and ``seed``
    have values fit for :meth:`dataset` unless they are given here."""

    def dataset(self) -> Dataset:
        """Return the data to test on: by default tiny, with the features that the model reads."""
        config = self.configured()
        loaders = config.sources.values() if isinstance(config, FeaturesConfig) else ()
        return tiny_dataset(tuple(dict.fromkeys(loaders)))

    def configured(self, **changes: object) -> ModelConfig:
        """Return the configuration under test with some hyper-parameters changed."""
        defaults = {"lr": 0.01, "epochs": 3, "batch_size": 8, "seed": 1}
        config = self.model.Config.model_validate({**defaults, **self.config, **changes})
        assert isinstance(config, ModelConfig), (
            f"{self.model.__name__}.Config must be a subclass of ModelConfig, which has lr, "
            "epochs, batch_size and seed"
        )
        return config

    def built(self, config: ModelConfig | None = None) -> Model:
        """Return the model, initialised as a trial does it."""
        config = config or self.configured()
        model = build(self.model, config, self.dataset())
        assert isinstance(model, self.model)
        return model

    def trained(self, **changes: object) -> Outcome:
        """Train the model from its seed, evaluated after every epoch."""
        config, dataset = self.configured(**changes), self.dataset()
        with deterministic(_CPU):
            model = self.built(config)
            return Trainer(model, config, dataset, _protocol(dataset), _CPU).run()

    def test_the_same_seed_gives_the_same_bits(self) -> None:
        """Two trainings agree in every loss, every weight and every list."""
        _assert_same_bits(self.trained(), self.trained())

    def test_resuming_within_an_epoch_gives_the_same_bits(self) -> None:
        """A training that is stopped after a step and resumed in a new model ends the same."""
        config, dataset = self.configured(epochs=2), self.dataset()
        with TemporaryDirectory() as folder, deterministic(_CPU):

            def trainer() -> Trainer:
                checkpoint = Checkpoint(Path(folder) / "checkpoint")
                model = self.built(config)
                return Trainer(model, config, dataset, _protocol(dataset), _CPU, checkpoint)

            stopped = trainer()
            with contextlib.suppress(Interrupted):
                stopped.run(stop=lambda: stopped.state.epoch == 2)
            _assert_same_bits(trainer().run(), self.trained(epochs=2))

    def test_another_seed_gives_another_training(self) -> None:
        """The seed reaches the initial weights and the samples."""
        one, other = self.trained(seed=1), self.trained(seed=2)
        assert one.losses != other.losses, f"seeds 1 and 2 both gave the losses {one.losses}"

    def test_draws_from_torch_s_default_generator_alone(self) -> None:
        """The global generator of numpy, which the trial does not seed, is not used."""
        before = _numpy_state()
        self.trained(epochs=1)
        assert _numpy_state() == before, "the model draws from numpy's global generator"

    def test_the_loss_is_a_finite_scalar(self) -> None:
        """One number with a gradient, or several under names."""
        model = self.built()
        loss = model.loss(_batches(model, self.configured(), self.dataset())[0])
        terms = [loss] if isinstance(loss, Tensor) else list(loss.values())
        for term in terms:
            assert term.shape == (), f"expected a scalar loss, found the shape {tuple(term.shape)}"
        loss = total_loss(loss)
        assert loss.requires_grad, "the loss does not depend on any parameter"
        assert loss.isfinite(), f"the loss is {loss.item()}"

    def test_every_parameter_gets_a_gradient(self) -> None:
        """Over the batches of an epoch, every parameter that is trained moves."""
        model = self.built()
        for batch in _batches(model, self.configured(), self.dataset()):
            total_loss(model.loss(batch)).backward()
        trained = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        assert trained, "the model has no parameter to train"
        for name, gradient in trained.items():
            assert gradient is not None, f"no gradient reaches the parameter {name}"
            assert gradient.isfinite().all(), f"the gradient of {name} is not finite"
            assert gradient.ne(0).any(), f"the gradient of {name} is zero everywhere"

    def test_the_loss_falls(self) -> None:
        """Training on data that can be learned lowers the loss."""
        losses = self.trained(epochs=20).losses
        assert losses[-1] < losses[0], f"the loss does not fall: {losses}"

    def test_embed_has_a_row_for_every_user_and_item(self) -> None:
        """Users [U, D] and items [I, D] of one width, all finite."""
        model, dataset = self.built().eval(), self.dataset()
        with torch.no_grad():
            users, items = model.embed()
        assert users.ndim == items.ndim == 2
        assert (len(users), len(items)) == (dataset.n_users, dataset.n_items), (
            f"embed() returned {len(users)} users and {len(items)} items, "
            f"expected {dataset.n_users} and {dataset.n_items}"
        )
        assert users.shape[1] == items.shape[1], f"{users.shape[1]} and {items.shape[1]} wide"
        assert users.isfinite().all()
        assert items.isfinite().all()

    def test_embed_is_repeatable_in_evaluation(self) -> None:
        """In evaluation mode two calls return the same bits and change nothing."""
        model = self.built().eval()
        state = {name: x.clone() for name, x in model.state_dict().items()}
        with torch.no_grad():
            (users, items), (users_again, items_again) = model.embed(), model.embed()
        assert torch.equal(users, users_again), "is dropout on in evaluation?"
        assert torch.equal(items, items_again), "is dropout on in evaluation?"
        assert all(_equal(x, state[name]) for name, x in model.state_dict().items()), (
            "embed() changes the state of the model"
        )

    def test_diagnostics_are_finite_and_change_nothing(self) -> None:
        """Diagnostics are plain numbers; computing them changes nothing."""
        model = self.built().eval()
        state = {name: x.clone() for name, x in model.state_dict().items()}
        with torch.no_grad():
            first, again = model.diagnostics(), model.diagnostics()
        for name, value in first.items():
            assert isinstance(name, str), f"{name!r} is not a name"
            assert np.isfinite(float(value)), f"{name} is {value}"
        assert first == again, f"two calls of diagnostics() return {first} and {again}"
        assert all(_equal(x, state[name]) for name, x in model.state_dict().items()), (
            "diagnostics() changes the state of the model"
        )

    def test_scores_have_a_column_for_every_item(self) -> None:
        """A scorer returns [B, I]: the inner products of ``embed()`` unless it is overridden."""
        model, dataset = self.built().eval(), self.dataset()
        users = torch.tensor([dataset.n_users - 1, 0, 4, 0])
        with torch.no_grad():
            scores = model.scorer()(users)
            embedded_users, embedded_items = model.embed()
        assert scores.shape == (4, dataset.n_items)
        assert not scores.isnan().any()
        torch.testing.assert_close(scores[1], scores[3])  # the same user twice
        if type(model).scorer is Model.scorer:
            torch.testing.assert_close(scores, embedded_users[users] @ embedded_items.T)

    def test_the_state_is_the_whole_model(self) -> None:
        """The best state, loaded into a new model of another seed, gives the same lists."""
        outcome, dataset = self.trained(), self.dataset()
        assert outcome.best_state is not None
        model = self.built(self.configured(seed=99))
        model.load_state_dict(outcome.best_state)
        with torch.no_grad():
            restored = _protocol(dataset).evaluate(model.eval(), _CPU)
        assert np.array_equal(restored.ranking.items, outcome.best.ranking.items), (
            "the state of the model does not hold everything that its scores depend on"
        )
        assert np.array_equal(restored.ranking.scores, outcome.best.ranking.scores)

    def test_permuted_features_change_the_model(self) -> None:
        """With ``control: permute``, a model with modalities is trained on other vectors."""
        if not isinstance(self.configured(), FeaturesConfig):
            return
        own, permuted = self.trained(control="none"), self.trained(control="permute")
        same_scores = np.array_equal(own.best.ranking.scores, permuted.best.ranking.scores)
        assert own.losses != permuted.losses or not same_scores, (
            "control: permute changes neither losses nor scores: the model does not use the "
            "features of the data set that it is built on"
        )

    def test_cold_items_have_finite_scores_of_their_own(self) -> None:
        """A score for each cold item that a model ranks, whatever the other cold items are."""
        if not self.model.ranks_cold_items():
            return
        scores, one = self._cold_scores([3, 0, 4]), self._cold_scores([3])
        assert scores.shape == (2, 3), f"expected a column for each item, found {scores.shape}"
        assert scores.isfinite().all()
        torch.testing.assert_close(scores[:, :1], one)

    def test_a_cold_item_with_the_vectors_of_a_trained_item_has_its_score(self) -> None:
        """Items come from features alone, if a model ranks those without training rows."""
        if not self.model.ranks_cold_items():
            return
        with torch.no_grad():
            trained = self.built().eval().scorer()(torch.tensor([1, 0]))
        torch.testing.assert_close(self._cold_scores([3, 0, 4]), trained[:, [3, 0, 4]])

    def _cold_scores(self, items: list[int]) -> Tensor:
        """Return scores [2, C] of cold items with the vectors of some trained ones."""
        cold = cold_copies(view_of(self.configured(), self.dataset()), items)
        with torch.no_grad():
            return self.built().eval().cold_scorer(cold)(torch.tensor([1, 0]))

    def test_the_configuration_survives_a_round_trip(self) -> None:
        """Written to JSON, as in the results of an experiment, and read again, it is the same."""
        config = self.configured()
        again = type(config).model_validate_json(config.model_dump_json())
        assert again == config, f"{config} became {again}"

    def test_an_unknown_hyper_parameter_is_refused(self) -> None:
        """A misspelt key is an error and not ignored."""
        message = refusal(ValidationError, lambda: self.configured(no_such_hyper_parameter=1))
        assert "no_such_hyper_parameter" in message, f"the message does not name it: {message}"


def _protocol(dataset: Dataset) -> EvaluationProtocol:
    assert dataset.validation is not None
    validation, test = (
        Evaluator(dataset.train, split, ["Recall"], [5])
        for split in (dataset.validation, dataset.test)
    )
    return EvaluationProtocol(
        train=dataset.train,
        validation=validation,
        test=test,
        top_k=5,
        objective=Objective("Recall@5", higher_is_better=True),
    )


def _assert_same_bits(one: Outcome, other: Outcome) -> None:
    assert one.losses == other.losses, f"losses differ: {one.losses} and {other.losses}"
    assert one.best_state is not None
    assert other.best_state is not None
    differing = [
        name for name, x in one.best_state.items() if not _equal(x, other.best_state[name])
    ]
    assert not differing, f"the same seed gave other weights: {differing}"
    assert np.array_equal(one.best.ranking.items, other.best.ranking.items)
    assert np.array_equal(one.best.ranking.scores, other.best.ranking.scores)


def _batches(model: Model, config: ModelConfig, dataset: Dataset) -> list[Batch]:
    """Return the batches of the first epoch, for which the model is prepared."""
    model.train().begin_epoch(1, rng_for(config.seed, "begin_epoch", 1))
    sampler = model.make_sampler(config, dataset.train)
    return Batch.of_epoch(sampler, rng_for(config.seed, "triplets", 1), _CPU)


def _equal(x: Tensor, y: Tensor) -> bool:
    return x.dtype == y.dtype and torch.equal(x, y)


def _numpy_state() -> tuple[object, ...]:
    """Return the state of numpy's global generator, to compare."""
    state = np.random.get_state(legacy=True)  # noqa: NPY002
    return tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in state)
