"""Say what is wrong with text that is not YAML, in words for somebody who does not know YAML."""

from __future__ import annotations

import re

import yaml
from yaml.reader import ReaderError

from mmrec.errors import ConfigError

# PyYAML's words for the usual slips, and what to do about them.
_ADVICE = (
    (r"found character '\\t'", "a tab; indent with spaces"),
    (r"found character '(.)'", r"a value cannot start with '\1'; put it in quotes"),
    (
        "mapping values are not allowed",
        "a ':' where none can stand; check the indentation, or put a value that holds ': ' "
        "in quotes",
    ),
    ("could not find expected ':'", "a key without ':' after it"),
    (r"expected ',' or '\]'", "a list that is not closed with ']', or lacks a comma"),
    (r"expected ',' or '\}'", "a mapping that is not closed with '}', or lacks a comma"),
    ("unexpected end of stream", "a quote that is not closed"),
    ("undefined alias '?([^']+)'?", r"the alias *\1 without an anchor &\1 above it"),
    ("but found another document", "a second document ('---'); accepted: one document"),
    (
        "expected <block end>",
        "this does not fit what stands before it; check the indentation, and that nothing "
        "follows a closing quote or bracket",
    ),
)
_BARE_BRACE = re.compile(r":\s+\{[^}]*\}\S")


def syntax_error(error: yaml.YAMLError, text: str, source: str) -> ConfigError:
    """Return the error to raise: source, line and column, the trouble, and the line itself."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        trouble = f"the character U+{ord(text[error.position]):04X} cannot stand in YAML"
        return ConfigError(f"{source}:{line}: not YAML: {trouble}")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(f"{source}: not YAML: {error}")
    line, column = error.problem_mark.line, error.problem_mark.column
    rows = text.splitlines()
    # At the end of the file the mark may stand behind the last line.
    row = rows[min(line, len(rows) - 1)] if rows else ""
    where = f"{source}:{line + 1}:{column + 1}"
    return ConfigError(f"{where}: not YAML: {_advice(error, row)}; the line is {row!r}")


def _advice(error: yaml.MarkedYAMLError, row: str) -> str:
    if _BARE_BRACE.search(row):
        return "a value that starts with '{' needs quotes"
    problem = error.problem or str(error)
    for pattern, advice in _ADVICE:
        match = re.search(pattern, problem)
        if match:
            return match.expand(advice) + _since(error)
    return problem


def _since(error: yaml.MarkedYAMLError) -> str:
    """Where the unfinished thing starts, if PyYAML says so and it is another line."""
    start, end = error.context_mark, error.problem_mark
    if start is None or end is None or start.line == end.line:
        return ""
    return f" (what is unfinished starts on line {start.line + 1})"
