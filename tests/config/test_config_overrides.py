"""Changes of an experiment by options: which value changes, and how problems are named."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import assert_contains, refusal
from tiny_experiment import Write, settings

from mmrec.config import dataset_names, documents_of, override, parse_yaml, read_experiment
from mmrec.errors import ConfigError
from mmrec.experiment import check_experiment

TEXT = """
experiment:
  dataset: tiny
  top_k: 5
  evaluation:
    cutoffs: [3, 5]
  models:
    MostPop:
    external.LATTICE:
      lr: [0.1, 0.01]
      meta:
        verbose: false
"""


def changed(*options: str, models: list[str] | None = None) -> dict[str, Any]:
    return override(parse_yaml(TEXT), options, models).data["experiment"]


def test_values_are_yaml_at_their_place() -> None:
    lattice = changed(
        "models.external.LATTICE.lr=0.001",
        "models.external.LATTICE.meta.hyper_max_evals=1e2",
        "models.external.LATTICE.early_stopping.patience=3",
    )["models"]["external.LATTICE"]
    assert lattice == {
        "lr": 0.001,
        "meta": {"verbose": False, "hyper_max_evals": 100.0},
        "early_stopping": {"patience": 3},
    }
    assert changed("experiment.top_k=10")["top_k"] == 10
    assert changed("evaluation.cutoffs[1]=4")["evaluation"]["cutoffs"] == [3, 4]
    assert changed("models.MostPop.lr=[a, 1]")["models"]["MostPop"] == {"lr": ["a", 1]}
    assert changed("top_k=1", "top_k=2")["top_k"] == 2
    assert changed("dataset=a=b")["dataset"] == "a=b"


def test_the_document_itself_stays_as_it_is() -> None:
    document = parse_yaml(TEXT)
    override(document, ["top_k=7", "models.external.LATTICE.lr=1"], ["external.LATTICE"])
    assert document == parse_yaml(TEXT)


def test_models_are_kept_in_the_order_of_the_file() -> None:
    assert list(changed(models=["external.LATTICE", "MostPop"])["models"]) == [
        "MostPop",
        "external.LATTICE",
    ]
    assert list(changed(models=["MostPop"])["models"]) == ["MostPop"]


@pytest.mark.parametrize(
    ("option", "facts"),
    [
        ("top_k", ["KEY=VALUE"]),
        ("=3", ["KEY=VALUE"]),
        ("top_k=", ["empty"]),
        ("top_k=[1", ["--set top_k=[1"]),
        ("models.MostPops.lr=1", ["'MostPops'", "'MostPop'"]),
        ("evaluation.cutoffs[2]=1", ["experiment.evaluation.cutoffs", "list of 2"]),
        ("evaluation.cutoffs.first=1", ["experiment.evaluation.cutoffs"]),
        ("top_k.of=1", ["experiment.top_k"]),
        ("top_k]=1", ["dots"]),
    ],
)
def test_options_that_name_no_place_are_refused(option: str, facts: list[str]) -> None:
    message = refusal(ConfigError, lambda: changed(option))
    assert_contains(message, [f"--set {option}", *facts])


def test_every_wrong_option_is_reported() -> None:
    message = refusal(ConfigError, lambda: changed("a", "b", models=["LATTICE"]))
    assert_contains(message, ["--set a", "--set b", "--models LATTICE", "external.LATTICE"])


def test_a_problem_of_a_changed_value_names_the_option(experiment_file: Write) -> None:
    path = experiment_file({"BPRMF": settings()})
    loaded = read_experiment(path)
    changes = ["models.BPRMF.lr=fast", "top_k=0", "modells=1", "BM3.lr=1", "a.b.c=1"]
    document = override(loaded.document, changes)
    message = refusal(ConfigError, check_experiment, document, path.parent)
    named = {line.partition(": ")[0] for line in message.splitlines()}
    assert named == {f"--set {setting}" for setting in changes}


def test_a_value_that_replaces_a_wrong_one_has_no_line(experiment_file: Write) -> None:
    path = experiment_file({"BPRMF": settings(lr="fast")})
    document = override(read_experiment(path).document, ["models.BPRMF.lr=0.1"])
    check_experiment(document, path.parent)


def test_each_data_set_replaces_the_list() -> None:
    document = override(parse_yaml(TEXT), ["dataset=[a, b]"])
    assert dataset_names(document) == ["a", "b"]
    assert [one.data["experiment"]["dataset"] for one in documents_of(document)] == ["a", "b"]
    single = parse_yaml(TEXT)
    assert documents_of(single) == [single]


@pytest.mark.parametrize("names", ["[]", "[a, a]", "[a, 1]", "[a, '']", "[[a]]"])
def test_lists_that_are_no_names_are_refused(names: str) -> None:
    document = parse_yaml(TEXT.replace("tiny", names))
    message = refusal(ConfigError, documents_of, document)
    assert_contains(message, ["<text>:3: experiment.dataset", "list of different names"])
