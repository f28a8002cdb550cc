"""Equations of docstrings as MathML: nothing is lost, and what is code stays code."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from xml.etree import ElementTree

import pytest
from helpers import ROOT

from mmrec.models import MODELS

BUILT_IN = [name for name, model in MODELS.items() if model.__module__.startswith("mmrec.")]


@pytest.fixture(scope="module")
def equations() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs" / "_ext"))
        yield importlib.import_module("equations")


def text_of(html: str) -> str:
    """The text of well-formed HTML, with its symbols as docstrings write them."""
    symbols = {
        **{"minus": "-", "lowast": "*", "larr": "&lt;-", "hellip": "...", "lang": "&lt;"},
        **{"rang": "&gt;", "ge": "&gt;=", "prime": "'", "middot": ".", "sum": "sum", "emsp": " "},
        **{"radic": "sqrt", "alpha": "alpha", "beta": "beta", "epsilon": "eps", "nu": "nu"},
    }
    for name, symbol in symbols.items():
        html = html.replace(f"&{name};", symbol)
    return "".join(ElementTree.fromstring(f"<p>{html}</p>").itertext())


def equations_of(docstring: str) -> list[str]:
    """The indented paragraphs of a docstring."""
    paragraphs = re.split(r"\n\n+", inspect.cleandoc(docstring))
    return [textwrap.dedent(text) for text in paragraphs if text.startswith(" ")]


def letters(text: str) -> str:
    """Text without blanks, brackets and the signs of scripts."""
    return re.sub(r"[\s_^(){}]", "", text)


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_letter_of_an_equation_of_a_model_is_lost(name: str, equations: ModuleType) -> None:
    docstring = inspect.cleandoc(MODELS[name].__doc__ or "")
    settings = MODELS[name].Config.model_fields
    for block in equations_of(docstring):
        html = equations.block(block, settings)
        lines = re.findall(r'<div class="(?:line|more)">(.*?)</div>', html)
        for line, source in zip(lines, block.splitlines(), strict=True):
            assert letters(text_of(line)) == letters(source)


def test_most_models_have_equations() -> None:
    found = [name for name in BUILT_IN if equations_of(inspect.getdoc(MODELS[name]) or "")]
    assert len(found) > len(BUILT_IN) / 2


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("x_(l+1)", "<msub><mi>x</mi><mrow><mi>l</mi><mo>+</mo><mn>1</mn></mrow></msub>"),
        ("f_im", "<msub><mi>f</mi><mrow><mi>i</mi><mi>m</mi></mrow></msub>"),
        ("l_w", "<mtext><code>l_w</code></mtext>"),
        ("G^n_layers", "<msup><mi>G</mi><mrow><mtext><code>n_layers</code></mtext></mrow></msup>"),
        ("W1", "<msub><mi>W</mi><mn>1</mn></msub>"),
    ],
)
def test_scripts_and_names(text: str, html: str, equations: ModuleType) -> None:
    assert equations.inline(text, ("l_w", "n_layers")) == f"<math>{html}</math>"


def test_a_long_formula_breaks_before_operators_alone(equations: ModuleType) -> None:
    html = equations.inline("s(u, i) = mean of f(a + b) + " + "g(x_u, y_i) " * 5 + "- log h")
    assert html.count("<math>") == 3
    assert equations.inline("x = a + b").count("<math>") == 1


@pytest.mark.parametrize("code", ["knn_k", "cf: mf", "eval()", "l_w", "visual", "n_mm_layers"])
def test_code_is_no_formula(code: str, equations: ModuleType) -> None:
    assert not equations.is_formula(code, ("l_w",))


@pytest.mark.parametrize("formula", ["x", "I^2 F", "<x, y>", "t_u", "l_w / B", "sum_u n_u^2"])
def test_symbols_are_formulas(formula: str, equations: ModuleType) -> None:
    assert equations.is_formula(formula, ("l_w",))
