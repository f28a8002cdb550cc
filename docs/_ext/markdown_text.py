"""Markdown from docstrings, configurations and rows of tables."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence

import equations
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mmrec.config.describe import Slot


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """Return text as code within a line."""
    return f"`{text}`"


def prose(docstring: str) -> str:
    """Return a docstring as Markdown on one line, for a table too."""
    return _line(docstring, lambda marked: code(marked.replace("|", r"\|")))


def _line(docstring: str, mark: Callable[[str], str]) -> str:
    """Return a docstring on one line, with what it marks as code made by a function."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"``\1``", " ".join(inspect.cleandoc(docstring).split()))
    parts = re.split(r"``(.*?)``", text)
    parts[::2] = [re.sub(r"([*_|<>\[\]$])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [mark(part) for part in parts[1::2]]
    return "".join(parts)


def blocks(docstring: str, settings: Collection[str] = ()) -> str:
    """Return paragraphs, lists (``- item``) and indented equations as Markdown with MathML.

    Args:
        docstring: the text.
        settings: names of hyper-parameters, which are code in equations too.
    """
    parts = re.split(r"\n\n+(?=\S)|\n\n+(?= )", docstring)
    return "\n\n".join(_block(part, settings) for part in parts)


def _block(paragraph: str, settings: Collection[str]) -> str:
    if paragraph.startswith(" "):
        return equations.block(textwrap.dedent(paragraph), settings)
    if paragraph.startswith("- "):
        items = re.split(r"^- ", paragraph, flags=re.MULTILINE)[1:]
        return "\n".join(f"- {_sentences(item, settings)}" for item in items)
    return _sentences(paragraph, settings)


def _sentences(text: str, settings: Collection[str]) -> str:
    """Return sentences in which code is code, or a formula if it looks like one."""

    def marked(part: str) -> str:
        is_formula = equations.is_formula(part, settings)
        return equations.inline(part, settings) if is_formula else code(part)

    return _line(text, marked).replace(r"\|", "|")  # a pipe is special in tables only


def fields(described: Mapping[str, FieldInfo]) -> str:
    """Return the table of some fields of a configuration, by their keys."""
    rows = [
        (code(name), _default(field), _accepted(field), prose(field.description or ""))
        for name, field in described.items()
    ]
    return table(("key", "default", "accepted", "meaning"), rows)


def _accepted(field: FieldInfo) -> str:
    slot = Slot(field.annotation, tuple(field.metadata))
    return "a section of its own" if slot.model() else prose(slot.accepts())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value == () or isinstance(value, BaseModel):
        return ""
    return code(str(value))
