"""A Sphinx extension that writes a page for each built-in model: ``models/NAME.md``.

A page is made of the docstring of the model's class, its configuration and code, and of the
figures in ``recorded_runs.csv`` and ``published_runs.yml``. In a docstring, a paragraph that starts
with ``Public code:``, ``Cost:``, ``Shapes:`` or ``Kind:`` begins a part; what comes before is the
definition. ``Kind: graph. Graphs: users and items.`` is for the overview.
"""

from __future__ import annotations

import ast
import csv
import inspect
import re
import sys
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from markdown_text import blocks, code, fields, prose, table
from pydantic.fields import FieldInfo

from mmrec.models import MODELS, FeaturesConfig, Model, ModelConfig, Recommender, RecommenderConfig

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "yardstick": "Yardsticks",
    "neighbours": "Neighbours",
    "linear": "Linear models of items",
    "factorisation": "Factorisation",
    "graph": "Graph convolution",
    "contrastive": "Contrastive learning",
    "multimodal": "Multimodal",
}
"""The kinds of models in the order of the overview, with their headings."""

SHARED: Mapping[type[RecommenderConfig], str] = {
    FeaturesConfig: "item features",
    ModelConfig: "trained models",
    RecommenderConfig: "every model",
}
"""The configurations whose keys ``models.md`` shows, with their headings."""

_PARTS = ("Public code", "Cost", "Shapes", "Kind")
_MORE = "[What published code computes](../published_code.md) compares all models."
_RUNS = "Each figure is a mean over seeds; [results](../results.md) explain the columns."
_REPEAT = "`scripts/reproduce_published.py` trains them again and compares."
_COLUMNS = ("what it is", "features", "graphs", "negative items", "cold items", "year")


class Described(NamedTuple):
    """A model as its docstrings describe it."""

    name: str
    model: type[Recommender]
    summary: str
    parts: Mapping[str, str]
    kind: str
    graphs: str

    @property
    def facts(self) -> tuple[str, ...]:
        """The cells of the overview, Markdown."""
        year = re.search(r"\b(?:19|20)\d\d\b", self.parts["Definition"].split("\n\n")[0])
        negatives = ""
        if issubclass(self.model, Model):
            negatives = "yes" if self.model.needs_negatives(self.model.Config()) else "no"
        features = "yes" if issubclass(self.model.Config, FeaturesConfig) else "no"
        cold = "yes" if self.model.ranks_cold_items() else "no"
        return prose(self.summary), features, self.graphs, negatives, cold, year[0] if year else ""


def described(name: str) -> Described:
    """Return a built-in model by its name.

    Raises:
        ValueError: its docstring does not say of which kind it is.
    """
    model = MODELS[name]
    text = inspect.cleandoc(vars(model).get("__doc__") or "")
    found = re.split(rf"^({'|'.join(_PARTS)}): ", text, flags=re.MULTILINE)
    parts = {"Definition": found[0].strip()}
    parts |= {label: part.strip() for label, part in zip(found[1::2], found[2::2], strict=True)}
    kind = re.fullmatch(r"(\w+)\.(?:\s+Graphs:\s+(.*)\.)?", parts.get("Kind", ""), re.DOTALL)
    if kind is None or kind[1] not in KINDS:
        raise ValueError(
            f"{model.__module__}.{model.__name__}: expected a last paragraph such as 'Kind: graph. "
            f"Graphs: users and items.' in the docstring; accepted kinds: {', '.join(KINDS)}"
        )
    summary = _summary(name, model)
    return Described(name, model, summary, parts, kind[1], " ".join((kind[2] or "").split()))


def overview() -> str:
    """Return the tables of all models, by kind."""
    models = [described(name) for name in built_in()]
    tables = []
    for kind, heading in KINDS.items():
        rows = [
            (f"[{found.name}](models/{found.name}.md)", *found.facts)
            for found in models
            if found.kind == kind
        ]
        if rows:
            tables.append(f"### {heading}\n\n{table(('model', *_COLUMNS), rows)}")
    return "\n\n".join(tables)


def names() -> str:
    """Return a list with the number of models and a line for each kind, with links."""
    models = [described(name) for name in built_in()]
    lines = []
    for kind, heading in KINDS.items():
        links = [f"[{m.name}](models/{m.name}.md)" for m in models if m.kind == kind]
        if links:
            lines.append(f"- **{heading}:** {', '.join(links)}")
    return "\n".join([f"mmrec has {len(models)} recommenders:", "", *reversed(lines)])


def built_in() -> list[str]:
    """Return the names of all models of mmrec, in alphabetical order."""
    names = [name for name, model in MODELS.items() if model.__module__.startswith("mmrec.")]
    return sorted(names, key=str.lower)


def page(name: str) -> str:
    """Return the page of a model."""
    found = described(name)
    parts, settings = found.parts, found.model.Config.model_fields
    sections = [
        f"# {name}",
        table(("kind", *_COLUMNS[1:]), [(found.kind, *found.facts[1:])]),
        blocks(parts["Definition"], settings),
        f"Shapes: {blocks(parts['Shapes'], settings)}" if "Shapes" in parts else "",
        _section("Public code", parts, settings, _MORE),
        _keys(found.model.Config),
        _figures(name),
        _section("Cost", parts, settings),
        _code(found.model),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def recorded_runs(model: str = "") -> str:
    """Return the table of the recorded runs of one model, or of all; empty if there are none."""
    with (ROOT / "docs" / "recorded_runs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if model in ("", row["model"])]
    header = ("run", "data", "seeds", "figure", "recorded", "mmrec", "difference", "spread", "")
    columns = ("run", "data", "seeds", "figure", "recorded", "mmrec", "difference", "spread")
    cells = [(*(row[c] for c in columns), row["mark"]) for row in rows]
    return table(header, cells) if rows else ""


def shared_keys(config: str) -> str:
    """Return the table of the keys that a configuration in :data:`SHARED` brings."""
    kind = {kind.__name__: kind for kind in SHARED}[config]
    own = inspect.get_annotations(kind)
    return fields({name: kind.model_fields[name] for name in own if name in kind.model_fields})


def _section(label: str, parts: Mapping[str, str], settings: Collection[str], *more: str) -> str:
    """Return a part of a docstring below a heading, with a capital first letter."""
    if label not in parts:
        return ""
    text = blocks(parts[label][:1].upper() + parts[label][1:], settings)
    return "\n\n".join([f"## {label}", text, *more])


def _summary(name: str, model: type[Recommender]) -> str:
    """Return what the module says of the model by its name, or the first paragraph of the class."""
    module = (sys.modules[model.__module__].__doc__ or "").split("\n\n", 1)[0]
    prefix, _, summary = module.partition(": ")
    if name not in re.split(r"\W+", prefix):
        summary = inspect.cleandoc(model.__doc__ or "").split("\n\n", 1)[0]
    summary = re.sub(r" \([^()]*\d{4}\)", "", " ".join(summary.split()))
    return summary[:1].upper() + summary[1:].removesuffix(".")


def own_fields(config: type[RecommenderConfig]) -> Mapping[str, FieldInfo]:
    """Return the fields that a configuration, or one which it extends, defines for its models."""
    own = {
        name
        for kind in config.__mro__
        if kind.__module__ != RecommenderConfig.__module__
        for name in inspect.get_annotations(kind)
    }
    return {name: field for name, field in config.model_fields.items() if name in own}


def _keys(config: type[RecommenderConfig]) -> str:
    own = own_fields(config)
    links = [
        f"[{heading}](../models.md#keys-of-{heading.replace(' ', '-')})"
        for kind, heading in SHARED.items()
        if issubclass(config, kind)
    ]
    of = " and of ".join([", ".join(links[:-1]), links[-1]] if links[1:] else links)
    others = f"{'It also has' if own else 'It has'} the keys of {of}."
    return "\n\n".join(["## Hyper-parameters", *([fields(own)] if own else []), others])


def _figures(name: str) -> str:
    runs, published = recorded_runs(name), _published(name)
    parts = []
    if runs:
        parts += [f"Public code and mmrec with the same hyper-parameters. {_RUNS}", runs]
    if published:
        parts += [f"The best settings of Formal-MultiMod-Rec and its figures. {_REPEAT}", published]
    return "\n\n".join(["## Recorded figures", *parts]) if parts else ""


def _published(name: str) -> str:
    runs = yaml.safe_load((ROOT / "scripts/reproducing/published_runs.yml").read_text())
    if name not in runs:
        return ""
    run = runs[name]
    rows = [
        (data, *(f"{x:.4f}" for x in figures), _settings(run[data]))
        for data, figures in run["published"].items()
    ]
    figures = table(("data", "Recall@20", "nDCG@20", "its hyper-parameters"), rows)
    return f"{figures}\n\nHyper-parameters of all rows: {_settings(run['all'])}."


def _settings(values: Mapping[str, Any]) -> str:
    return code(", ".join(f"{key}: {value}" for key, value in values.items()))


def _code(model: type[Recommender]) -> str:
    """Return the class from its first method on."""
    source = textwrap.dedent(inspect.getsource(model))
    methods = [
        node
        for definition in ast.parse(source).body
        for node in ast.iter_child_nodes(definition)
        if isinstance(node, ast.FunctionDef)
    ]
    if not methods:
        return ""
    first = methods[0].decorator_list[0] if methods[0].decorator_list else methods[0]
    lines = source.splitlines()[first.lineno - 1 :]
    file = f"{model.__module__.replace('.', '/')}.py"
    body = textwrap.dedent("\n".join(lines))
    return f"## Code\n\nFrom `{file}`:\n\n```python\n{body}\n```"


def write_pages(folder: Path) -> None:
    """Write the page of every model; leave files that are as they should be."""
    folder.mkdir(exist_ok=True)
    pages = {folder / f"{name}.md": page(name) for name in built_in()}
    for path in set(folder.glob("*.md")) - pages.keys():
        path.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "models"))
    return {"parallel_read_safe": True}
