"""Models and loaders from the user's own Python file (``external_models_path``)."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from mmrec.errors import ModelError, listing, nearest
from mmrec.files import sha256
from mmrec.libraries import need_libraries
from mmrec.models.base import Recommender
from mmrec.models.external_code import Sources
from mmrec.models.other_tools import OF_ITS_KIND, SAME_MODEL
from mmrec.models.registry import MODELS
from mmrec.registry import EXTERNAL_PREFIX, IMPORTING, activate_external

PREFIX = "external."

_executed: dict[Path, dict[str, str]] = {}
"""The digests of what was imported, by what ``external_models_path`` names."""


class ElliotCodeError(ModelError):
    """The user's file imports Elliot, so it cannot define models of mmrec."""


def load_external_module(path: Path) -> ModuleType:
    """Import the user's file, or all files of the user's folder; make available what they register.

    A folder, or its ``__init__.py``, is imported as a package together with the Python files next
    to it, except those whose names start with ``_``, ``test_`` or ``conftest``: a model is added
    by adding its file. A process imports the same code once, and imports it again after an edit,
    as in a notebook.

    Raises:
        ElliotCodeError: importing the file fails, and it imports Elliot.
        ModelError: the file is missing, or importing it fails.
    """
    file, sources = _read(path)
    facts = json.dumps([str(file.resolve()), sources.digests])
    name = f"{EXTERNAL_PREFIX}{sha256(facts.encode())[:12]}"
    activate_external(name)
    _executed[path.resolve()] = sources.digests
    with IMPORTING:
        return sys.modules[name] if name in sys.modules else _import(name, file, sources)


def _read(path: Path) -> tuple[Path, Sources]:
    """Return the file to import, of a folder its ``__init__.py``, and the content of all files."""
    try:
        file = path / "__init__.py" if path.is_dir() else path
        if not file.is_file():
            raise ModelError(f"{file}: no such file")
        return file, Sources.read(file)
    except OSError as error:
        where = error.filename or path
        raise ModelError(f"{where}: cannot be read: {error.strerror or error}") from error


def _import(name: str, path: Path, sources: Sources) -> ModuleType:
    """Import a file as a module; an ``__init__.py`` together with the files next to it."""
    need_libraries()
    spec = sources.spec(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    file = path
    try:
        spec.loader.exec_module(module)
        for file in _siblings(path, sources):
            importlib.import_module(f"{name}.{file.stem}")
    except Exception as error:
        for imported in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
            del sys.modules[imported]
        if _imports_elliot(sources):
            raise ElliotCodeError(
                f"{path} imports Elliot, which mmrec does not use: the models of mmrec are built "
                "in; remove this key"
            ) from error
        raise ModelError(f"importing {file} failed: {type(error).__name__}: {error}") from error
    return module


def _imports_elliot(sources: Sources) -> bool:
    return any(
        re.search(rb"^\s*(from|import)\s+elliot\b", text, re.MULTILINE)
        for text in sources.contents.values()
    )


def _siblings(path: Path, sources: Sources) -> list[Path]:
    """Return the files that are imported with the ``__init__.py`` of a folder."""
    if path.name != "__init__.py":
        return []
    files = [file for file in sources.contents if file.parent == path.parent]
    return [file for file in files if not file.name.startswith(("_", "test_", "conftest"))]


def source_digests(path: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each file that external models may come from, by its name."""
    return {} if path is None else Sources.read(path).digests


def executed_digests(path: Path | None) -> dict[str, str]:
    """Return the digests of the files as this process last imported them, else as they are."""
    if path is None or path.resolve() not in _executed:
        return source_digests(path)
    return dict(_executed[path.resolve()])


def find_recommender(name: str, external: ModuleType | None) -> type[Recommender]:
    """Return the class behind a key of ``models``: built in, or ``external.NAME``.

    ``external.NAME`` is the recommender of that name in the user's file; if there is none, the
    built-in one.

    Raises:
        ModelError: there is no such recommender; the message contains the known ones.
    """
    own = _recommenders(external)
    if not name.startswith(PREFIX):
        if name in MODELS:
            return MODELS[name]
        known = sorted([*MODELS, *(PREFIX + asked for asked in own)], key=str.casefold)
        named = "" if name in OF_ITS_KIND else f"; known: {listing(known, len(known))}"
        hint = _suggestion(name, known) or _alternatives(name)
        raise ModelError(f"unknown model {name!r}{hint}{named}")
    asked = name.removeprefix(PREFIX)
    if asked in own:
        return _unambiguous(asked, own[asked])
    if asked in MODELS:
        return MODELS[asked]
    suggestion = _suggestion(asked, [*own, *MODELS])
    if external is None:
        raise ModelError(f"no built-in model is called {asked!r}{suggestion}{_alternatives(asked)}")
    raise ModelError(
        f"{external.__file__} has no model {asked!r}{suggestion or _alternatives(asked)}; "
        f"it has: {listing(own, 20) or 'none'}"
    )


def _unambiguous(name: str, classes: list[type[Recommender]]) -> type[Recommender]:
    if len(classes) > 1:
        places = (kind.__module__.partition(".")[2] + ".py" for kind in classes)
        raise ModelError(f"several files define {name}: {listing(places)}; rename all but one")
    return classes[0]


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Return the model of ``known`` that a name probably means, as :func:`nearest` does."""
    return "" if name in OF_ITS_KIND else nearest(SAME_MODEL.get(name, name), known)


def _alternatives(name: str) -> str:
    """Return what can be used if no model is called ``name``."""
    kind = f"; of the same kind: {OF_ITS_KIND[name]}" if name in OF_ITS_KIND else ""
    return (
        f"{kind}; write it in a file that external_models_path names, as external.{name} (see "
        "docs/writing_a_model.md), or read its lists with RecommendationFolder"
    )


def _recommenders(external: ModuleType | None) -> dict[str, list[type[Recommender]]]:
    """Return the recommenders of the user's file or folder by class name.

    What ``__init__.py`` has under a name is the only one of that name.
    """
    if external is None:
        return {}
    prefix = f"{external.__name__}."
    siblings = [module for name, module in sys.modules.items() if name.startswith(prefix)]
    found: dict[str, list[type[Recommender]]] = {}
    for module in siblings:
        for name, kind in _classes(module).items():
            others = found.setdefault(name, [])
            if kind not in others:
                others.append(kind)
    return found | {name: [kind] for name, kind in _classes(external).items()}


def _classes(module: ModuleType) -> dict[str, type[Recommender]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Recommender)
        and not getattr(value, "__abstractmethods__", None)
    }
