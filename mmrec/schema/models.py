"""The JSON Schema of a model's entry: hyper-parameters in every form of a search, and ``meta``."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from mmrec.config import EarlyStopping, ModelMeta, SeedRepeat
from mmrec.config.distributions import NAMES
from mmrec.evaluation import METRICS
from mmrec.models import MultimodalConfig, RecommenderConfig
from mmrec.planning.modality_subsets import EACH_SUBSET
from mmrec.planning.points import UNSUPPORTED
from mmrec.schema.sections import REF, Node, any_case, any_of, section, written
from mmrec.training.objective import LOSS

_NUMBER = {"anyOf": [{"type": "number"}, {"$ref": f"{REF}number_in_quotes"}]}
_PLAIN = [name for name in NAMES if name not in ("choice", "randint")]


def definitions() -> dict[str, Node]:
    """Return what the entries of models refer to."""
    made: dict[str, Node] = {
        "metric": _metric(),
        "figure": _figure(),
        "distribution": _distribution(),
        "tuple_text": {
            "description": "A list as text, such as ('visual', 'textual') or (64, 64).",
            "type": "string",
            "pattern": r"^\s*[(\[].*[)\]]\s*$",
        },
    }
    made["meta"] = _optional(_meta(made))
    made["early_stopping"] = _optional(_early_stopping(made))
    made["seed_repeat"] = section(SeedRepeat, made)
    return made


def entry(
    config: type[RecommenderConfig] | None, made: dict[str, Node], *, is_open: bool = False
) -> Node:
    """Return the schema of an entry of ``models``.

    Args:
        config: what reads the hyper-parameters; None if it is not known.
        made: definitions; each hyper-parameter becomes one, ``LATTICEConfig.top_k`` for example.
        is_open: whether there may be other hyper-parameters, as in a model of one's own.
    """
    properties: dict[str, Any] = {
        "meta": {"$ref": f"{REF}meta"},
        "early_stopping": {"$ref": f"{REF}early_stopping"},
    }
    node: Node = {"type": "object", "properties": properties}
    if config is not None:
        for name, field in config.model_json_schema()["properties"].items():
            owner = next(kind for kind in config.__mro__ if name in kind.__annotations__)
            defined = f"{owner.__name__}.{name}"
            is_tuple = get_origin(config.model_fields[name].annotation) is tuple
            made.setdefault(defined, _tuple(field) if is_tuple else _searched(field))
            properties[name] = {"$ref": f"{REF}{defined}"}
        if issubclass(config, MultimodalConfig):
            properties["modalities"] = any_of({"const": EACH_SUBSET}, properties["modalities"])
        seed = any_of(properties["seed"], {"$ref": f"{REF}seed_repeat"})
        properties["seed"] = seed
    if not is_open:
        node["additionalProperties"] = False
    return node


def _searched(field: Node) -> Node:
    """Return what may be written for a hyper-parameter of one value: itself, or a search."""
    about, value = _parted(written(field))
    choices = {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}
    named = {
        "type": "array",
        "prefixItems": [{"const": "choice"}],
        "items": any_of(value, {"type": "array", "items": value}),
        "minItems": 2,
    }
    forms = [value, choices, named]
    if field.get("type") in ("integer", "number"):
        forms.append({"$ref": f"{REF}distribution"})
    else:
        forms.append({"type": "string", "pattern": r"^\s*choice\s*\(.*\)\s*$"})
    return about | any_of(*forms)


def _tuple(field: Node) -> Node:
    """Return what may be written for a hyper-parameter that is a list: one list, or several."""
    about, _ = _parted(written(field))
    item = written(field["items"])
    text = {"$ref": f"{REF}tuple_text"}
    inner = any_of(item, text, {"type": "array", "items": item}, {"const": "choice"})
    return about | any_of(item, text, {"type": "array", "items": inner})


def _parted(node: Node) -> tuple[Node, Node]:
    """Part what is told about a value from what it is."""
    about: Node = {key: node[key] for key in ("description", "default") if key in node}
    return about, {key: value for key, value in node.items() if key not in about}


def _distribution() -> Node:
    def listed(names: list[str], *arguments: Node, least: int | None = None) -> Node:
        return {
            "type": "array",
            "prefixItems": [{"enum": names}, *arguments],
            "items": False,
            "minItems": 1 + (len(arguments) if least is None else least),
        }

    plain = [name for name in _PLAIN if not name.startswith("q")]
    rounded = [name for name in _PLAIN if name.startswith("q")]
    names = "|".join(NAMES)
    called = {"type": "string", "pattern": rf"^\s*({names})\s*\(.*\)\s*$"}
    return {
        "description": "Drawn at random: [uniform, low, high] or 'uniform(low, high)'. "
        f"Distributions: {', '.join(NAMES)}. The bounds of loguniform are natural logarithms.",
        "anyOf": [
            listed(plain, _NUMBER, _NUMBER),
            listed(rounded, _NUMBER, _NUMBER, _NUMBER),
            listed(["randint"], _NUMBER, _NUMBER, least=1),
            called,
            {"type": "array", "prefixItems": [called], "items": False, "minItems": 1},
            {  # YAML cuts [uniform(-5, 5)] at the comma
                "type": "array",
                "prefixItems": [{"type": "string", "pattern": rf"^\s*({names})\s*\([^)]*$"}],
                "items": any_of(_NUMBER, {"type": "string", "pattern": r"\)\s*$"}),
                "minItems": 2,
            },
        ],
    }


def _metric() -> Node:
    return {
        "description": "A metric; upper or lower case.",
        "anyOf": [{"enum": list(METRICS)}, {"type": "string", "pattern": any_case(METRICS)}],
    }


def _figure() -> Node:
    return {
        "description": "A metric and a cutoff, such as Recall@20; without a cutoff, the first.",
        "type": "string",
        "pattern": any_case(METRICS, "(@0*[1-9][0-9]*)?"),
        "examples": ["Recall@20", "nDCG@20"],
    }


def _meta(made: dict[str, Node]) -> Node:
    node = section(ModelMeta, made)
    field = ModelMeta.model_fields["hyper_opt_alg"]
    known = [name for name in get_args(field.annotation) if name not in UNSUPPORTED]
    algorithm, label = (node["properties"][key] for key in ("hyper_opt_alg", "validation_metric"))
    node["properties"]["hyper_opt_alg"] = _parted(algorithm)[0] | {
        "anyOf": [{"enum": known}, {"type": "string", "pattern": any_case(known)}]
    }
    node["properties"]["validation_metric"] = _parted(label)[0] | _optional(
        {"$ref": f"{REF}figure"}
    )
    return node


def _early_stopping(made: dict[str, Node]) -> Node:
    node = section(EarlyStopping, made)
    monitor = node["properties"]["monitor"]
    node["properties"]["monitor"] = _parted(monitor)[0] | _optional(
        any_of({"const": LOSS}, {"$ref": f"{REF}figure"})
    )
    return node


def _optional(node: Node) -> Node:
    return any_of(node, {"type": "null"})
