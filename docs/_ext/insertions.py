"""A Sphinx extension that inserts generated tables and lists at comments in the pages.

``<!-- insert: keys meta -->`` is replaced, before the page is parsed, by Markdown
that is made from the code; see :data:`MAKERS` for what there is.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING
from unittest import mock

import model_pages
from markdown_text import code, fields, prose, table

from mmrec.cli import COMMANDS, EXAMPLES
from mmrec.config import EarlyStopping, ModelMeta, Section
from mmrec.config.describe import Slot
from mmrec.config.experiment import ExperimentFile
from mmrec.evaluation import COMPLEX_METRICS, METRICS, definition_of
from mmrec.models import RecommenderConfig

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
    return fields(sections()[path].model_fields)


def refused(_: str) -> str:
    """Return the table of the keys of Elliot's that are known and refused."""
    reasons = {
        f"{path}.{key}": reason
        for path, section in sections().items()
        if path != "hyper-parameters"
        for key, reason in section.unsupported.items()
        if "belongs" not in reason
    }
    return table(("key", "answer"), [(code(k), prose(reason)) for k, reason in reasons.items()])


def models(_: str) -> str:
    """Return the tables of all built-in models, by kind."""
    return model_pages.overview()


def model_names(_: str) -> str:
    """Return the names of all built-in models, by kind."""
    return model_pages.names()


def shared_keys(config: str) -> str:
    """Return the table of the keys that a configuration of many models brings."""
    return model_pages.shared_keys(config)


def recorded_runs(_: str) -> str:
    """Return the table of the runs that were compared with public code."""
    return model_pages.recorded_runs()


def metrics(_: str) -> str:
    """Return the table of all metrics."""
    rows = [
        (
            code(metric.name),
            _definition(metric.formula),
            _OVER[metric.over],
            "higher" if metric.higher_is_better else "lower",
        )
        for metric in METRICS.values()
    ]
    return table(("name", "definition", "over", "better"), rows)


def complex_metrics(_: str) -> str:
    """Return a section for each complex metric: its definition and its keys."""
    return "\n\n".join(
        f"### {name}\n\n{_definition(definition_of(kind))}\n\n{fields(kind.model_fields)}"
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
    "models": models,
    "model-names": model_names,
    "shared-keys": shared_keys,
    "recorded-runs": recorded_runs,
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


def _definition(docstring: str) -> str:
    text = re.sub(r",? ?\[V\](?=[;.,])", "", docstring)

    def metric_of(match: re.Match[str]) -> str:
        return next(
            (f"``{m.name}``" for m in METRICS.values() if m.function.__name__ == match[1]), match[1]
        )

    return prose(re.sub(r":func:`(\w+)`", metric_of, text))


def _parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="mmrec", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    added = parser.add_subparsers(metavar="COMMAND")
    for module in COMMANDS:
        module.add_to(added)
    with mock.patch.dict(os.environ, COLUMNS="80"):  # argparse asks for the terminal's width
        yield from added.choices.items()


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
