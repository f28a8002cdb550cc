"""Writing a model of your own to start from: its file and its test."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from mmrec.errors import ModelError
from mmrec.files import path_errors, write_atomically


@dataclass(frozen=True)
class NewModel:
    """What was written."""

    model_file: Path
    test_file: Path
    init_file: Path
    """What an experiment file names; written unless the folder had it."""


def write_model(name: str, folder: Path, *, multimodal: bool = False) -> NewModel:
    """Write a model and its test into a folder of external models.

    Args:
        name: of the class; the files get the same name in lower case.
        folder: created if it does not exist, with an ``__init__.py``.
        multimodal: a graph model that reads item features, instead of matrix factorisation.

    Raises:
        ModelError: the name is not that of a class, or is that of a model of mmrec, or a file
            exists already. Nothing was written.
        DataError: a file cannot be written.
    """
    from mmrec.models import MODELS

    _check_name(name)
    if name in MODELS:
        raise ModelError(
            f"{name} is a model of mmrec, so tables could not tell the two apart; choose another "
            f"name, such as My{name}"
        )
    module = _snake(name)
    model_file, test_file = folder / f"{module}.py", folder / f"test_{module}.py"
    init_file = folder / "__init__.py"
    with path_errors(folder, "cannot be written"):
        existing = [path for path in (model_file, test_file) if path.exists()]
    if existing:
        raise ModelError(f"{existing[0]} already exists; choose another name, or remove the file")
    template = "multimodal_model.py.txt" if multimodal else "model.py.txt"
    config = '{"factors": 8, "top_k": 3}' if multimodal else '{"factors": 8}'
    values = {"name": name, "test_file": test_file.as_posix(), "config": config}
    write_atomically(model_file, _filled(template, values))
    write_atomically(test_file, _filled("test_model.py.txt", values))
    if not init_file.exists():
        write_atomically(init_file, _filled("init.py.txt", values))
    return NewModel(model_file, test_file, init_file)


def _filled(template: str, values: dict[str, str]) -> str:
    text = files("mmrec.cli").joinpath("templates", template).read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _check_name(name: str) -> None:
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) and not keyword.iskeyword(name):
        return
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    better = "".join(word[0].upper() + word[1:] for word in words).lstrip("0123456789")
    hint = f" (for example {better[0].upper() + better[1:]!r})" if better else ""
    raise ModelError(
        f"{name!r} cannot name a model{hint}; accepted: letters and digits, an upper-case letter "
        "first, such as MyModel"
    )


def _snake(name: str) -> str:
    """Return ``my_model`` for ``MyModel``, and ``lightgcn_x`` for names such as ``LIGHTGCNX``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
