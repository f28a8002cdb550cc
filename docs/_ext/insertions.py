"""A Sphinx extension that inserts generated tables and lists at comments in the pages.

``<!-- insert: hyper-parameters LATTICE -->`` is replaced, before the page is parsed, by Markdown
that is made from the code; see :data:`MAKERS` for what there is.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING
from unittest import mock

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mmrec.cli import COMMANDS, EXAMPLES
from mmrec.config import EarlyStopping, ModelMeta, Section
from mmrec.config.describe import Slot
from mmrec.config.experiment import ExperimentFile
from mmrec.evaluation import COMPLEX_METRICS, METRICS, definition_of
from mmrec.models import MODELS, Recommender, RecommenderConfig

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_PLACE = re.compile(r"^<!-- insert: (?P<what>[a-z-]+) ?(?P<argument>\S*) -->$", re.MULTILINE)
_OVER = {
    "relevant": "users with a relevant item",
    "held-out": "users with a held-out item",
    None: "all lists together",
}


def inserted(page: str) -> str:
    """Return a page with every insertion made.

    Raises:
        ValueError: there is no such insertion, or it does not know its argument.
    """

    def made(match: re.Match[str]) -> str:
        if match["what"] not in MAKERS:
            raise ValueError(f"{match[0]}: accepted: {', '.join(MAKERS)}")
        try:
            return MAKERS[match["what"]](match["argument"])
        except KeyError as error:
            raise ValueError(f"{match[0]}: unknown: {error}") from error

    return _PLACE.sub(made, page)


def keys(path: str) -> str:
    """Return the table of the keys of a section, such as ``experiment.data_config`` or ``meta``."""
    return _fields(sections()[path])


def refused(_: str) -> str:
    """Return the table of the keys of Elliot's that are known and refused."""
    reasons = {
        f"{path}.{key}": reason
        for path, section in sections().items()
        if path != "hyper-parameters"
        for key, reason in section.unsupported.items()
        if "belongs" not in reason
    }
    return _table(("key", "answer"), [(_code(k), _prose(reason)) for k, reason in reasons.items()])


def hyper_parameters(model: str) -> str:
    """Return the table of the hyper-parameters of a built-in model."""
    return _fields(MODELS[model].Config)


def other_models(described: str) -> str:
    """Return a section for each built-in model that the page does not describe by hand.

    Args:
        described: the names of those that it does, with commas between them.
    """
    others = sorted(
        (name, kind)
        for name, kind in MODELS.items()
        if name not in described.split(",") and kind.__module__.startswith("mmrec.")
    )
    return "\n\n".join(_model_section(name, kind) for name, kind in others)


def metrics(_: str) -> str:
    """Return the table of all metrics."""
    rows = [
        (
            _code(metric.name),
            _definition(metric.formula),
            _OVER[metric.over],
            "higher" if metric.higher_is_better else "lower",
        )
        for metric in METRICS.values()
    ]
    return _table(("name", "definition", "over", "better"), rows)


def complex_metrics(_: str) -> str:
    """Return a section for each complex metric: its definition and its keys."""
    return "\n\n".join(
        f"### {name}\n\n{_definition(definition_of(kind))}\n\n{_fields(kind)}"
        for name, kind in COMPLEX_METRICS.items()
    )


def commands(_: str) -> str:
    """Return a section with the help of every command."""
    return "\n\n".join(
        f"## mmrec {name}\n\n```text\n{parser.format_help().strip()}\n```"
        for name, parser in _parsers()
    )


MAKERS: Mapping[str, Callable[[str], str]] = {
    "keys": keys,
    "refused": refused,
    "hyper-parameters": hyper_parameters,
    "other-models": other_models,
    "metrics": metrics,
    "complex-metrics": complex_metrics,
    "commands": commands,
}
"""By name what makes the Markdown of an insertion from its argument."""


@cache
def sections() -> Mapping[str, type[Section]]:
    """Return every section of an experiment file by the path of its key."""
    found = dict(_sections_below("", Slot(ExperimentFile)))
    found.pop("")
    models: dict[str, type[Section]] = {
        "hyper-parameters": RecommenderConfig,
        "meta": ModelMeta,
        "early_stopping": EarlyStopping,
    }
    return found | models


def _sections_below(path: str, slot: Slot) -> Iterator[tuple[str, type[Section]]]:
    section = slot.model()
    if section is None or not issubclass(section, Section):
        return
    yield path, section
    for name in section.model_fields:
        inner = slot.child(name)
        if inner is not None:
            yield from _sections_below(f"{path}.{name}".lstrip("."), inner)


def _fields(section: type[BaseModel]) -> str:
    rows = [
        (_code(name), _default(field), _accepted(field), _prose(field.description or ""))
        for name, field in section.model_fields.items()
    ]
    return _table(("key", "default", "accepted", "meaning"), rows)


def _accepted(field: FieldInfo) -> str:
    slot = Slot(field.annotation, tuple(field.metadata))
    return "a section of its own" if slot.model() else _prose(slot.accepts())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value == () or isinstance(value, BaseModel):
        return ""
    return _code(str(value))


def _model_section(name: str, kind: type[Recommender]) -> str:
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    file = f"../{kind.__module__.replace('.', '/')}.py"
    sources = [
        f"```{{literalinclude}} {file}\n:dedent:\n:pyobject: {kind.__name__}.{method}\n```"
        for method in ("embed", "loss", "scorer")
        if method in vars(kind)
    ]
    return "\n\n".join([f"## {name}", *map(_prose, paragraphs), *sources, _fields(kind.Config)])


def _definition(docstring: str) -> str:
    text = re.sub(r",? ?\[V\](?=[;.,])", "", docstring)

    def metric_of(match: re.Match[str]) -> str:
        return next(
            (f"``{m.name}``" for m in METRICS.values() if m.function.__name__ == match[1]), match[1]
        )

    return _prose(re.sub(r":func:`(\w+)`", metric_of, text))


def _parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="mmrec", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    added = parser.add_subparsers(metavar="COMMAND")
    for module in COMMANDS:
        module.add_to(added)
    with mock.patch.dict(os.environ, COLUMNS="80"):  # argparse asks for the terminal's width
        yield from added.choices.items()


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


def _prose(docstring: str) -> str:
    """Return a docstring as Markdown on one line."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"``\1``", " ".join(inspect.cleandoc(docstring).split()))
    parts = re.split(r"``(.*?)``", text)
    plain = [re.sub(r"([*_|<>\[\]$])", r"\\\1", part) for part in parts[::2]]
    code = [_code(part.replace("|", r"\|")) for part in parts[1::2]]
    return "".join(part for pair in zip(plain, [*code, ""], strict=True) for part in pair)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    from sphinx.errors import ExtensionError

    def replace(app: Sphinx, page: str, source: list[str]) -> None:
        try:
            source[0] = inserted(source[0])
        except ValueError as error:
            raise ExtensionError(f"{page}: {error}") from error

    app.connect("source-read", replace)
    return {"parallel_read_safe": True}
