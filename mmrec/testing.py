"""A test kit for models and loaders: mmrec's own, and those that others write.

The test of a model is a class of a few lines, which pytest runs::

    from mmrec.testing import ModelTests


    class TestMyModel(ModelTests):
        model = MyModel
        config = {"factors": 8}

:class:`LoaderTests` does the same for a loader of side information, and :func:`tiny_dataset` is
data for tests of one's own. pytest itself is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from mmrec.data import Dataset, Features, Interactions, Vocabulary
from mmrec.errors import DataError
from mmrec.evaluation import Evaluator
from mmrec.features import LOADERS, Loader, load_features
from mmrec.models import Batch, Model, ModelConfig, MultimodalConfig
from mmrec.training import Outcome, Protocol, Trainer, deterministic, rng_for, seed_for

_CPU = torch.device("cpu")
_N_GROUPS = 3


def tiny_dataset(
    loaders: Sequence[str] = ("VisualAttribute", "TextualAttribute"),
    *,
    n_users: int = 12,
    n_items: int = 18,
    n_features: int = 5,
    seed: int = 0,
) -> Dataset:
    """Return a small synthetic data set that a model can learn; the same for the same arguments.

    Users and items belong to three groups. A user takes every item of the own group: one of them
    is for validation, one for test, the others are for training, and every item is in the
    training of someone. The features of an item are those of its group plus noise.

    Args:
        loaders: names of the loaders whose features it pretends to have read. They have different
            widths, so that a model that mixes modalities up fails.
        n_users: at least 9.
        n_items: at least 9.
        n_features: width of the first loader's features; each further one is wider by 1.
        seed: of the noise.

    Raises:
        DataError: there are fewer than 9 users or items.
    """
    if min(n_users, n_items) < _N_GROUPS**2:
        raise DataError(
            f"expected at least {_N_GROUPS**2} users and items, found {n_users} and {n_items}"
        )
    pairs: dict[str, list[tuple[int, int]]] = {"train": [], "validation": [], "test": []}
    for user in range(n_users):
        own = range(user % _N_GROUPS, n_items, _N_GROUPS)
        place = user // _N_GROUPS % len(own)
        for number, item in enumerate(own):
            after = (number - place) % len(own)
            pairs["validation" if after == 0 else "test" if after == 1 else "train"].append(
                (user, item)
            )
    splits = {
        name: Interactions.from_arrays(
            np.array([user for user, _ in rows]),
            np.array([item for _, item in rows]),
            n_users,
            n_items,
        )
        for name, rows in pairs.items()
    }
    return Dataset(
        name="tiny",
        users=Vocabulary(f"user{number:05d}" for number in range(n_users)),
        items=Vocabulary(str(10 * number + 7) for number in range(n_items)),
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        features={
            loader: _group_features(n_items, n_features + number, rng_for(seed, loader))
            for number, loader in enumerate(loaders)
        },
    )


def _group_features(n_items: int, width: int, rng: np.random.Generator) -> Features:
    groups = np.arange(n_items) % _N_GROUPS
    centres, noise = rng.normal(size=(_N_GROUPS, width)), rng.normal(size=(n_items, width))
    return np.asarray(centres[groups] + noise / 4, np.float32)


class ModelTests:
    """What every :class:`mmrec.models.Model` has to keep, as tests.

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
        loaders = config.sources.values() if isinstance(config, MultimodalConfig) else ()
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
        torch.manual_seed(seed_for(config.seed, "init"))
        return self.model(config, self.dataset())

    def trained(self, **changes: object) -> Outcome:
        """Train the model from its seed, evaluated after every epoch."""
        config, dataset = self.configured(**changes), self.dataset()
        with deterministic(_CPU):
            model = self.built(config)
            return Trainer(model, config, dataset, _protocol(dataset), _CPU).run()

    def test_the_same_seed_gives_the_same_bits(self) -> None:
        """Two trainings agree in every loss, every weight and every list."""
        one, other = self.trained(), self.trained()
        assert one.losses == other.losses, f"losses differ: {one.losses} and {other.losses}"
        assert one.best_state is not None
        assert other.best_state is not None
        differing = [
            name for name, x in one.best_state.items() if not _equal(x, other.best_state[name])
        ]
        assert not differing, f"the same seed gave other weights: {differing}"
        assert np.array_equal(one.best.ranking.items, other.best.ranking.items)
        assert np.array_equal(one.best.ranking.scores, other.best.ranking.scores)

    def test_another_seed_gives_another_training(self) -> None:
        """The seed reaches the initial weights and the triplets."""
        one, other = self.trained(seed=1), self.trained(seed=2)
        assert one.losses != other.losses, f"seeds 1 and 2 both gave the losses {one.losses}"

    def test_draws_from_torch_s_default_generator_alone(self) -> None:
        """The global generator of numpy, which no seed of the trial reaches, is left alone."""
        before = _numpy_state()
        self.trained(epochs=1)
        assert _numpy_state() == before, "the model draws from numpy's global generator"

    def test_the_loss_is_a_finite_scalar(self) -> None:
        """One number, that a gradient can be taken of."""
        model = self.built()
        loss = model.loss(_batches(model, self.configured(), self.dataset())[0])
        assert loss.shape == (), f"expected a scalar loss, found the shape {tuple(loss.shape)}"
        assert loss.requires_grad, "the loss does not depend on any parameter"
        assert loss.isfinite(), f"the loss is {loss.item()}"

    def test_every_parameter_gets_a_gradient(self) -> None:
        """Over the batches of an epoch, every parameter that is trained moves."""
        model = self.built()
        for batch in _batches(model, self.configured(), self.dataset()):
            model.loss(batch).backward()
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
        """Asked twice in evaluation mode, it answers with the same bits and leaves no trace."""
        model = self.built().eval()
        state = {name: x.clone() for name, x in model.state_dict().items()}
        with torch.no_grad():
            (users, items), (users_again, items_again) = model.embed(), model.embed()
        assert torch.equal(users, users_again), "is dropout on in evaluation?"
        assert torch.equal(items, items_again), "is dropout on in evaluation?"
        assert all(_equal(x, state[name]) for name, x in model.state_dict().items()), (
            "embed() changes the state of the model"
        )

    def test_scores_have_a_column_for_every_item(self) -> None:
        """A scorer answers [B, I]: the inner products of ``embed()`` unless it is overridden."""
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

    def test_the_configuration_survives_a_round_trip(self) -> None:
        """Written to JSON, as in the results of an experiment, and read again, it is the same."""
        config = self.configured()
        again = type(config).model_validate_json(config.model_dump_json())
        assert again == config, f"{config} became {again}"

    def test_an_unknown_hyper_parameter_is_refused(self) -> None:
        """A misspelt key is an error and not ignored."""
        message = _refusal(ValidationError, lambda: self.configured(no_such_hyper_parameter=1))
        assert "no_such_hyper_parameter" in message, f"the message does not name it: {message}"


class LoaderTests:
    """What every :class:`mmrec.features.Loader` has to keep, as tests.

    Subclass it under a name that begins with ``Test``, set ``loader``, and override :meth:`write`
    unless the loader reads folders of ``<item>.npy``.
    """

    loader: ClassVar[type[Loader]]
    """The class under test."""
    ids: ClassVar[Sequence[str]] = ("10", "9", "007", "7", "B00-x")
    """Ids that the format can hold; the default ones trip up whoever reads them as numbers."""

    def write(self, path: Path, vectors: Mapping[str, Features]) -> Path:
        """Write ``vectors`` by item id in the loader's own format.

        Args:
            path: does not exist yet; write a file or a folder there, or below it.
            vectors: all of one length, float32.

        Returns:
            What the experiment file would name, usually ``path``.
        """
        path.mkdir()
        for item_id, vector in vectors.items():
            np.save(path / f"{item_id}.npy", vector)
        return path

    def written(self, folder: Path) -> tuple[Loader, dict[str, Features]]:
        """Write a random vector for every id; return a loader on them, and the vectors."""
        rng = rng_for(0, "vectors")
        vectors = {name: rng.normal(size=4).astype(np.float32) for name in self.ids}
        return self.loader(self.write(folder / "features", vectors)), vectors

    def test_is_registered_under_its_name(self) -> None:
        """Experiment files find it: it is decorated with ``register_loader``."""
        name = self.loader.__name__
        assert LOADERS.get(name) is self.loader, f"{name} lacks the decorator @register_loader"
        assert self.loader(Path()).name == name

    def test_names_the_key_of_its_path(self) -> None:
        """``path_key`` is the key of the ``side_information`` entry."""
        key = self.loader.path_key
        assert isinstance(key, str)
        assert key.isidentifier(), f"path_key is {key!r}, expected a plain word"

    def test_items_are_those_that_have_a_vector(self, tmp_path: Path) -> None:
        """Ids arrive as the text they were written as."""
        loader, vectors = self.written(tmp_path)
        assert set(loader.items()) == set(vectors)

    def test_rows_follow_the_order_asked_for(self, tmp_path: Path) -> None:
        """Row r is the vector of the r-th id asked for, whatever the order in the files."""
        loader, vectors = self.written(tmp_path)
        for asked in (self.ids, self.ids[::-1], self.ids[1:3], self.ids[-1:]):
            found = loader.read(asked)
            expected = np.stack([vectors[item_id] for item_id in asked])
            assert found.dtype == np.float32, f"expected float32, found {found.dtype}"
            assert np.array_equal(found, expected), f"asked for {asked}: {found}, not {expected}"

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        """A loader keeps no position in its files."""
        loader, _ = self.written(tmp_path)
        assert np.array_equal(loader.read(self.ids), loader.read(self.ids))

    def test_what_it_reads_is_accepted(self, tmp_path: Path) -> None:
        """The framework takes the matrix: its shape, and that every value is finite."""
        loader, vectors = self.written(tmp_path)
        matrix = load_features([loader], self.ids)[loader.name]
        assert matrix.shape == (len(vectors), 4)

    def test_an_item_without_a_vector_is_named(self, tmp_path: Path) -> None:
        """Asked for an item that it lacks, a loader says which one."""
        loader, _ = self.written(tmp_path)
        message = _refusal(DataError, lambda: loader.read([self.ids[0], "no-such-item"]))
        assert "no-such-item" in message, f"the message does not name the item: {message}"

    def test_a_missing_path_is_named(self, tmp_path: Path) -> None:
        """A path that is not there is an error that names it."""
        path = tmp_path / "no-such-path"
        message = _refusal(DataError, self.loader(path).items)
        assert str(path) in message, f"the message does not name the path: {message}"


def _refusal(kind: type[Exception], action: Callable[[], object]) -> str:
    """Return the message of the error that ``action`` has to raise."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError(f"expected a {kind.__name__}, found none")


def _protocol(dataset: Dataset) -> Protocol:
    assert dataset.validation is not None
    validation, test = (
        Evaluator(dataset.train, split, ["Recall"], [5])
        for split in (dataset.validation, dataset.test)
    )
    return Protocol(
        train=dataset.train,
        validation=validation,
        test=test,
        top_k=5,
        select_by="Recall@5",
        higher_is_better=True,
    )


def _batches(model: Model, config: ModelConfig, dataset: Dataset) -> list[Batch]:
    """Return the batches of the first epoch, which the model is made ready for."""
    model.train().on_epoch_start(1)
    size = dataset.n_users if config.batch_size == -1 else config.batch_size
    sampler = model.sampler(dataset.train, size)
    triplets = sampler.draw_epoch(rng_for(config.seed, "triplets", 1))
    return [
        Batch(
            *(torch.from_numpy(column[start : start + sampler.batch_size]) for column in triplets)
        )
        for start in range(0, len(triplets.users), sampler.batch_size)
    ]


def _equal(x: Tensor, y: Tensor) -> bool:
    return x.dtype == y.dtype and torch.equal(x, y)


def _numpy_state() -> tuple[object, ...]:
    """Return the state of numpy's global generator, to compare."""
    state = np.random.get_state(legacy=True)  # noqa: NPY002
    return tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in state)
