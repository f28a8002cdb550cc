"""The user's Python files, read once: what is executed has the digests that a run records.

Python itself would read a file again when it imports it, and may take bytecode of an earlier
version, which it recognises by the size and the second of the last change alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from mmrec.files import sha256


@dataclass(frozen=True)
class Sources:
    """The content of the files that external models may come from."""

    folder: Path
    """Where the names of the files start."""
    contents: Mapping[Path, bytes]

    @classmethod
    def read(cls, path: Path) -> Sources:
        """Read a file, or all files of a folder that is named itself or by its ``__init__.py``.

        Raises:
            OSError: a file cannot be read.
        """
        folder, files = source_files(path)
        return cls(folder or path.parent, {file: file.read_bytes() for file in files})

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file by its name."""
        return {str(x.relative_to(self.folder)): sha256(text) for x, text in self.contents.items()}

    @cached_property
    def by_place(self) -> Mapping[str, bytes]:
        """The contents by absolute path, as Python names the origin of a module."""
        return {os.path.abspath(file): text for file, text in self.contents.items()}  # noqa: PTH100

    def spec(self, name: str, path: Path) -> ModuleSpec | None:
        """Return how a file is imported under a name; None if it is no Python file.

        An ``__init__.py`` becomes a package whose modules are the other files.
        """
        if path.suffix != ".py":
            return None
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
        _SOURCES[name] = self
        loader = _Loader(name, str(path), self.contents[path])
        folders = [str(path.parent)] if path.name == "__init__.py" else None
        return spec_from_file_location(
            name, path, loader=loader, submodule_search_locations=folders
        )


_SOURCES: dict[str, Sources] = {}
"""By name of the module."""


def source_files(path: Path) -> tuple[Path | None, list[Path]]:
    """Return the files that external models may come from, and their folder; None for one file."""
    if path.is_dir() or path.name == "__init__.py":
        folder = path if path.is_dir() else path.parent
        return folder, sorted(folder.rglob("*.py"))
    return None, [path]


class _Loader(SourceFileLoader):
    """Executes a content that was read before, never bytecode of a cache."""

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self._content = content

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the content."""
        code: CodeType = self.source_to_code(self._content, self.path)
        return code


class _Finder(MetaPathFinder):
    """Finds the modules of external packages in what was read."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        sources = _SOURCES.get(fullname.partition(".")[0])
        spec = None if sources is None else PathFinder.find_spec(fullname, path, target)
        if sources is None or spec is None or spec.origin is None:
            return None
        content = sources.by_place.get(spec.origin)
        if content is None:
            return None
        spec.loader = _Loader(fullname, spec.origin, content)
        return spec
