"""Read YAML 1.2 to plain Python and keep the line of every key.

PyYAML scans and parses. Scalars are typed here, because PyYAML follows YAML 1.1, where ``1e-5`` is
text and ``off`` a boolean. Keys are always text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mmrec.config.document import Document, KeyPath, Problem
from mmrec.config.yaml_errors import syntax_error
from mmrec.config.yaml_scalars import Scalar, parse_scalar
from mmrec.errors import ConfigError, listing, nearest

_TAG = "tag:yaml.org,2002:"
_UNTYPED = "untyped"
_SCALAR_TAGS: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}
_SAFE_TAGS = ("str", "map", "seq", *_SCALAR_TAGS)
# A chain of aliases can expand to more values than fit in memory; experiments have far fewer.
_MOST_VALUES = 100_000
_MOST_BYTES = 1 << 22
"""Size of an experiment file (4 MiB)."""


def read_yaml(path: Path) -> Document:
    """Read the YAML file at ``path``.

    Raises:
        ConfigError: the file is missing, a folder, empty, not UTF-8, or not YAML.
    """
    if "\0" in str(path):
        raise ConfigError(f"{str(path)!r}: no file has a null character in its name")
    try:
        if path.is_dir():
            inside = _yaml_files(path)
            content = f"; it contains {listing(inside)}" if inside else ""
            raise ConfigError(f"{path}: a folder, not an experiment file{content}")
        with path.open("rb") as file:
            content_bytes = file.read(_MOST_BYTES + 1)
        if len(content_bytes) > _MOST_BYTES:
            raise ConfigError(f"{path}: larger than {_MOST_BYTES:,} bytes; not an experiment file")
        text = content_bytes.decode("utf-8-sig")
    except FileNotFoundError:
        hint = nearest(path.name, _yaml_files(path.parent))
        raise ConfigError(f"{path}: no such file{hint}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        raise ConfigError(
            f"{path}:{line}: found the byte 0x{byte:02x}; accepted: text saved as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str = "<text>") -> Document:
    """Read YAML from ``text``; ``source`` is its name in messages.

    Raises:
        ConfigError: the text is empty or not YAML.
    """
    builder = _Builder()
    try:
        node = _Loader(text).get_single_node()
        data = None if node is None else builder.build(node, ())
    except yaml.YAMLError as error:
        raise syntax_error(error, text, source) from None
    except RecursionError:
        raise ConfigError(f"{source}: lists and mappings are nested too deeply") from None
    if node is None:
        raise ConfigError(f"{source}: the file is empty; accepted: the key 'experiment'")
    return Document(data, source, builder.lines, tuple(builder.problems))


class _Loader(yaml.SafeLoader):
    """PyYAML's loader without its YAML 1.1 typing of unquoted scalars."""

    def resolve(self, kind: type[Node], value: object, implicit: Sequence[bool]) -> str:
        if kind is ScalarNode:
            return _UNTYPED if implicit[0] else f"{_TAG}str"
        return f"{_TAG}seq" if kind is SequenceNode else f"{_TAG}map"


@dataclass
class _Builder:
    """Turns PyYAML's nodes into plain values, and collects lines and problems."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _open: list[Node] = field(default_factory=list)
    _n_merged: int = 0
    _reported: set[int] = field(default_factory=set)

    def build(self, node: Node, path: KeyPath) -> object:
        """Return the value of ``node``, found at ``path``."""
        self.lines.setdefault(path, _line(node))
        self._check_number(len(self.lines), node)
        if self._is_open(node):
            self._report(node, path, "found an alias that refers to itself")
            return None
        self._open.append(node)
        value = self._value(node, path)
        self._open.pop()
        return value

    def _value(self, node: Node, path: KeyPath) -> object:
        kind = node.tag.removeprefix(_TAG)
        if kind not in (*_SAFE_TAGS, _UNTYPED):
            accepted = listing(f"!!{name}" for name in _SAFE_TAGS)
            self._report(node, path, f"found the tag {kind!r}; accepted: no tag, {accepted}")
            return None
        if isinstance(node, MappingNode):
            value: dict[str, Any] = {}
            for name, (key, child) in self._entries(node, path).items():
                self.lines[*path, name] = _line(key)
                value[name] = self.build(child, (*path, name))
            return value
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, kind, path)

    def _scalar(self, node: Node, kind: str, path: KeyPath) -> Scalar:
        text: str = node.value
        if kind == "str":
            return text
        value = parse_scalar(text)
        if kind == "float" and type(value) is int:
            value = float(value)
        if kind == _UNTYPED or type(value) is _SCALAR_TAGS.get(kind):
            return value
        self._report(node, path, f"found {text!r}, which does not match the tag !!{kind}")
        return None

    def _entries(self, node: MappingNode, path: KeyPath) -> dict[str, tuple[Node, Node]]:
        """Return key and value nodes by name; own keys override merged ones."""
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        first_keys: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._report(key, path, "found a list or mapping as a key; accepted: text")
                continue
            first = first_keys.setdefault(key.value, key)
            if first is not key:
                self._report(
                    key, (*path, key.value), f"duplicate key; the first is on line {_line(first)}"
                )
            elif key.value == "<<" and key.tag == _UNTYPED:
                merged = self._merged(value, path)
            else:
                own[key.value] = (key, value)
        return merged | own

    def _merged(self, node: Node, path: KeyPath) -> dict[str, tuple[Node, Node]]:
        """Return the entries that ``<<`` merges; the earlier of several mappings wins."""
        entries: dict[str, tuple[Node, Node]] = {}
        for source in reversed(node.value if isinstance(node, SequenceNode) else [node]):
            if not isinstance(source, MappingNode) or self._is_open(source):
                self._report(
                    node,
                    path,
                    "found '<<' without a mapping; accepted: an alias, or a list of them",
                )
                continue
            self._n_merged += 1 + len(source.value)
            self._check_number(self._n_merged, source)
            self._open.append(source)
            entries |= self._entries(source, path)
            self._open.pop()
        return entries

    def _check_number(self, number: int, node: Node) -> None:
        """Refuse more values than an experiment has."""
        if number > _MOST_VALUES:
            raise yaml.MarkedYAMLError(
                problem=f"more than {_MOST_VALUES} values, those of aliases included",
                problem_mark=node.start_mark,
            )

    def _is_open(self, node: Node) -> bool:
        return any(node is ancestor for ancestor in self._open)

    def _report(self, node: Node, path: KeyPath, message: str) -> None:
        # An alias is built wherever it is used; its problems are reported once.
        if id(node) not in self._reported:
            self._reported.add(id(node))
            self.problems.append(Problem(path, message, _line(node)))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _yaml_files(folder: Path) -> list[str]:
    try:
        names = [entry.name for entry in folder.iterdir() if entry.suffix in (".yml", ".yaml")]
    except OSError:  # they are only a hint
        return []
    return sorted(names)
