"""Paths of an experiment.

``{0}`` is replaced by the name of the dataset. Relative paths start at the folder of the experiment
file, never at the working directory: a file means the same wherever it is run from.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from mmrec.config.describe import Accepts
from mmrec.errors import nearest

PLACEHOLDER = "{0}"


@dataclass(frozen=True)
class FileContext:
    """Facts that nested fields need; the context of the validation by pydantic."""

    base_dir: Path
    """Folder that relative paths start from."""
    dataset: str | None
    """Name of the dataset; None if unknown."""
    top_k: int
    """Length of the lists; if unknown, more than any cutoff."""

    @classmethod
    def of(cls, info: ValidationInfo) -> FileContext:
        """Return the context that ``read_experiment`` validates in."""
        if not isinstance(info.context, cls):
            raise TypeError("use read_experiment to make an Experiment")
        return info.context


def locate(text: str, context: FileContext) -> Path:
    """Return the absolute path of ``text``.

    ``..`` is removed by name, as in Elliot; symbolic links are not followed.

    Raises:
        ValueError: the text is empty, contains a brace outside of ``{0}`` or cannot be a path.
    """
    if not text.strip():
        raise ValueError("found an empty path")
    if any(brace in text.replace(PLACEHOLDER, "") for brace in "{}"):
        raise ValueError(f"found {text!r}; the only placeholder is {{0}}, the name of the dataset")
    named = text if context.dataset is None else text.replace(PLACEHOLDER, context.dataset)
    try:
        path = Path(named).expanduser()
        if b"\0" in os.fsencode(path):
            raise ValueError(f"found {text!r}; a path cannot contain a NUL byte")
    except RuntimeError as error:
        raise ValueError(f"found {text!r}; {error}") from None
    except UnicodeEncodeError as error:
        raise ValueError(
            f"found {text!r}, which cannot be a path: the system's names of files are "
            f"{error.encoding}; PYTHONUTF8=1 makes them UTF-8"
        ) from None
    return Path(os.path.normpath(context.base_dir / path))


def _located(value: object, info: ValidationInfo) -> object:
    return locate(str(value), FileContext.of(info)) if isinstance(value, str | Path) else value


FilePath = Annotated[
    Path,
    BeforeValidator(_located),
    Accepts("a path, absolute or relative to the folder of this file"),
]
"""A path of the experiment file; absolute after reading."""

LoaderOption = Annotated[Any, BeforeValidator(_located)]
"""A setting of a loader: every string is a path, other values are unchanged."""


def path_problem(path: Path, *, wants_file: bool = False, wants_folder: bool = False) -> str | None:
    """Return what is wrong with a path; None if it is fine.

    For a missing path: the folder that exists, and the nearest name in it.
    """
    try:
        if path.is_file() if wants_file else path.is_dir() if wants_folder else path.exists():
            return None
        if path.exists():
            return f"{path} is not a {'file' if wants_file else 'folder'}"
        return _missing(path)
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror or error}"


def _missing(path: Path) -> str:
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    name = path.relative_to(folder).parts[0]
    there = sorted(entry.name for entry in folder.iterdir())
    if name in there:
        what = "a link to nothing" if (folder / name).is_symlink() else "no folder"
        return f"no such path: {path}: {folder / name} is {what}"
    hint = nearest(name, there)
    if not hint and "$" in name:
        hint = "; environment variables are not replaced in paths"
    elif not hint and "\\" in name:
        hint = "; write '/' between folders"
    return f"no such path: {path}: {folder} has no {name!r}{hint}"
