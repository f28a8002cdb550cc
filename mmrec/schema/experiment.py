"""The JSON Schema (draft 2020-12) of a whole experiment file."""

from __future__ import annotations

import json
from typing import Any, get_args

from mmrec.config import ExperimentFile, Missing
from mmrec.features import LOADERS
from mmrec.models import MODELS
from mmrec.models.external import PREFIX
from mmrec.planning.candidates import FOLDER
from mmrec.schema import models
from mmrec.schema.sections import QUOTED, REF, Node, any_of, section


def experiment_schema() -> dict[str, Any]:
    """Return the schema: every key, with its meaning, its default and what it accepts.

    It accepts what mmrec does, as far as the file alone can show it: that a path exists, or that
    two settings go together, only ``mmrec validate`` can say.
    """
    definitions: dict[str, Node] = {**QUOTED, **models.definitions()}
    root = section(ExperimentFile, definitions)
    definitions["path"] = {"type": "string", "minLength": 1}
    definitions["loader"] = any_of(*(_loader(name) for name in LOADERS))
    definitions["loader_of_ones_own"] = {
        "type": "object",
        "properties": {"dataloader": {"type": "string", "not": {"enum": list(LOADERS)}}},
        "required": ["dataloader"],
    }
    del definitions["SideInformation"]
    _complete_experiment(definitions["Experiment"], definitions)
    _complete_data(definitions["DataConfig"])
    _complete_metrics(definitions["Evaluation"])
    _complete_report(definitions["Report"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An experiment of mmrec",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """Return the schema as it stands in ``config_files/schema.json``."""
    return json.dumps(experiment_schema(), indent=2, ensure_ascii=False) + "\n"


def _complete_experiment(node: Node, definitions: dict[str, Node]) -> None:
    keys = node["properties"]
    keys["backend"] |= any_of(
        {"const": keys["backend"].pop("const")},
        {"type": "array", "contains": {"const": "pytorch"}},
    )
    del keys["backend"]["type"]
    external = f"^{PREFIX.replace('.', '[.]')}"
    keys["models"] = {
        "description": keys["models"]["description"],
        "type": "object",
        "minProperties": 1,
        "properties": {
            **{name: models.entry(known.Config, definitions) for name, known in MODELS.items()},
            **{
                f"{PREFIX}{name}": models.entry(known.Config, definitions, is_open=True)
                for name, known in MODELS.items()
            },
            FOLDER: _folder(),
        },
        "patternProperties": {external: models.entry(None, {}, is_open=True)},
        "additionalProperties": False,
    }
    # Models and loaders of one's own come from the file that this key names.
    node["allOf"] = [
        {
            "if": {"not": {"required": ["external_models_path"]}},
            "then": {
                "properties": {
                    "data_config": {
                        "properties": {"side_information": _entries({"$ref": f"{REF}loader"})}
                    },
                    "models": {"propertyNames": {"not": {"pattern": external}}},
                }
            },
        }
    ]


def _complete_data(node: Node) -> None:
    old = node["properties"]["side_information"]
    new = any_of({"$ref": f"{REF}loader"}, {"$ref": f"{REF}loader_of_ones_own"})
    node["properties"]["side_information"] = {"description": old["description"]} | _entries(new)
    split_files = ["train_path", "test_path"]
    node["if"] = {
        "properties": {"strategy": {"const": "fixed"}},
        "required": ["strategy"],
        "not": {"required": ["dataset_path"]},
    }
    node["then"] = {
        "properties": {key: {"type": "string"} for key in split_files},
        "required": split_files,
    }


def _complete_metrics(node: Node) -> None:
    old = node["properties"]["simple_metrics"]
    node["properties"]["simple_metrics"] = {"description": old["description"]} | any_of(
        {"type": "array", "items": {"$ref": f"{REF}metric"}, "minItems": 1, "uniqueItems": True},
        {"$ref": f"{REF}metric"},
    )
    cutoffs = node["properties"]["cutoffs"]
    cutoffs["anyOf"] = [*cutoffs["anyOf"], {"type": "null"}]


def _complete_report(node: Node) -> None:
    users = node["properties"]["users"]
    count, in_quotes, ids, _ = users["anyOf"]  # one id alone would be taken for a count
    ids["items"] = any_of(ids["items"], {"type": "integer"})
    users["anyOf"] = [count, in_quotes, ids]


def _entries(one: Node) -> Node:
    return any_of({"type": "array", "items": one}, one)


def _loader(name: str) -> Node:
    path_key = LOADERS[name].path_key
    return {
        "type": "object",
        "properties": {
            "dataloader": {"const": name},
            path_key: {
                "description": "A folder of <item>.npy, or a file of vectors; a relative path "
                "starts at this file's folder.",
                "$ref": f"{REF}path",
            },
            "missing": {
                "description": "What becomes of items without a vector.",
                "enum": list(get_args(Missing)),
                "default": "drop",
            },
        },
        "required": ["dataloader", path_key],
        "additionalProperties": False,
    }


def _folder() -> Node:
    node = models.entry(None, {})
    node["description"] = "Lists made elsewhere: each file of the folder is evaluated as a model."
    node["properties"]["folder"] = {
        "description": "Files of user, item and score, with tabs between, no header.",
        "$ref": f"{REF}path",
    }
    node["required"] = ["folder"]
    return node
