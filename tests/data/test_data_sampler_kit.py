"""The shipped test kit for samplers: on mmrec's, and on broken ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmrec.data import SAMPLERS, Sampler, Samples, UniformUsers, register_sampler
from mmrec.testing import SamplerTests

TESTS = [name for name in vars(SamplerTests) if name.startswith("test_")]


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_of_mmrec_passes(name: str, test: str) -> None:
    kit(SAMPLERS[name], test)


def kit(sampler: type[Sampler], test: str) -> None:
    """Run one test of the kit on a sampler."""
    made = type("TestMine", (SamplerTests,), {"sampler": sampler})
    getattr(made(), test)()


class AnyNegative(UniformUsers):
    def negatives(self, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(0, self.train.n_items, (len(users), self.n_negatives)).squeeze()


class AnyPositive(UniformUsers):
    def positives(self, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(0, self.train.n_items, len(users))


class OtherCount(UniformUsers):
    @property
    def n_samples(self) -> int:
        return len(self.train) + 1


class Constant(UniformUsers):
    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        return super().draw_epoch(np.random.default_rng(0))


class OwnState(UniformUsers):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._rng = np.random.default_rng(0)

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        return super().draw_epoch(self._rng)


class NoNegatives(UniformUsers):
    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        return super().draw_epoch(rng)._replace(negatives=None)


BROKEN = {
    AnyNegative: "test_negatives_are_items_that_their_users_do_not_have",
    NoNegatives: "test_negatives_are_items_that_their_users_do_not_have",
    AnyPositive: "test_positives_are_items_of_their_users",
    OtherCount: "test_an_epoch_has_as_many_samples_as_it_says",
    Constant: "test_another_generator_gives_other_samples",
    OwnState: "test_the_same_generator_gives_the_same_samples",
}


@pytest.mark.parametrize("sampler", BROKEN)
def test_a_broken_sampler_fails(sampler: type[Sampler]) -> None:
    with pytest.raises(AssertionError):
        kit(sampler, BROKEN[sampler])


def test_a_sampler_that_is_not_registered_fails() -> None:
    with pytest.raises(AssertionError, match="register_sampler"):
        kit(Constant, "test_is_registered_under_its_name")
    with SAMPLERS.isolated():
        kit(register_sampler(Constant), "test_is_registered_under_its_name")
