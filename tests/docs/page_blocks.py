"""The fenced blocks of a page, and the comments before them that say how to test them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>[^`\n]*)$")
_MARK = re.compile(r"^<!-- (?P<kind>not run|file|case|error): (?P<text>.+) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Of its fence, counted from 1."""
    language: str
    text: str
    marks: dict[str, str]
    """``not run`` (the reason), ``file`` (where the reader puts it), ``case`` or ``error`` (what
    makes the message that it shows)."""

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a Markdown file.

    Raises:
        ValueError: a block has no end, or a comment that marks a block has none below it.
    """
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    marks: dict[str, str] = {}
    for number, line in lines:
        mark, fence = _MARK.match(line), _FENCE.match(line)
        if mark:
            marks[mark["kind"]] = mark["text"]
        elif fence:
            content = []
            for _, inner in lines:
                if inner.strip() == fence["fence"]:
                    break
                content.append(inner.removeprefix(fence["indent"]))
            else:
                raise ValueError(f"{page.name}:{number}: the block has no end")
            text = "".join(f"{inner}\n" for inner in content)
            yield Block(page, number, fence["language"].strip(), text, marks)
            marks = {}
        elif line.strip() and marks:
            raise ValueError(f"{page.name}:{number}: expected a block below the comment {marks}")
