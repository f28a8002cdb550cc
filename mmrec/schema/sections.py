"""From a section of the configuration to the JSON Schema of what may be written for it.

Pydantic describes the typed value. What may be *written* is more: numbers and booleans in quotes,
and a single entry in place of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

Node = dict[str, Any]
"""A JSON Schema, or a part of one."""

REF = "#/$defs/"
QUOTED: Mapping[str, Node] = {
    "number_in_quotes": {
        "description": "A number in quotes.",
        "type": "string",
        "pattern": r"^\s*[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\s*$",
    },
    "flag_in_quotes": {
        "description": "True or false in quotes.",
        "type": "string",
        "pattern": r"^\s*(true|True|TRUE|false|False|FALSE)\s*$",
    },
}
"""Definitions that :func:`written` refers to."""

_IN_QUOTES = {
    "integer": "number_in_quotes",
    "number": "number_in_quotes",
    "boolean": "flag_in_quotes",
}
# Where a validator stands before the type, pydantic leaves its own names for the bounds.
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_ABOUT = ("description", "default")


def section(kind: type[BaseModel], definitions: dict[str, Node]) -> Node:
    """Return the schema of a section; the sections within it are added to ``definitions``."""
    described = kind.model_json_schema(ref_template=REF + "{model}")
    for name, node in described.pop("$defs", {}).items():
        definitions[name] = written(node)
    return written(described)


def written(node: Node) -> Node:
    """Return the schema of everything that is read as a value of the schema ``node``."""
    node = _tidied(node)
    about = {key: node.pop(key) for key in _ABOUT if key in node}
    for key in ("anyOf", "oneOf"):
        if key in node:
            node = any_of(*map(written, node[key]))
    kind = node.get("type")
    if "properties" in node:
        node["properties"] = {name: written(inner) for name, inner in node["properties"].items()}
    elif kind in _IN_QUOTES:
        node = any_of(node, {"$ref": REF + _IN_QUOTES[kind]})
    elif kind == "array" and "items" in node:
        items = written(node["items"])
        node = any_of(node | {"items": items}, items)
    return about | node


def any_of(*nodes: Node) -> Node:
    """Return the schema of what one of the schemas accepts."""
    flat: list[Node] = []
    for node in nodes:
        flat += node["anyOf"] if set(node) == {"anyOf"} else [node]
    return {"anyOf": flat} if len(flat) > 1 else flat[0]


def any_case(names: Iterable[str], ending: str = "") -> str:
    """Return a pattern of the names in upper or lower case; JSON Schema has no switch for it."""
    letters = ("".join(_either_case(c) for c in name) for name in names)
    return f"^({'|'.join(letters)}){ending}$"


def _either_case(character: str) -> str:
    upper, lower = character.upper(), character.lower()
    return f"[{upper}{lower}]" if upper != lower else re.escape(character)


def _tidied(node: Node) -> Node:
    """Leave out titles and defaults that say nothing, and name the bounds as JSON Schema does."""
    tidy = {_BOUNDS.get(k, k): v for k, v in node.items() if k not in ("title", "discriminator")}
    if tidy.get("default") in (None, []) or isinstance(tidy.get("default"), dict):
        tidy.pop("default", None)
    if tidy.get("format") == "path":
        del tidy["format"]
    if "description" in tidy:
        words = re.sub(r":class:`~?([^`]*)`", r"\1", tidy["description"].replace("``", ""))
        tidy["description"] = " ".join(words.split())
    return tidy
