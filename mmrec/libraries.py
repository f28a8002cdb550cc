"""Running commands that compute nothing without torch, scipy, pandas and safetensors.

Importing these libraries takes several times as long as checking an experiment file. When modules
of mmrec are imported, they use them as base classes and decorators only, and the check does not use
them at all. So :func:`without_libraries` imports the modules with placeholders. Any other use of a
placeholder starts the function again with the libraries: no result depends on placeholders.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from inspect import isfunction
from types import ModuleType
from typing import NoReturn, TypeVar

from mmrec.errors import MmrecError

T = TypeVar("T")

LIBRARIES = ("pandas", "safetensors", "scipy", "torch")
"""The packages that placeholders replace. All of them are always installed."""

_REFUSED = (
    *("bool", "contains", "eq", "format", "hash", "instancecheck", "iter", "len", "repr"),
    *("setattr", "str", "subclasscheck"),
)
"""Operations that Python has for every object; those that it lacks raise a TypeError."""


class _LibraryNeeded(BaseException):
    """A placeholder does not suffice. This is no Exception, so that no code handles it."""


def without_libraries(call: Callable[[], T]) -> T:
    """Call a function without importing large libraries, unless it needs them.

    Args:
        call: imports the modules that use the libraries. It may be called twice, so it neither
            prints nor writes; it returns no object of these modules, which are imported again
            afterwards.
    """
    if not any(name in sys.modules for name in LIBRARIES):
        try:
            with _placeholders():
                return call()
        except MmrecError:
            raise
        except (_LibraryNeeded, Exception):
            pass
    return call()


def need_libraries() -> None:
    """Let :func:`without_libraries` start again with the libraries.

    Code that is not part of mmrec is preceded by this, since it may do anything with them.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        raise _LibraryNeeded


class _Placeholder:
    """An attribute of a library, used as a base class or a decorator."""

    def __getattr__(self, name: str) -> _Placeholder:
        return _attribute(name)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[()]:
        return ()

    def __call__(self, *decorated: object) -> object:
        if not decorated:
            return self  # of a decorator with parentheses
        if len(decorated) > 1 or not isfunction(decorated[0]):
            raise _LibraryNeeded
        return decorated[0]


def _refuse(*_: object) -> NoReturn:
    raise _LibraryNeeded


for _operation in _REFUSED:
    setattr(_Placeholder, f"__{_operation}__", _refuse)


class _Module(ModuleType):
    def __getattr__(self, name: str) -> _Placeholder:
        return _attribute(name)


def _attribute(name: str) -> _Placeholder:
    if name.startswith("__"):  # Python looks for these by itself
        raise AttributeError(name)
    return _Placeholder()


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        is_replaced = fullname.partition(".")[0] in LIBRARIES
        return ModuleSpec(fullname, self, is_package=True) if is_replaced else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def _placeholders() -> Iterator[None]:
    """Return a context that imports placeholders, and forgets at its end the modules with them."""
    finder, before = _Finder(), {*sys.modules}
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in sys.modules.keys() - before:
            if name.partition(".")[0] in (*LIBRARIES, "mmrec"):
                del sys.modules[name]
                package, _, module = name.rpartition(".")
                if package in before:
                    vars(sys.modules[package]).pop(module, None)
