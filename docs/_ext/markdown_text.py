"""Markdown from docstrings, configurations and rows of tables."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping, Sequence

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
    """Return a docstring as Markdown on one line."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"``\1``", " ".join(inspect.cleandoc(docstring).split()))
    parts = re.split(r"``(.*?)``", text)
    plain = [re.sub(r"([*_|<>\[\]$])", r"\\\1", part) for part in parts[::2]]
    marked = [code(part.replace("|", r"\|")) for part in parts[1::2]]
    return "".join(part for pair in zip(plain, [*marked, ""], strict=True) for part in pair)


def blocks(docstring: str) -> str:
    """Return paragraphs, lists (``- item``) and indented equations as Markdown."""
    return "\n\n".join(_block(part) for part in re.split(r"\n\n+(?=\S)|\n\n+(?= )", docstring))


def _block(paragraph: str) -> str:
    if paragraph.startswith(" "):
        return f"```text\n{textwrap.dedent(paragraph)}\n```"
    if paragraph.startswith("- "):
        items = re.split(r"^- ", paragraph, flags=re.MULTILINE)[1:]
        return "\n".join(f"- {_unpiped(item)}" for item in items)
    return _unpiped(paragraph)


def _unpiped(text: str) -> str:
    return prose(text).replace(r"\|", "|")  # a pipe is special in tables only


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
