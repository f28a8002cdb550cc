"""MathML from the equations of docstrings, which are plain text such as ``x = D^-1/2 A x_l``.

A script follows ``_`` or ``^``: letters and digits, a name of a hyper-parameter, or what is in
brackets. ``<x, y>`` is an inner product, ``x.y`` too; ``|x|`` is a norm; ``sum_m`` a sum over m.
A formula is several ``<math>`` elements, so that the browser breaks a long one before an operator.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise

_GREEK = {"alpha": "&alpha;", "beta": "&beta;", "eps": "&epsilon;", "nu": "&nu;"}
_SYMBOLS = {
    "-": "&minus;",
    "*": "&lowast;",
    "<-": "&larr;",
    "...": "&hellip;",
    "<": "&lang;",
    ">": "&rang;",
    ">=": "&ge;",
    "'": "&prime;",
    ".": "&middot;",
    "[": "&#91;",
    "]": "&#93;",
    "|": "&#124;",
}
"""What a symbol is in HTML; brackets and bars mean something in Markdown, too."""
_FUNCTIONS = ("cos", "leaky", "ln", "log", "max", "min", "relu", "sigmoid", "sign", "softmax")
_BINARY = ("+", "-", "=", "<-")
_BREAK = re.compile(r"(?<= )(?:[+=-]|<-|also|at|if|over) |(?<=  )(?=\S)")
_START, _SHORT = 12, 34
"""A formula breaks neither among so many first letters, nor in a bracket that is so short."""
_OTHERS = r"(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<symbol><-|>=|\.\.\.|.)"
_TOKEN = re.compile(rf"(?P<name>[A-Za-z]+\d*)|{_OTHERS}")
_TOKEN_OF_SCRIPT = re.compile(rf"(?P<name>{'|'.join(_GREEK)}|[A-Za-z])|{_OTHERS}")
_SCRIPT = re.compile(r"\d+\.\d+|-?\d+(?:/\d+)?(?![A-Za-z])|[A-Za-z0-9]+(?:,[a-z]+)*'?")


def block(text: str, settings: Collection[str] = ()) -> str:
    """Return the HTML of an equation of one line or more.

    Args:
        text: a line that begins with blanks or an operator goes on with the one before.
        settings: names of hyper-parameters, which are set as code.
    """
    lines = []
    for line in text.splitlines():
        kind = "more" if re.match(r"[ +]", line) else "line"
        math = _formula(line.strip(), settings, ' displaystyle="true"')
        lines.append(f'<div class="{kind}">{math}</div>')
    return f'<div class="equation">{"".join(lines)}</div>'


def inline(text: str, settings: Collection[str] = ()) -> str:
    """Return the HTML of a formula within a sentence."""
    return _formula(text, settings, "")


def is_formula(text: str, settings: Collection[str]) -> bool:
    """Return whether what a docstring marks as code is a formula."""
    if ":" in text or text in settings or text.endswith("()"):
        return False
    for name in set(re.findall(r"[A-Za-z]\w*_\w+", text)) - set(settings):
        base, *scripts = name.split("_")
        is_symbol = re.fullmatch(r"[A-Za-z]\d?", base) or base in ("sum", "max", "LeakyReLU")
        if len(scripts) > 1 or not (is_symbol or base in settings):
            return False
    return len(text) == 1 or re.search(r"[ ^<|=+*/'_]", text) is not None


def _formula(text: str, settings: Collection[str], attributes: str) -> str:
    text = re.sub(r"\b([a-z])(\d)_([a-z])\b", r"\1_(\2\3)", text)
    places = [0, *_breaks(text), len(text)]
    html = ""
    for start, end in pairwise(places):
        gap = "" if start == 0 else "&emsp;" if text[start - 2 : start] == "  " else " "
        elements = "".join(_elements(text[start:end].strip(), settings))
        html += f"{gap}<math{attributes}>{elements}</math>"
    return html


def _breaks(text: str) -> Iterator[int]:
    """Yield the places where a formula may break: not near its start, nor in a short bracket."""
    opened: list[int] = []
    lengths = {}
    for place, letter in enumerate(text):
        if letter in "([{":
            opened.append(place)
        elif letter in ")]}":
            start = opened.pop()
            lengths[start] = place - start
    for place, letter in enumerate(text):
        is_short = any(lengths[start] < _SHORT for start in opened)
        if place >= _START and not is_short and _BREAK.match(text, place):
            yield place
        if letter in "([{":
            opened.append(place)
        elif letter in ")]}":
            opened.pop()


def _elements(
    text: str, settings: Collection[str], token: re.Pattern[str] = _TOKEN
) -> Iterator[str]:
    place, was_operand, opened = 0, False, 0
    while place < len(text):
        if text[place] == " ":
            place += 1
            if was_operand and re.match(r"[\w<\[({|]", text[place:]):
                yield '<mspace width="0.22em"></mspace>'
            continue
        setting = _setting_at(text, place, settings)
        if setting:
            element, is_operand = f"<mtext><code>{setting}</code></mtext>", True
            place += len(setting)
        else:
            match = token.match(text, place)
            assert match is not None
            place = match.end()
            bar = match[0] == "|"
            closes = bar and opened > 0 and not text[match.start() - 1 : match.start()].isspace()
            opened += 0 if not bar else -1 if closes else 1
            element = _element(match, text, closes=closes)
            is_operand = match["symbol"] is None or closes or match[0] in ")]}>'"
        element, place = _scripted(element, text, place, settings)
        yield element
        was_operand = is_operand


def _element(match: re.Match[str], text: str, *, closes: bool) -> str:
    token = match[0]
    if match["number"]:
        return f"<mn>{token}</mn>"
    if match["name"]:
        return _name(token, is_function=text[match.end() : match.end() + 1] in ("(", "_"))
    symbol = _SYMBOLS.get(token, token)
    if token in "()[]{}<>|":
        form = "postfix" if closes or token in ")]}>" else "prefix"
        return f'<mo form="{form}" stretchy="false">{symbol}</mo>'
    if token == "/":
        return f'<mo lspace="0.12em" rspace="0.12em">{symbol}</mo>'
    is_binary = token in _BINARY and text[match.end() : match.end() + 1] == " "
    begins = ' lspace="0.1em"' if match.start() == 0 else ""
    return f'<mo form="infix"{begins}>{symbol}</mo>' if is_binary else f"<mo>{symbol}</mo>"


def _name(name: str, *, is_function: bool) -> str:
    letters = name.rstrip("0123456789")
    digits = name[len(letters) :]
    if name in ("sum", "sqrt") and is_function:
        return (
            '<mo lspace="0.1em" rspace="0.1em">&sum;</mo>' if name == "sum" else "<mo>&radic;</mo>"
        )
    if letters in _GREEK or len(letters) == 1:
        base = f"<mi>{_GREEK.get(letters, letters)}</mi>"
        return f"<msub>{base}<mn>{digits}</mn></msub>" if digits else base
    if letters in _FUNCTIONS or is_function:
        return f"<mi>{letters}</mi>" + ("" if is_function else '<mspace width="0.17em"></mspace>')
    return f"<mtext>{name}</mtext>"


def _scripted(element: str, text: str, place: int, settings: Collection[str]) -> tuple[str, int]:
    """Return an element with the scripts that follow it, and the place after them."""
    scripts = {"_": "", "^": ""}
    while text[place : place + 1] in scripts and place < len(text):
        kind = text[place]
        script, place = _script_at(text, place + 1, settings)
        elements = _elements(script, settings, _TOKEN_OF_SCRIPT)
        scripts[kind] += f"<mrow>{''.join(elements)}</mrow>"
    if text[place : place + 1] == "'" and scripts["_"]:
        scripts["^"], place = "<mo>&prime;</mo>" + scripts["^"], place + 1
    below, above = scripts["_"], scripts["^"]
    if below and above:
        return f"<msubsup>{element}{below}<mrow>{above}</mrow></msubsup>", place
    if below:
        return f"<msub>{element}{below}</msub>", place
    return (f"<msup>{element}{above}</msup>" if above else element), place


def _script_at(text: str, place: int, settings: Collection[str]) -> tuple[str, int]:
    """Return the text of a script, with blanks between its letters, and the place after it."""
    if text[place] in "({":
        end, depth = place, 0
        while end == place or depth:
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(text[end], 0)
            end += 1
        return text[place + 1 : end - 1], end
    setting = _setting_at(text, place, settings)
    if setting:
        return setting, place + len(setting)
    match = _SCRIPT.match(text, place)
    assert match is not None, f"no script after {text[:place]!r} in {text!r}"
    if match[0] in _GREEK:
        return match[0], match.end()
    script = match[0].removesuffix("'")
    return script, place + len(script)


def _setting_at(text: str, place: int, settings: Collection[str]) -> str:
    """Return the name of the hyper-parameter that begins at a place, or nothing."""
    word = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*").match(text, place)
    if word is None or (place and re.match(r"\w", text[place - 1]) and text[place - 1] != "_"):
        return ""
    parts = word[0].split("_")
    names = ("_".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next(
        (n for n in names if n in settings and n.rstrip("0") not in _GREEK and len(n) > 1), ""
    )
