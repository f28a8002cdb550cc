"""Say what is wrong with text that is not YAML, in words for somebody who does not know YAML."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

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
_Slip = tuple[yaml.Mark, str]
"""Where a slip is, and what to do about it."""
_TIGHT_COLON = re.compile(r"\s*([\w.]+:[^\s:/]\S*)")
_BARE_BRACE = re.compile(r":\s+\{[^}]*\}\S")


def syntax_error(error: yaml.YAMLError, text: str, source: str) -> ConfigError:
    """Return the error to raise: source, line and column, the trouble, and the line itself."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        trouble = f"the character U+{ord(text[error.position]):04X} cannot stand in YAML"
        return ConfigError(f"{source}:{line}: not YAML: {trouble}")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(f"{source}: not YAML: {error}")
    rows = text.splitlines()
    slip = _open_quote(error, text) or _missing_space(error, rows) or _indentation(error, rows)
    mark, trouble = slip or (error.problem_mark, "")
    line, column = mark.line, mark.column
    # At the end of the file the mark may stand behind the last line.
    row = rows[min(line, len(rows) - 1)] if rows else ""
    where = f"{source}:{line + 1}:{column + 1}"
    return ConfigError(f"{where}: not YAML: {trouble or _advice(error, row)}; the line is {row!r}")


def _advice(error: yaml.MarkedYAMLError, row: str) -> str:
    if _BARE_BRACE.search(row):
        return "a value that starts with '{' needs quotes"
    problem = error.problem or str(error)
    for pattern, advice in _ADVICE:
        match = re.search(pattern, problem)
        if match:
            return match.expand(advice) + ("" if "'---'" in advice else _since(error))
    return problem


def _since(error: yaml.MarkedYAMLError) -> str:
    """Where the unfinished thing starts, if PyYAML says so and it is another line."""
    start, end = error.context_mark, error.problem_mark
    if start is None or end is None or start.line == end.line:
        return ""
    return f" (what is unfinished starts on line {start.line + 1})"


def _open_quote(error: yaml.MarkedYAMLError, text: str) -> _Slip | None:
    """Return place and advice if the error follows a quoted text that runs over several lines.

    The next quote of the file closes it, so the error stands far below the slip.
    """
    last = None
    with contextlib.suppress(yaml.YAMLError):
        for token in yaml.scan(text):
            if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
                last = token
    if last is None or last.start_mark.line == last.end_mark.line:
        return None
    if error.problem_mark is None or error.problem_mark.line != last.end_mark.line:
        return None
    closed = last.end_mark.line + 1
    return (
        last.start_mark,
        f"the quote that opens here is closed on line {closed}; close it on its own line",
    )


def _missing_space(error: yaml.MarkedYAMLError, rows: Sequence[str]) -> _Slip | None:
    """Return place and advice if what is unfinished is a key without a space after its colon."""
    mark = error.context_mark
    match = mark and _TIGHT_COLON.match(rows[mark.line])
    if not mark or not match or "':'" not in (error.problem or ""):
        return None
    return mark, f"{match[1]!r} needs a space after the colon"


def _indentation(error: yaml.MarkedYAMLError, rows: Sequence[str]) -> _Slip | None:
    """Return place and advice if a line stands deeper than those of its section."""
    start, end = error.context_mark, error.problem_mark
    if start is None or end is None or "expected <block end>" not in (error.problem or ""):
        return None
    is_first = not "".join(rows[end.line : end.line + 1])[: end.column].strip()
    if not is_first or end.line == start.line or end.column <= start.column:
        return None
    return (
        end,
        f"the line is indented by {end.column}, its section, which starts on line "
        f"{start.line + 1}, by {start.column}; check the indentation",
    )
