"""Describe what a field of a pydantic model accepts, and the value that was found."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mmrec.errors import listing

_LONGEST_VALUE = 60
_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Collection)
_MAPPINGS = (dict, collections.abc.Mapping)
_WORDS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "values true or false"),
    str: ("text", "texts"),
    Path: ("a path", "paths"),
    type(None): ("nothing", "empty values"),
}


@dataclass(frozen=True)
class Accepts:
    """Metadata of an ``Annotated`` type: a description of the accepted values."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A field or an entry of a pydantic model."""

    annotation: Any
    metadata: tuple[Any, ...] = ()
    description: str | None = None

    def branches(self) -> Iterator[Slot]:
        """Yield the alternatives of a union, each without its ``Annotated``."""
        origin, arguments = get_origin(self.annotation), get_args(self.annotation)
        if origin is Annotated:
            inner = (*_flattened(arguments[1:]), *self.metadata)
            yield from Slot(arguments[0], inner, self.description).branches()
        elif origin in (Union, types.UnionType):
            for argument in arguments:
                yield from Slot(argument, self.metadata, self.description).branches()
        else:
            yield self

    def child(self, key: str | int) -> Slot | None:
        """Return the slot of the field or entry ``key``; None if it does not exist."""
        for branch in self.branches():
            origin, arguments = get_origin(branch.annotation), get_args(branch.annotation)
            model = branch.model()
            if model is not None and key in model.model_fields:
                field = model.model_fields[str(key)]
                return Slot(field.annotation, tuple(field.metadata), field.description)
            if origin in _MAPPINGS and isinstance(key, str) and len(arguments) == 2:
                return Slot(arguments[1])
            if origin in _LISTS and isinstance(key, int) and arguments:
                fixed = origin is tuple and arguments[-1] is not Ellipsis
                return Slot(arguments[min(key, len(arguments) - 1)] if fixed else arguments[0])
        return None

    def model(self) -> type[BaseModel] | None:
        """Return the pydantic model of this slot, if it has one."""
        for branch in self.branches():
            if isinstance(branch.annotation, type) and issubclass(branch.annotation, BaseModel):
                return branch.annotation
        return None

    def accepts(self) -> str:
        """Return what the slot accepts, such as ``a whole number, 1 or more``."""
        return " or ".join(_alternatives(self, plural=False))

    def choices(self) -> list[str]:
        """Return the accepted strings if only certain ones are."""
        literals = [b for b in self.branches() if get_origin(b.annotation) is Literal]
        return [text for b in literals for text in get_args(b.annotation) if isinstance(text, str)]

    def allows(self, *kinds: object) -> bool:
        """Return whether the slot accepts a value of one of the types ``kinds``."""
        types_here = [get_origin(b.annotation) or b.annotation for b in self.branches()]
        return any(kind in (*kinds, Any) for kind in types_here)


def found(value: object) -> str:
    """Return a short rendering of a refused value."""
    if value is None:
        return "nothing"
    if isinstance(value, collections.abc.Mapping):
        return f"a mapping of {listing(value)}" if value else "an empty mapping"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _alternatives(slot: Slot, plural: bool) -> list[str]:
    branches = list(slot.branches())
    # "or nothing" would only distract: an optional key is omitted, not emptied.
    named = [branch for branch in branches if branch.annotation is not type(None)] or branches
    return list(dict.fromkeys(_words(branch, plural) for branch in named))


def _words(slot: Slot, plural: bool) -> str:
    own = [item.text for item in slot.metadata if isinstance(item, Accepts)]
    if own:
        return own[-1]
    annotation, arguments = slot.annotation, get_args(slot.annotation)
    origin = get_origin(annotation) or annotation
    if origin is Literal:
        return _choices(arguments)
    model = slot.model()
    if model is not None:
        return f"a mapping with the keys {listing(model.model_fields, limit=99)}"
    if origin in _LISTS:
        return _list_words(origin, arguments, slot.metadata)
    if origin in _MAPPINGS:
        return "a mapping"
    single, several = _WORDS.get(origin, (_type_name(annotation), _type_name(annotation)))
    bounds = _bounds(slot)
    each = "each " if plural and bounds else ""
    words = several if plural else single
    return f"{words}, {each}{bounds}" if bounds else words


def _list_words(origin: object, arguments: Sequence[Any], metadata: Sequence[Any]) -> str:
    variable = origin is not tuple or Ellipsis in arguments or not arguments
    entry = Slot(arguments[0]) if arguments else Slot(Any)
    entries = " or ".join(_alternatives(entry, plural=True))
    if not variable:
        return f"a list of {len(arguments)} {entries}"
    least = max((getattr(item, "min_length", None) or 0 for item in metadata), default=0)
    return f"a list of {f'{least} or more ' if least else ''}{entries}"


def _choices(values: Sequence[Any]) -> str:
    *others, last = (repr(value) for value in values)
    return f"{', '.join(others)} or {last}" if others else last


def _bounds(slot: Slot) -> str:
    limit = {
        name: value
        for item in slot.metadata
        for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length")
        if (value := getattr(item, name, None)) is not None
    }
    if slot.annotation is int and "gt" in limit:
        limit["ge"] = limit.pop("gt") + 1
    if slot.annotation is str:
        return "not empty" if limit.get("min_length") else ""
    if "ge" in limit and "le" in limit:
        return f"from {limit['ge']:g} to {limit['le']:g}"
    phrases = {
        "ge": "{:g} or more",
        "gt": "above {:g}",
        "le": "at most {:g}",
        "lt": "below {:g}",
        "multiple_of": "a multiple of {:g}",
    }
    return " and ".join(text.format(limit[key]) for key, text in phrases.items() if key in limit)


def _flattened(metadata: Sequence[Any]) -> Iterator[Any]:
    """Unpack the ``Field(...)`` calls among the metadata of an ``Annotated`` type."""
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _type_name(annotation: object) -> str:
    if annotation is Any or isinstance(annotation, typing.TypeVar):
        return "any value"
    return getattr(annotation, "__name__", str(annotation))
