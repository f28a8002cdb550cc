"""The tests that every sampler of training batches has to pass."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mmrec.data import SAMPLERS, IntArray, Interactions, Sampler
from mmrec.data.sampling import Samples
from mmrec.seeding import rng_for
from mmrec.testing.data import tiny_dataset


class SamplerTests:
    """The rules for every :class:`mmrec.data.Sampler`, as tests.

    Subclass it under a name that begins with ``Test`` and set ``sampler``. A sampler for which one
    of the tests makes no sense overrides that test and says why.
    """

    sampler: ClassVar[type[Sampler]]
    """The class under test."""
    batch_size: ClassVar[int] = 8
    """That of the experiment file; a sampler may lower it."""

    def interactions(self) -> Interactions:
        """Return the training interactions to draw from; one user has every item."""
        train = tiny_dataset().train
        everything = np.arange(train.n_items)
        others = train.users != 0
        users = np.concatenate([np.zeros_like(everything), train.users[others]])
        items = np.concatenate([everything, train.items[others]])
        return Interactions.from_arrays(users, items, train.n_users, train.n_items)

    def built(self, n_negatives: int = 1) -> Sampler:
        """Return a sampler of :meth:`interactions`."""
        return self.sampler(self.interactions(), self.batch_size, n_negatives)

    def drawn(self, seed: int = 0, n_negatives: int = 1) -> Samples:
        """Return an epoch of a new sampler."""
        return self.built(n_negatives).draw_epoch(rng_for(seed, "triplets", 1))

    def test_is_registered_under_its_name(self) -> None:
        """Experiment files find it: it is decorated with ``register_sampler``."""
        name = self.sampler.__name__
        assert SAMPLERS.get(name) is self.sampler, f"{name} is not decorated with @register_sampler"

    def test_an_epoch_has_as_many_samples_as_it_says(self) -> None:
        """Users and positives are [n_samples] int64, negatives too, or [n_samples, K]."""
        sampler = self.built(n_negatives=3)
        samples = sampler.draw_epoch(rng_for(0, "triplets", 1))
        for name, values in samples._asdict().items():
            if values is not None:
                assert values.dtype == np.int64, f"{name} are {values.dtype}, expected int64"
                assert len(values) == sampler.n_samples, (
                    f"{len(values)} {name}, but n_samples is {sampler.n_samples}"
                )
        if samples.negatives is not None:
            assert samples.negatives.shape == (sampler.n_samples, 3)

    def test_the_same_generator_gives_the_same_samples(self) -> None:
        """All draws come from the generator, and earlier epochs leave nothing behind."""
        sampler = self.built()
        sampler.draw_epoch(rng_for(5, "triplets", 1))
        again = sampler.draw_epoch(rng_for(0, "triplets", 1))
        for name, one, other in zip(Samples._fields, self.drawn(), again, strict=True):
            assert _equal(one, other), f"the {name} differ"

    def test_another_generator_gives_other_samples(self) -> None:
        """The generator is used."""
        pairs = zip(self.drawn(seed=1), self.drawn(seed=2), strict=True)
        assert not all(_equal(one, other) for one, other in pairs), "two seeds draw the same"

    def test_positives_are_items_of_their_users(self) -> None:
        """Each pair of user and positive is a training interaction."""
        samples = self.drawn()
        assert set(_pairs(samples.users, samples.positives)) <= _rows(self.interactions())

    def test_negatives_are_items_that_their_users_do_not_have(self) -> None:
        """No negative is a training item; a sampler without negatives returns None."""
        train = self.interactions()
        for n_negatives in (1, 3):
            samples = self.drawn(n_negatives=n_negatives)
            assert (samples.negatives is not None) == self.sampler.has_negatives, (
                f"has_negatives is {self.sampler.has_negatives}, negatives are {samples.negatives}"
            )
            if samples.negatives is not None:
                users = np.repeat(samples.users, n_negatives)
                items = samples.negatives.ravel()
                assert items.min() >= 0
                assert items.max() < train.n_items
                assert not set(_pairs(users, items)) & _rows(train)


def _equal(one: IntArray | None, other: IntArray | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _pairs(users: IntArray, items: IntArray) -> list[tuple[int, int]]:
    return list(zip(users.tolist(), items.tolist(), strict=True))


def _rows(train: Interactions) -> set[tuple[int, int]]:
    return set(_pairs(train.users, train.items))
