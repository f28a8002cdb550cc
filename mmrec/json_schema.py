"""The JSON Schema (draft 2020-12) of experiment files, for completion and checks in editors.

It is made from the classes that read the file. Files, combinations of settings and names of an
external file are checked by ``mmrec validate`` alone.
"""

from __future__ import annotations

import json
import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from mmrec.config import EarlyStopping, ExperimentFile, Missing, ModelMeta, SeedRepeat
from mmrec.config.distributions import NAMES
from mmrec.evaluation import COMPLEX_METRICS, METRICS, ComplexMetric
from mmrec.features import LOADERS, FolderLoader
from mmrec.models import MODELS, FeaturesConfig, RecommenderConfig
from mmrec.models.external import PREFIX
from mmrec.planning.candidates import FOLDER
from mmrec.planning.modality_subsets import EACH_SUBSET

Node = dict[str, Any]
"""A JSON Schema, or a part of one."""

_REF = "#/$defs/"
_EXTERNAL = f"^{re.escape(PREFIX)}"
_NUMBER_TEXT = r"^\s*[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\s*$"
_QUOTED = {
    "integer": {"type": "string", "pattern": _NUMBER_TEXT},
    "number": {"type": "string", "pattern": _NUMBER_TEXT},
    "boolean": {"type": "string", "pattern": r"^\s*(true|True|TRUE|false|False|FALSE)\s*$"},
}
# Pydantic does not translate the bounds of types with a validator.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_ABOUT = ("description", "default", "deprecated")


def schema_text() -> str:
    """Return the schema as JSON."""
    return json.dumps(experiment_schema(), indent=1, ensure_ascii=False) + "\n"


def experiment_schema() -> Node:
    """Return the schema: every key with its description, its default and what it accepts.

    Models, loaders and metrics are sorted: the order of a registry is that of imports.
    """
    definitions: dict[str, Node] = {}
    root = _section(ExperimentFile, definitions)
    definitions |= {
        "meta": _section(ModelMeta, definitions),
        "early_stopping": _section(EarlyStopping, definitions),
        "seed_repeat": _section(SeedRepeat, definitions),
        "distribution": _distribution(),
        "loader": {"anyOf": [_loader(name) for name in sorted(LOADERS)]},
        "other_loader": {"properties": {"dataloader": {"not": {"enum": sorted(LOADERS)}}}},
        "metric": {"enum": sorted(METRICS)},
        "complex_metric": {
            "anyOf": [_complex(COMPLEX_METRICS[x]) for x in sorted(COMPLEX_METRICS)]
        },
        "other_complex_metric": {
            "properties": {"metric": {"not": {"enum": sorted(COMPLEX_METRICS)}}}
        },
    }
    experiment = definitions["Experiment"]
    keys = experiment["properties"]
    one = {"type": "string", "minLength": 1}
    several = {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}
    keys["dataset"] = _about(keys["dataset"]) | _any_of(one, several)
    keys["models"] = _models(keys["models"]["description"], definitions)
    _accept_names(definitions["DataConfig"]["properties"], definitions["Evaluation"]["properties"])
    experiment["if"] = {"not": {"required": ["external_models_path"]}}
    experiment["then"] = _known_names()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An experiment of mmrec",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _accept_names(data: Node, evaluation: Node) -> None:
    """Let loaders and metrics be those of mmrec, with their options, or others."""
    loader = _any_of(_ref("loader"), {"allOf": [_ref("SideInformation"), _ref("other_loader")]})
    data["side_information"] = _about(data["side_information"]) | _list_of(loader)
    other = {"allOf": [_ref("ComplexMetricEntry"), _ref("other_complex_metric")]}
    evaluation["complex_metrics"] = _about(evaluation["complex_metrics"]) | _list_of(
        _any_of(_ref("complex_metric"), other)
    )
    names = _any_of(_ref("metric"), {"type": "string", "pattern": "^[^@]+$"})
    evaluation["simple_metrics"] |= _list_of(names)


def _models(description: str, definitions: dict[str, Node]) -> Node:
    """Return the schema of ``models``."""
    names = sorted(MODELS, key=str.casefold)
    models = {name: _model(MODELS[name].Config, definitions) for name in names}
    return {
        "description": description,
        "type": "object",
        "minProperties": 1,
        "properties": models | {FOLDER: _folder()},
        "patternProperties": {_EXTERNAL: _model(None, definitions)},
        "additionalProperties": False,
    }


def _known_names() -> Node:
    """Return the schema of an experiment without ``external_models_path``."""
    return {
        "properties": {
            "data_config": {"properties": {"side_information": _list_of(_ref("loader"))}},
            "evaluation": {
                "properties": {
                    "simple_metrics": _list_of(_ref("metric")),
                    "complex_metrics": _list_of(_ref("complex_metric")),
                }
            },
            "models": {"propertyNames": {"not": {"pattern": _EXTERNAL}}},
        }
    }


def _section(kind: type[BaseModel], definitions: dict[str, Node]) -> Node:
    """Return the schema of a section, and add the schemas of its own sections."""
    node = kind.model_json_schema(ref_template=_REF + "{model}")
    for name, inner in node.pop("$defs", {}).items():
        definitions[name] = _accepted(inner)
    return _accepted(node)


def _accepted(node: Node, *, in_union: bool = False) -> Node:
    """Return the schema of all forms of a value: quoted, and a single entry for a list."""
    node = {_BOUNDS.get(key, key): value for key, value in node.items() if key != "title"}
    about = _about(node)
    node = {key: value for key, value in node.items() if key not in _ABOUT}
    if "anyOf" in node:
        node |= _any_of(*(_accepted(inner, in_union=True) for inner in node["anyOf"]))
    for keyword in ("properties", "items"):
        if keyword in node:
            node[keyword] = _accepted_inner(keyword, node[keyword])
    if node.get("type") in _QUOTED:
        node = _any_of(node, _QUOTED[node["type"]])
    elif node.get("type") == "array" and not in_union:
        node = _any_of(node, node["items"])
    return about | node


def _accepted_inner(keyword: str, inner: Node) -> Node:
    if keyword == "items":
        return _accepted(inner)
    return {name: _accepted(node) for name, node in inner.items()}


def _model(config: type[RecommenderConfig] | None, definitions: dict[str, Node]) -> Node:
    """Return the schema of an entry of ``models``; without a config, of an external model."""
    properties = {
        "meta": _any_of(_ref("meta"), {"type": "null"}),
        "early_stopping": _any_of(_ref("early_stopping"), {"type": "null"}),
    }
    if config is None:
        return {"type": "object", "properties": properties}
    for name, node in config.model_json_schema()["properties"].items():
        owner = next(kind for kind in config.__mro__ if name in kind.__annotations__)
        is_tuple = get_origin(config.model_fields[name].annotation) is tuple
        definition = f"{owner.__name__}.{name}"
        definitions[definition] = _about(node) | (_tuples if is_tuple else _values)(node)
        properties[name] = _ref(definition)
    properties["seed"] = _any_of(properties["seed"], _ref("seed_repeat"))
    if issubclass(config, FeaturesConfig):
        properties["modalities"] = _any_of(properties["modalities"], {"const": EACH_SUBSET})
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _values(node: Node) -> Node:
    """Return the schema of a hyper-parameter: a value, a list of values or a distribution."""
    value = {key: item for key, item in _accepted(node).items() if key not in _ABOUT}
    choice = {"prefixItems": [{"const": "choice"}], "items": _any_of(value, {"type": "array"})}
    lists = [
        {"type": "array", "items": value, "minItems": 1, "uniqueItems": True},
        {"type": "array", "minItems": 2} | choice,
    ]
    if node.get("type") in ("integer", "number"):
        return _any_of(value, *lists, _ref("distribution"))
    return _any_of(value, *lists, {"type": "string", "pattern": r"^\s*choice\s*\(.*\)\s*$"})


def _tuples(node: Node) -> Node:
    """Return the schema of a list-valued hyper-parameter: a list, or a list of lists."""
    text = {"type": "string", "pattern": r"^\s*[(\[].*[)\]]\s*$"}
    items = node["items"] if "items" in node else _any_of(*node["prefixItems"])
    entry = _any_of(_accepted(items), text)
    one = _any_of(entry, {"type": "array", "items": entry})
    lists = {"type": "array", "items": one}
    choice = {"prefixItems": [{"const": "choice"}], "items": one}
    return _any_of(entry, lists, {"type": "array", "minItems": 2} | choice)


def _distribution() -> Node:
    """Return the schema of ``[uniform, low, high]`` and ``uniform(low, high)``."""
    number = _any_of({"type": "number"}, _QUOTED["number"])
    forms = []
    for names, least, most in (
        (["randint"], 1, 2),
        ([name for name in NAMES if name[0] != "q" and name not in ("choice", "randint")], 2, 2),
        ([name for name in NAMES if name[0] == "q"], 3, 3),
    ):
        form = {"prefixItems": [{"enum": names}], "items": number}
        forms.append({"type": "array", **form, "minItems": 1 + least, "maxItems": 1 + most})
    bounds = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    real = {
        "type": "object",
        "properties": {"log_uniform": bounds},
        "required": ["log_uniform"],
        "additionalProperties": False,
    }
    start = rf"^\s*({'|'.join(NAMES)})\s*\("
    call = {"type": "string", "pattern": rf"{start}.*\)\s*$"}
    pieces = {"prefixItems": [{"type": "string", "pattern": start}]}  # cut at commas by YAML
    return {
        "description": "A random value: [uniform, low, high] or 'uniform(low, high)'. "
        f"Distributions: {', '.join(NAMES)}. Bounds of loguniform are natural logarithms.",
        "anyOf": [*forms, call, {"type": "array", "minItems": 1} | pieces, real],
    }


def _loader(name: str) -> Node:
    path_key = LOADERS[name].path_key
    path = {"description": "Folder or file of feature vectors.", "type": "string"}
    missing = {"description": "Policy for items without a vector.", "enum": list(get_args(Missing))}
    about = {"description": "Column with the ids, if the file is a table."}
    column = about | _any_of({"type": "string"}, {"type": "null"})
    keys = {path_key: path, "missing": missing}
    if issubclass(LOADERS[name], FolderLoader):
        keys["id"] = column
    return {
        "type": "object",
        "properties": {"dataloader": {"const": name}, **keys},
        "required": ["dataloader", path_key],
        "additionalProperties": False,
    }


def _complex(kind: type[ComplexMetric]) -> Node:
    """Return the schema of an entry of ``complex_metrics``."""
    node = _section(kind, {})
    return node | {
        "properties": {"metric": {"const": kind.name}} | node.get("properties", {}),
        "required": ["metric", *node.get("required", ())],
    }


def _folder() -> Node:
    path = {"description": "Folder of files with user, item and score.", "type": "string"}
    return {
        "description": "Recommendation lists made elsewhere; each file is a model.",
        "type": "object",
        "properties": {"folder": path},
        "required": ["folder"],
    }


def _about(node: Node) -> Node:
    """Return description and default of a node as plain text."""
    about = {key: node[key] for key in _ABOUT if node.get(key) not in (None, [], {})}
    if isinstance(about.get("default"), dict):
        del about["default"]
    if "description" in about:
        text = re.sub(r":class:`~?([^`]*)`", r"\1", about["description"].replace("``", ""))
        about["description"] = " ".join(text.split())
    return about


def _any_of(*nodes: Node) -> Node:
    flat: list[Node] = []
    for node in nodes:
        flat += node["anyOf"] if set(node) == {"anyOf"} else [node]
    return {"anyOf": flat}


def _list_of(entry: Node) -> Node:
    return _any_of({"type": "array", "items": entry, "minItems": 1, "uniqueItems": True}, entry)


def _ref(name: str) -> Node:
    return {"$ref": _REF + name}
