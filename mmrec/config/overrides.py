"""Changes of an experiment by options of the command line, and its data sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from mmrec.config.document import Document, KeyPath
from mmrec.config.yaml import parse_yaml
from mmrec.errors import ConfigError, listing, nearest

_ROOT = "experiment"


def override(
    document: Document, settings: Sequence[str] = (), models: Sequence[str] | None = None
) -> Document:
    """Return an experiment with changed values.

    Args:
        document: the experiment.
        settings: ``KEY=VALUE``, where KEY is a path below ``experiment``, such as
            ``models.LATTICE.lr`` or ``evaluation.cutoffs[0]``, and VALUE is YAML.
        models: the entries of ``models`` to keep; None for all.

    Raises:
        ConfigError: an option names no place of the experiment, or its value is not YAML; the
            message has a line for each.
    """
    problems = []
    for text in settings:
        try:
            document = _with_value(document, text)
        except ConfigError as error:
            problems.append(str(error))
    if models is not None:
        try:
            document = _with_models(document, models)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return document


def documents_of(document: Document) -> list[Document]:
    """Return the experiment on each of its data sets, as if the file named it alone.

    Raises:
        ConfigError: ``dataset`` is a list that is empty, has duplicates, or entries that are not
            names.
    """
    written = document.experiment
    names = written.get("dataset")
    if not isinstance(names, list | tuple):
        return [document]
    wrong = [name for name in names if not isinstance(name, str) or not name]
    twice = [
        name for name in dict.fromkeys(map(str, names)) if list(map(str, names)).count(name) > 1
    ]
    if not names or wrong or twice:
        what = f"duplicates of {listing(twice)}" if twice and not wrong else repr(list(names))
        message = f"found {what}; accepted: the name of a data set, or a list of different names"
        path = (_ROOT, "dataset")
        raise ConfigError(document.describe(document.problem(path, message)))
    return [
        replace(document, data={**document.data, _ROOT: {**written, "dataset": name}})
        for name in names
    ]


def dataset_names(document: Document) -> list[str]:
    """Return the names of the data sets of an experiment; empty if it names none."""
    names = document.experiment.get("dataset")
    found = names if isinstance(names, list | tuple) else [names]
    return [name for name in found if isinstance(name, str)]


def _with_value(document: Document, text: str) -> Document:
    option = f"--set {text}"
    key, equals, written = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{option}: accepted: KEY=VALUE, such as models.LATTICE.lr=0.001")
    if not written.strip():
        raise ConfigError(f"{option}: the value is empty; accepted: YAML, such as null or ''")
    value = parse_yaml(written, option)
    if value.problems:
        raise ConfigError("\n".join(map(value.describe, value.problems)))
    data = deepcopy(document.data)
    try:
        path = _put(data, key.strip(), value.data)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None
    return _changed(document, data, path, option)


def _with_models(document: Document, models: Sequence[str]) -> Document:
    option = f"--models {','.join(models)}"
    written = document.experiment.get("models")
    known = written if isinstance(written, Mapping) else {}
    for name in models:
        if name not in known:
            raise ConfigError(
                f"{option}: the experiment has no model {name!r}{nearest(name, known)}; it has: "
                f"{listing(known, len(known))}"
            )
    data = deepcopy(document.data)
    data[_ROOT]["models"] = {key: x for key, x in data[_ROOT]["models"].items() if key in models}
    return replace(document, data=data, options=(*document.options, option))


def _changed(document: Document, data: object, path: KeyPath, option: str) -> Document:
    """Return the document with a value whose problems name the option instead of a line."""
    lines = {k: line for k, line in document.lines.items() if k[: len(path)] != path}
    places = {k: x for k, x in document.places.items() if k[: len(path)] != path}
    problems = tuple(x for x in document.problems if x.path[: len(path)] != path)
    return replace(
        document,
        data=data,
        lines=lines,
        problems=problems,
        places=places | {path: option},
        options=(*document.options, option),
    )


def _put(data: Any, key: str, value: object) -> KeyPath:  # noqa: ANN401 - plain data
    """Set a value in place; return its path, or that of the first key that was not there."""
    parts = list(_parts(key.removeprefix(f"{_ROOT}.")))
    if not isinstance(data, dict) or not isinstance(data.get(_ROOT), dict):
        raise ConfigError("the file has no key 'experiment'")
    node, path = data[_ROOT], [_ROOT]
    added: KeyPath = ()
    while parts:
        part, parts = _next_key(node, parts, path)
        path.append(part)
        if not parts:
            node[part] = value
            break
        inner = node.get(part) if isinstance(node, dict) else node[part]
        if inner is None and isinstance(node, dict):
            if path[:-1] == [_ROOT, "models"] and part not in node:
                raise ConfigError(
                    f"the experiment has no model {part!r}{nearest(str(part), node)}; it has: "
                    f"{listing(node, len(node))}"
                )
            if part not in node:
                added = added or tuple(path)
            inner = node[part] = {}
        node = inner
    return added or tuple(path)


def _parts(key: str) -> Iterator[str | int]:
    for name in key.split("."):
        found = re.fullmatch(r"([^\[\]]+)((?:\[\d+\])*)", name)
        if found is None:
            raise ConfigError("accepted: keys joined by dots, such as evaluation.cutoffs[0]")
        yield found[1]
        yield from map(int, re.findall(r"\d+", found[2]))


def _next_key(
    node: object, parts: list[str | int], path: Sequence[str | int]
) -> tuple[Any, list[str | int]]:
    """Return the key of a node that the path continues with, and the parts after it.

    A key may contain dots, such as ``external.LATTICE``: the longest existing key is meant.
    """
    place = ".".join(map(str, path))
    first = parts[0]
    if isinstance(node, list):
        if not isinstance(first, int) or first >= len(node):
            raise ConfigError(f"{place} is a list of {len(node)}; accepted: its entries, from [0]")
        return first, parts[1:]
    if not isinstance(node, dict) or isinstance(first, int):
        raise ConfigError(f"{place} is {'a mapping' if isinstance(node, dict) else 'one value'}")
    for length in range(len(parts), 1, -1):
        name = ".".join(map(str, parts[:length]))
        if name in node:
            return name, parts[length:]
    return first, parts[1:]
