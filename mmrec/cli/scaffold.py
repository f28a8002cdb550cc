"""Writing a model of one's own that works: its file, its test, and the line that registers it."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from mmrec.errors import ModelError
from mmrec.files import write_atomically

_LONGEST_LINE = 100


@dataclass(frozen=True)
class NewModel:
    """What was written."""

    model_file: Path
    test_file: Path
    init_file: Path
    import_line: str


def write_model(name: str, folder: Path) -> NewModel:
    """Write a model and its test into a folder of external models, and register it there.

    Args:
        name: of the class; the files get the same name in lower case.
        folder: made if it is not there; its ``__init__.py`` gets an import line.

    Raises:
        ModelError: the name cannot be that of a class or is taken, a file is there already, or
            ``__init__.py`` cannot be read. Nothing was written.
        DataError: a file cannot be written.
    """
    _check_name(name)
    module = _snake(name)
    model_file, test_file = folder / f"{module}.py", folder / f"test_{module}.py"
    init_file = folder / "__init__.py"
    for path in (model_file, test_file):
        if path.exists():
            raise ModelError(f"{path}: is there already; choose another name, or remove it")
    line = f"from .{module} import {name}"
    registered = _registered(init_file, name, line)
    values = {"name": name, "test_file": test_file.as_posix()}
    write_atomically(model_file, _filled("model.py.txt", values))
    write_atomically(test_file, _filled("test_model.py.txt", values))
    write_atomically(init_file, registered)
    return NewModel(model_file, test_file, init_file, line)


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
    """Return ``my_model`` for ``MyModel``, and ``lightgcn_x`` for ``LIGHTGCNX``-like names too."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _registered(init_file: Path, name: str, line: str) -> str:
    """Return the content of ``__init__.py`` with the import line of the model."""
    if not init_file.exists():
        return f'{_filled("init.py.txt", {})}\n{line}\n\n__all__ = ["{name}"]\n'
    text = init_file.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ModelError(f"{init_file}:{error.lineno}: not Python: {error.msg}") from error
    if name in _names(tree):
        raise ModelError(f"{init_file}: has a {name!r} already; choose another name")
    lines = text.splitlines()
    exported = _exported(tree)
    if exported is not None:  # further down than the imports, so it is changed first
        node, names = exported
        lines[node.lineno - 1 : node.end_lineno] = _all_lines(_inserted(names, name))
    _insert_import(lines, tree, line)
    return "\n".join(lines) + "\n"


def _insert_import(lines: list[str], tree: ast.Module, line: str) -> None:
    """Put an import line where it belongs: among those of the folder, else below all imports."""
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    own = [n for n in imports if isinstance(n, ast.ImportFrom) and n.level == 1]
    before = [n for n in own if f"from .{n.module} " < line]
    if before:
        lines.insert(before[-1].end_lineno or 0, line)
    elif own:
        lines.insert(own[0].lineno - 1, line)
    else:
        docstring = tree.body[:1] if ast.get_docstring(tree) is not None else []
        after = max((n.end_lineno or 0 for n in [*imports, *docstring]), default=0)
        lines[after:after] = ["", line] if after else [line]


def _names(tree: ast.Module) -> set[str]:
    """Return what the module imports or defines at its top."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _exported(tree: ast.Module) -> tuple[ast.Assign, list[str]] | None:
    """Return the statement ``__all__ = [...]`` and its names, if there is one below the imports."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            names = [e.value for e in node.value.elts if isinstance(e, ast.Constant)]
            is_all = [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]
            if is_all and len(names) == len(node.value.elts):
                return node, [str(name) for name in names]
    return None


def _inserted(names: Sequence[str], name: str) -> list[str]:
    """Insert a name where it belongs among sorted ones: constants, classes, functions."""

    def key(text: str) -> tuple[int, str]:
        return (0 if text.isupper() else 1 if text[:1].isupper() else 2, text)

    place = next((n for n, other in enumerate(names) if key(other) > key(name)), len(names))
    return [*names[:place], name, *names[place:]]


def _all_lines(names: Sequence[str]) -> list[str]:
    quoted = [f'"{name}"' for name in names]
    flat = f"__all__ = [{', '.join(quoted)}]"
    if len(flat) <= _LONGEST_LINE:
        return [flat]
    return ["__all__ = [", *(f"    {name}," for name in quoted), "]"]
