"""The search space of a model's entry."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.config.describe import found
from mmrec.config.distributions import NAMES, Distribution, distribution
from mmrec.config.fields import check_distinct
from mmrec.config.problems import Problems
from mmrec.config.search_tuples import opens_bracket, parse_tuple
from mmrec.config.yaml_scalars import parse_scalar
from mmrec.errors import listing, nearest

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(\(.*\))\s*", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """A list of values, all equally likely."""

    options: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> object:
        """Return one of the options."""
        return self.options[int(rng.integers(len(self.options)))]


Dimension = Choice | Distribution


@dataclass(frozen=True)
class Space:
    """Constants and searched dimensions of a model."""

    names: tuple[str, ...]
    """All keys, in the order of the file."""
    constants: Mapping[str, Any]
    """Values that are equal at all points."""
    dimensions: Mapping[str, Dimension]
    """The searched keys, in the order of the file."""

    @property
    def is_finite(self) -> bool:
        """Whether every dimension is a list of values: only then, a grid exists."""
        return all(isinstance(dimension, Choice) for dimension in self.dimensions.values())

    @property
    def size(self) -> int:
        """Number of combinations of the listed values; distributions are ignored."""
        return math.prod(
            len(dimension.options)
            for dimension in self.dimensions.values()
            if isinstance(dimension, Choice)
        )

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yield every point with its constants; the last key of the file changes fastest.

        Raises:
            ValueError: a dimension is a distribution; see ``is_finite``.
        """
        axes: list[tuple[Any, ...]] = []
        for name, dimension in self.dimensions.items():
            if not isinstance(dimension, Choice):
                raise ValueError(f"{name}: a grid needs a list of values, found {dimension}")
            axes.append(dimension.options)
        for values in itertools.product(*axes):
            yield self.point(dict(zip(self.dimensions, values, strict=True)))

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return one random point with its constants."""
        return self.point({name: axis.draw(rng) for name, axis in self.dimensions.items()})

    def point(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point with its constants from a value for every dimension."""
        return {n: chosen[n] if n in chosen else self.constants[n] for n in self.names}


def parse_space(
    entry: Mapping[str, Any],
    tuple_fields: Collection[str],
    problems: Problems,
    path: Sequence[str | int],
) -> Space:
    """Read the entry of a model.

    A list is a dimension: ``[0.1, 0.01]`` a choice, ``['uniform', -5, 5]`` and
    ``"uniform(-5, 5)"`` a distribution, and so is ``{log_uniform: [0.001, 0.1]}``. Another mapping
    is a constant.

    Args:
        entry: the settings of the model as written.
        tuple_fields: the keys whose one value is a tuple. For them a flat list and
            ``"(64, 64)"`` are a single value, and a list of such values is a dimension.
        problems: invalid keys are added to it, and left out of the space.
        path: key path of the entry in the file.
    """
    constants: dict[str, Any] = {}
    dimensions: dict[str, Dimension] = {}
    for name, value in entry.items():
        read = _tuples if name in tuple_fields else _values
        try:
            parsed = read(value)
        except ValueError as error:
            problems.add((*path, name), str(error))
            continue
        if isinstance(parsed, Choice | Distribution):
            dimensions[name] = parsed
        else:
            constants[name] = parsed
    names = tuple(name for name in entry if name in constants or name in dimensions)
    return Space(names, constants, dimensions)


def _values(value: object) -> object:
    """Return the dimension or constant of a scalar key."""
    if isinstance(value, str):
        return _call(value) or value
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, arguments),) = value.items()
        if name == "log_uniform":
            return _dimension(name, arguments if isinstance(arguments, list) else [arguments])
    if not isinstance(value, list):
        return value
    values = _rejoined(value)
    if _names_distribution(values):
        return _dimension(values[0], values[1:])
    calls = [_call(item) if isinstance(item, str) else None for item in values]
    if any(calls) and len(values) > 1:
        raise ValueError(f"found {found(value)}; accepted: one distribution, or a list of values")
    return calls[0] if any(calls) else _choice(values)


def _tuples(value: object) -> object:
    """Return the dimension or constant of a tuple-valued key."""
    if value is None or isinstance(value, Mapping):
        return value
    if not isinstance(value, list):
        return _tuple(value)
    values = _rejoined(value)
    if not any(isinstance(item, list | tuple) or opens_bracket(item) for item in values):
        return _tuple(values)
    options = values[1:] if values[0] == "choice" else values
    return _choice([_tuple(option) for option in options])


def _tuple(value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        return parse_tuple(value)
    members = tuple(value) if isinstance(value, list | tuple) else (value,)
    if any(isinstance(member, list | tuple | Mapping) for member in members):
        raise ValueError(f"found {found(value)}; accepted: a flat list, or a list of flat lists")
    return members


def _choice(values: Sequence[Any]) -> Choice:
    options = tuple(_frozen(value) for value in values)
    if not options:
        raise ValueError("found an empty list; accepted: at least one value to try")
    # Compared as text: 1, 1.0 and true are equal in Python, yet different values here.
    check_distinct(repr(option) for option in options)
    return Choice(options)


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        raise ValueError(f"found {found(value)} in a list; accepted: numbers, strings and lists")
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _dimension(name: str, arguments: Sequence[Any]) -> Dimension:
    if name != "choice":
        return distribution(name, arguments)
    nested = len(arguments) == 1 and isinstance(arguments[0], list | tuple)
    return _choice(arguments[0] if nested else arguments)


def _call(text: str) -> Dimension | None:
    """Read ``"uniform(-5, 5)"``; return None for a text of another form."""
    match = _CALL.fullmatch(text)
    if match is None:
        return None
    name = match[1]
    try:
        arguments = parse_tuple(match[2])
    except ValueError:
        arguments = (match[2],)
    if name in NAMES:
        return _dimension(name, arguments)
    if arguments and all(_is_number(argument) for argument in arguments):
        raise ValueError(_unknown(name))
    return None


def _names_distribution(values: Sequence[Any]) -> bool:
    """Return whether a list has the form ``['uniform', -5, 5]``."""
    if not values or not isinstance(values[0], str):
        return False
    name, arguments = values[0], values[1:]
    if name in NAMES:
        # ['uniform', 'normal'] is a choice of two words, such as two initialisations.
        words = all(isinstance(value, str) and not _is_number(value) for value in arguments)
        return name == "choice" or not arguments or not words
    if arguments and all(_is_number(value) for value in arguments) and nearest(name, NAMES):
        raise ValueError(_unknown(name))
    return False


def _unknown(name: str) -> str:
    known = listing(NAMES, limit=len(NAMES))
    return f"found the unknown distribution {name!r}{nearest(name, NAMES)}; accepted: {known}"


def _is_number(value: object) -> bool:
    typed = parse_scalar(value.strip()) if isinstance(value, str) else value
    return isinstance(typed, int | float) and not isinstance(typed, bool)


def _rejoined(values: Sequence[Any]) -> list[Any]:
    """Undo YAML's cut at the comma in ``[uniform(-5, 5)]`` and ``[(visual, textual)]``."""
    joined: list[Any] = []
    depth = 0
    for value in values:
        if depth > 0:
            joined[-1] = f"{joined[-1]}, {value}"
        else:
            joined.append(value)
        if isinstance(value, str):
            depth += value.count("(") - value.count(")")
    return joined if depth == 0 else list(values)
