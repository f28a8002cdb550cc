"""Tuples written as text, such as ``"('visual','textual')"``."""

from __future__ import annotations

import re

from mmrec.config.yaml_scalars import Scalar, parse_scalar

_BRACKETS = {"(": ")", "[": "]"}
# One member up to its comma: a quoted text, or a run without quotes, commas and brackets.
_MEMBER = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^'",()\[\]]+?))\s*(?:,|$)""")


def opens_bracket(value: object) -> bool:
    """Return whether ``value`` is a text that starts like a tuple."""
    return isinstance(value, str) and value.strip()[:1] in _BRACKETS


def parse_tuple(text: str) -> tuple[Scalar, ...]:
    """Read a tuple from text, with or without brackets, quotes and a final comma.

    Members without quotes are typed like unquoted YAML. Elliot evaluates such text as Python and
    reads ``('audio')`` as five letters; here it is a tuple of one word.

    >>> parse_tuple("('visual','textual')"), parse_tuple("(64, 1e-2)"), parse_tuple("visual")
    (('visual', 'textual'), (64, 0.01), ('visual',))

    Raises:
        ValueError: a bracket or a quote is not closed, or a member is missing.
    """
    inner = text.strip()
    if opens_bracket(inner):
        if len(inner) == 1 or inner[-1] != _BRACKETS[inner[0]]:
            raise _refusal(text)
        inner = inner[1:-1].strip()
        if not inner:
            return ()
    members: list[Scalar] = []
    position = 0
    while position < len(inner) or not members:
        match = _MEMBER.match(inner, position)
        if match is None:
            raise _refusal(text)
        single, double, bare = match.groups()
        members.append(parse_scalar(bare) if bare is not None else single or double or "")
        position = match.end()
    return tuple(members)


def _refusal(text: str) -> ValueError:
    return ValueError(f"found {text!r}; accepted: a list such as [visual, textual] or [64, 64]")
