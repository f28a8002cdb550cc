"""Explain syntax errors of YAML to readers who do not know YAML."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

import yaml
from yaml.reader import ReaderError

from mmrec.errors import ConfigError

# Messages of PyYAML for common mistakes, and the advice for each.
_ADVICE = (
    (r"found character '\\t'", "a tab; indent with spaces"),
    (r"found character '(.)'", r"a value cannot start with '\1'; put it in quotes"),
    (
        "mapping values are not allowed",
        "an unexpected ':'; check the indentation, and put a value that contains ': ' in quotes",
    ),
    ("could not find expected ':'", "a key without ':'"),
    (r"expected ',' or '\]'", "a list without its closing ']', or a missing comma"),
    (r"expected ',' or '\}'", "a mapping without its closing '}', or a missing comma"),
    ("unexpected end of stream", "a quote without its closing quote"),
    ("undefined alias '?([^']+)'?", r"the alias *\1 without an anchor &\1 above it"),
    ("but found another document", "a second document ('---'); accepted: one document"),
    (
        "expected <block end>",
        "unexpected here; check the indentation, and that nothing follows a closing quote or "
        "bracket",
    ),
)
_Mistake = tuple[yaml.Mark, str]
"""Place of a mistake, and the advice."""
_TIGHT_COLON = re.compile(r"\s*([\w.]+:[^\s:/]\S*)")
_BARE_BRACE = re.compile(r":\s+\{[^}]*\}\S")


def syntax_error(error: yaml.YAMLError, text: str, source: str) -> ConfigError:
    """Return the error to raise: source, line, column, cause and the text of the line."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        cause = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        return ConfigError(f"{source}:{line}: not YAML: {cause}")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(f"{source}: not YAML: {error}")
    rows = text.splitlines()
    mistake = _open_quote(error, text) or _missing_space(error, rows) or _indentation(error, rows)
    mark, cause = mistake or (error.problem_mark, "")
    line, column = mark.line, mark.column
    # At the end of the file, the mark may be after the last line.
    row = rows[min(line, len(rows) - 1)] if rows else ""
    where = f"{source}:{line + 1}:{column + 1}"
    return ConfigError(f"{where}: not YAML: {cause or _advice(error, row)}; the line is {row!r}")


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
    """Return where the unfinished text starts, if that is known and on another line."""
    start, end = error.context_mark, error.problem_mark
    if start is None or end is None or start.line == end.line:
        return ""
    return f" (it starts on line {start.line + 1})"


def _open_quote(error: yaml.MarkedYAMLError, text: str) -> _Mistake | None:
    """Return place and advice if the error follows a quoted text of several lines.

    The next quote in the file closes it: the error is far below the mistake.
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
        f"this quote is closed only on line {closed}; close it on its own line",
    )


def _missing_space(error: yaml.MarkedYAMLError, rows: Sequence[str]) -> _Mistake | None:
    """Return place and advice if a key has no space after its colon."""
    mark = error.context_mark
    match = mark and _TIGHT_COLON.match(rows[mark.line])
    if not mark or not match or "':'" not in (error.problem or ""):
        return None
    return mark, f"{match[1]!r} needs a space after the colon"


def _indentation(error: yaml.MarkedYAMLError, rows: Sequence[str]) -> _Mistake | None:
    """Return place and advice if a line is indented more than its section."""
    start, end = error.context_mark, error.problem_mark
    if start is None or end is None or "expected <block end>" not in (error.problem or ""):
        return None
    is_first = not "".join(rows[end.line : end.line + 1])[: end.column].strip()
    if not is_first or end.line == start.line or end.column <= start.column:
        return None
    return (
        end,
        f"the line is indented by {end.column} spaces, but its section, which starts on line "
        f"{start.line + 1}, by {start.column}; check the indentation",
    )
