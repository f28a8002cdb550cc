"""Models and loaders from the user's own Python file (``external_models_path``)."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from mmrec.errors import ModelError, listing, nearest
from mmrec.files import sha256
from mmrec.models.base import MODELS, Recommender
from mmrec.registry import EXTERNAL_PREFIX, activate_external

PREFIX = "external."


def load_external_module(path: Path) -> ModuleType:
    """Import the user's file under a name of its own, and make what it registers available.

    An ``__init__.py`` is imported as the package of its folder, so it may import its siblings
    with ``from .my_model import MyModel``. A process imports the same code once, and imports it
    again after an edit, as in a notebook.

    Raises:
        ModelError: the file is missing, or importing it fails.
    """
    try:
        path = path / "__init__.py" if path.is_dir() else path
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    code = json.dumps([str(path.resolve()), source_digests(path)])
    name = f"{EXTERNAL_PREFIX}{sha256(code.encode())[:12]}"
    activate_external(name)
    if name in sys.modules:
        return sys.modules[name]
    folder = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folder)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ModelError(f"importing {path} failed: {type(error).__name__}: {error}") from error
    return module


def source_digests(path: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each file that external models may come from, by its name."""
    if path is None:
        return {}
    if path.is_dir() or path.name == "__init__.py":
        folder = path if path.is_dir() else path.parent
        files = sorted(folder.rglob("*.py"))
        return {str(file.relative_to(folder)): sha256(file.read_bytes()) for file in files}
    return {path.name: sha256(path.read_bytes())}


def find_recommender(name: str, external: ModuleType | None) -> type[Recommender]:
    """Return the class behind a key of ``models``: built in, or ``external.NAME``.

    Raises:
        ModelError: there is no such recommender; the message lists those there are.
    """
    if not name.startswith(PREFIX):
        known = [*MODELS, *(PREFIX + own for own in _recommenders(external))]
        if name not in MODELS:
            raise ModelError(f"unknown model{_hint(name, known)}; known: {listing(known, 20)}")
        return MODELS[name]
    if external is None:
        raise ModelError("external_models_path is missing: it says where external models are")
    own = _recommenders(external)
    asked = name.removeprefix(PREFIX)
    if asked not in own:
        raise ModelError(
            f"{external.__file__} has no model {asked!r}{nearest(asked, own)}; "
            f"it has: {listing(own, 20) or 'none'}"
        )
    return own[asked]


def _hint(name: str, known: list[str]) -> str:
    """Return the nearest known name; without one, how a model that is not here can take part."""
    return nearest(name, known) or (
        " (write it as external.NAME, see docs/writing_a_model.md, or bring its lists by "
        "RecommendationFolder)"
    )


def _recommenders(module: ModuleType | None) -> dict[str, type[Recommender]]:
    return {
        name: value
        for name, value in vars(module or ModuleType("none")).items()
        if isinstance(value, type)
        and issubclass(value, Recommender)
        and not getattr(value, "__abstractmethods__", None)
    }
