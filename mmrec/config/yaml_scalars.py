"""Typing of unquoted text by the YAML 1.2 core schema.

The same rules apply to unquoted YAML, members of ``"('visual','textual')"`` and quoted numbers: a
value means the same wherever it is written.
"""

from __future__ import annotations

import re

Scalar = None | bool | int | float | str

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
# Python refuses to read or write integers of more than 4,300 digits.
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_PREFIXED = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,3000}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def parse_scalar(text: str) -> Scalar:
    """Return unquoted ``text`` as None, a boolean or a number, or unchanged.

    >>> [parse_scalar(text) for text in ("1e-5", "0o17", "off", "True", "~")]
    [1e-05, 15, 'off', True, None]
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text
