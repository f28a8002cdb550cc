"""Objects that experiment files refer to by name, such as metrics and loaders."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from mmrec.errors import ConfigError, MmrecError, listing, nearest
from mmrec.libraries import need_libraries

T = TypeVar("T")

EXTERNAL_PREFIX = "mmrec_external_"
"""The names of modules imported from ``external_models_path`` start with this."""

IMPORTING = threading.RLock()
"""Held while modules are imported that register objects: other threads wait for all of them."""

_active_external: ContextVar[str | None] = ContextVar("active_external", default=None)
"""Runs in several threads may have an external module each."""

_REGISTRIES: list[Registry[Any]] = []


def defined_in_main() -> list[str]:
    """Return the names that the running script or notebook has registered itself.

    Other processes do not run it, so they do not know them.
    """
    return [name for registry in _REGISTRIES for name in registry.names_from("__main__")]


class Definition(Protocol):
    """A class or function."""

    __module__: str
    __qualname__: str


def activate_external(module: str | None) -> None:
    """Make what one external module has registered available, and nothing of other ones.

    Args:
        module: name of the module of the experiment's ``external_models_path``; None without one.
    """
    _active_external.set(module)


class _Entry(NamedTuple, Generic[T]):
    name: str
    value: T
    source: str
    """Top-level module of the definition."""
    qualname: str

    @property
    def is_available(self) -> bool:
        return self.source == _active_external.get() or not self.source.startswith(EXTERNAL_PREFIX)


class Registry(Mapping[str, T]):
    """The objects of one kind by name.

    A decorator registers an object when its module is imported. Three sources are searched:

    - the built-in modules, imported when a name is first looked up;
    - the experiment's ``external_models_path``;
    - installed packages with an entry point in the group ``mmrec.<kind>s``, with ``_`` for a space.
      The name of the entry point is the registered name; importing what it refers to must register
      that name.

    Args:
        kind: singular noun for messages, such as ``metric``.
        package: package or module that contains the built-in objects.
        error: raised when a name is unknown.
        ignore_case: find ``Recall`` as ``recall``.
    """

    def __init__(
        self,
        kind: str,
        *,
        package: str,
        error: type[MmrecError] = ConfigError,
        ignore_case: bool = False,
    ) -> None:
        self.kind = kind
        self._package, self._error, self._ignore_case = package, error, ignore_case
        self._entries: dict[tuple[str, str], _Entry[T]] = {}  # by key and source
        self._is_discovered = False
        self._points: dict[str, list[EntryPoint]] | None = None
        _REGISTRIES.append(self)

    def add(self, name: str, value: T, definition: Definition) -> None:
        """Register an object; decorators call this.

        Args:
            name: as in experiment files.
            value: what :meth:`find` returns.
            definition: the decorated class or function. Running the same definition again, as in
                a notebook, replaces the object.

        Raises:
            ConfigError: another definition has the name.
        """
        source = definition.__module__.partition(".")[0]
        key = self._key(name)
        if source != "mmrec":
            self._discover()
        entry = _Entry(name, value, source, definition.__qualname__)
        for (other_key, _), other in self._entries.items():
            is_here = other.source == source or other.is_available
            if other_key == key and is_here and other[2:] != entry[2:]:
                raise self._duplicate(name, other.source)
        for point in self._entry_points().get(key, ()):
            if point.module.partition(".")[0] != source:
                raise self._duplicate(name, point.module)
        self._entries[key, source] = entry

    def find(self, name: str) -> T:
        """Return the object of a name.

        Raises:
            MmrecError: the name is unknown; the message contains the nearest and all names.
        """
        try:
            return self[name]
        except KeyError:
            raise self._error(
                f"unknown {self.kind} {name!r}{nearest(name, self)}; "
                f"accepted: {listing(self, limit=len(self))}"
            ) from None

    def __getitem__(self, name: str) -> T:
        key = self._key(name)
        if key not in self._registered():
            self._load(key)
        return self._registered()[key].value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in map(self._key, self)

    def __iter__(self) -> Iterator[str]:
        registered = self._registered()
        points = self._entry_points()
        others = sorted(points[key][0].name for key in points if key not in registered)
        return iter([*(entry.name for entry in registered.values()), *others])

    def names_from(self, source: str) -> list[str]:
        """Return the names whose definitions are in a top-level module."""
        return [entry.name for entry in self._entries.values() if entry.source == source]

    def __len__(self) -> int:
        return len(list(iter(self)))

    @contextlib.contextmanager
    def isolated(self) -> Iterator[None]:
        """Return a context that forgets at its end what was registered in it."""
        self._discover()
        entries = dict(self._entries)
        try:
            yield
        finally:
            self._entries = entries

    def _key(self, name: str) -> str:
        return name.strip().casefold() if self._ignore_case else name

    def _registered(self) -> dict[str, _Entry[T]]:
        """Return the available entries by key, in the order of registration."""
        self._discover()
        return {key: entry for (key, _), entry in self._entries.items() if entry.is_available}

    def _discover(self) -> None:
        with IMPORTING:
            if self._is_discovered:
                return
            self._is_discovered = True  # already here: the modules import one another
            try:
                package = importlib.import_module(self._package)
                for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
                    importlib.import_module(f"{self._package}.{module.name}")
            except BaseException:
                self._is_discovered = False
                raise

    def _entry_points(self) -> Mapping[str, list[EntryPoint]]:
        if self._points is None:
            points: dict[str, list[EntryPoint]] = {}
            for point in entry_points(group=f"mmrec.{self.kind.replace(' ', '_')}s"):
                points.setdefault(self._key(point.name), []).append(point)
            self._points = points
        return self._points

    def _load(self, key: str) -> None:
        """Import what the entry points of a key refer to.

        Raises:
            KeyError: there is none.
            MmrecError: it cannot be used.
        """
        points = self._entry_points()[key]
        name = f"the {self.kind} {points[0].name!r}"
        if len(points) > 1:
            raise self._error(
                f"several packages define {name}: {listing(point.module for point in points)}"
            )
        need_libraries()
        try:
            points[0].load()
        except Exception as error:
            raise self._error(
                f"importing {name} from {points[0].value} failed: {type(error).__name__}: {error}"
            ) from error
        if key not in self._registered():
            raise self._error(f"importing {points[0].value} did not register {name}")

    def _duplicate(self, name: str, owner: str) -> ConfigError:
        return ConfigError(
            f"the {self.kind} {name!r} is already defined in {owner}; choose another name"
        )
