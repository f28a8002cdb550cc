"""The recommenders by their names in experiment files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mmrec.errors import ModelError
from mmrec.registry import Registry

if TYPE_CHECKING:
    from mmrec.models.base import Recommender

_R = TypeVar("_R", bound="type[Recommender]")

MODELS: Registry[type[Recommender]] = Registry("model", package="mmrec.models", error=ModelError)
"""Every recommender by its name in the experiment file; the built-in ones are those of the
modules in ``mmrec/models/``."""


def register(name: str) -> Callable[[_R], _R]:
    """Make a recommender available to experiment files as ``name`` (a class decorator)."""

    def add(recommender: _R) -> _R:
        MODELS.add(name, recommender, recommender)
        return recommender

    return add
