"""Experiments: reading, and the problems of invalid files."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from helpers import assert_contains
from tiny_experiment import SPLITS_AND_FEATURES

from mmrec.config import (
    EarlyStopping,
    Experiment,
    ExperimentFile,
    Loaded,
    ModelMeta,
    Section,
    SideInformation,
    read_experiment,
)
from mmrec.errors import ConfigError

META = {
    "hyper_opt_alg": "grid",
    "verbose": True,
    "save_weights": False,
    "save_recs": False,
    "validation_rate": 10,
    "validation_metric": "Recall@20",
    "restore": False,
}
TRAINING = {
    "epochs": 200,
    "batch_size": 1024,
    "factors": 64,
    "lr": 0.005,
    "l_w": 1e-5,
    "modalities": "('visual','textual')",
    "loaders": "('VisualAttribute','TextualAttribute')",
    "seed": 123,
}
TUTORIAL_MODELS = {
    "external.LightGCNM": {
        "meta": META,
        **TRAINING,
        "n_layers": 1,
        "normalize": True,
        "aggregation": "mean",
    },
    "external.LATTICE": {
        "meta": META,
        **TRAINING,
        "n_layers": 1,
        "n_ui_layers": 2,
        "top_k": 20,
        "cf": "lightgcn",
        "l_m": 0.7,
        "factors_multimod": 64,
    },
}


def tutorial(model: str) -> dict:
    """The dict from which the tutorial's notebook writes its file for ``model``."""
    return {
        "experiment": {
            "backend": "pytorch",
            "data_config": copy.deepcopy(SPLITS_AND_FEATURES),
            "dataset": "office",
            "top_k": 20,
            "evaluation": {"cutoffs": [20], "simple_metrics": ["Recall", "nDCG"]},
            "gpu": 0,
            "external_models_path": "../external/models/__init__.py",
            "models": {model: copy.deepcopy(TUTORIAL_MODELS[model])},
        }
    }


LIGHTGCNM_FILE = """\
experiment:
  backend: pytorch
  data_config:
    side_information:
    - dataloader: VisualAttribute
      visual_features: ../data/{0}/image_feat
    - dataloader: TextualAttribute
      textual_features: ../data/{0}/text_feat
    strategy: fixed
    test_path: ../data/{0}/test.txt
    train_path: ../data/{0}/train.txt
    validation_path: ../data/{0}/val.txt
  dataset: office
  evaluation:
    cutoffs:
    - 20
    simple_metrics:
    - Recall
    - nDCG
  external_models_path: ../external/models/__init__.py
  gpu: 0
  models:
    external.LightGCNM:
      aggregation: mean
      batch_size: 1024
      epochs: 200
      factors: 64
      l_w: 1.0e-05
      loaders: ('VisualAttribute','TextualAttribute')
      lr: 0.005
      meta:
        hyper_opt_alg: grid
        restore: false
        save_recs: false
        save_weights: false
        validation_metric: Recall@20
        validation_rate: 10
        verbose: true
      modalities: ('visual','textual')
      n_layers: 1
      normalize: true
      seed: 123
  top_k: 20
"""


def good(**changes: object) -> dict:
    """A small valid experiment with some of its keys changed."""
    experiment = {
        "dataset": "toy",
        "top_k": 20,
        "data_config": {"strategy": "fixed", "train_path": "a.tsv", "test_path": "b.tsv"},
        "evaluation": {"simple_metrics": ["Recall"]},
        "models": {"MostPop": {}},
    }
    return {"experiment": experiment | changes}


def messages(source: str | dict | Path) -> list[str]:
    """The lines of the error that an invalid experiment raises."""
    loaded = read_experiment(source)
    with pytest.raises(ConfigError) as caught:
        loaded.problems.raise_if_any()
    return str(caught.value).splitlines()


def read(source: str | dict | Path, base_dir: Path | None = None) -> Loaded:
    """Read a valid experiment."""
    loaded = read_experiment(source, base_dir)
    loaded.problems.raise_if_any()
    assert loaded.experiment is not None
    return loaded


@pytest.mark.parametrize("model", TUTORIAL_MODELS)
@pytest.mark.parametrize("form", ["file", "dict"])
def test_the_files_of_the_tutorial(tmp_path: Path, model: str, form: str) -> None:
    (tmp_path / "config_files").mkdir()
    path = tmp_path / "config_files" / "hands-on-2-log_2023.yml"
    path.write_text(yaml.dump(tutorial(model)))
    loaded = read(path) if form == "file" else read(tutorial(model), path.parent)
    experiment = loaded.experiment
    data = tmp_path / "data" / "office"
    assert experiment.data_config.train_path == data / "train.txt"
    assert experiment.data_config.validation_path == data / "val.txt"
    assert experiment.data_config.test_path == data / "test.txt"
    visual, textual = experiment.data_config.side_information
    assert (visual.dataloader, visual.options) == (
        "VisualAttribute",
        {"visual_features": data / "image_feat"},
    )
    assert (textual.dataloader, textual.options) == (
        "TextualAttribute",
        {"textual_features": data / "text_feat"},
    )
    assert experiment.external_models_path == tmp_path / "external" / "models" / "__init__.py"
    assert experiment.path_output_rec_result == tmp_path / "results" / "office" / "recs"
    assert experiment.path_output_rec_weight == tmp_path / "results" / "office" / "weights"
    assert experiment.path_output_rec_performance == (
        tmp_path / "results" / "office" / "performance"
    )
    assert (experiment.backend, experiment.dataset, experiment.gpu) == ("pytorch", "office", 0)
    assert (experiment.top_k, experiment.evaluation.cutoffs) == (20, (20,))
    assert experiment.evaluation.simple_metrics == ("Recall", "nDCG")
    assert experiment.evaluation.relevance_threshold == 0.0
    assert experiment.models == {model: TUTORIAL_MODELS[model]} == loaded.models


def test_the_text_of_the_tutorial_is_what_the_notebook_writes() -> None:
    assert yaml.dump(tutorial("external.LightGCNM")) == LIGHTGCNM_FILE
    document = read(LIGHTGCNM_FILE).document
    assert document.source == "<text>"
    assert document.line_of(("experiment", "models", "external.LightGCNM", "l_w")) == 28


def test_defaults() -> None:
    experiment = read(good()).experiment
    assert experiment.evaluation.cutoffs == (20,)
    assert experiment.evaluation.paired_ttest is False
    assert experiment.evaluation.wilcoxon_test is False
    assert experiment.data_config.validation_path is None
    assert experiment.data_config.side_information == ()
    assert experiment.external_models_path is None
    assert (experiment.gpu, experiment.binarize, experiment.random_seed) == (-1, False, 42)
    assert experiment.print_results_as_triplets is False
    assert experiment.data_config.train_path == Path.cwd() / "a.tsv"


def test_other_ways_to_write_the_same() -> None:
    experiment = read(
        good(
            backend=["tensorflow", "pytorch"],
            top_k="20",
            gpu="0",
            binarize="True",
            random_seed=7.0,
            evaluation={
                "cutoffs": 10,
                "simple_metrics": "Recall",
                "relevance_threshold": "1e-1",
            },
            data_config={
                "strategy": "fixed",
                "train_path": "a.tsv",
                "test_path": "b.tsv",
                "side_information": {"dataloader": "Mine", "folder": "feat", "width": 64},
            },
        )
    ).experiment
    assert experiment.backend == "pytorch"
    assert (experiment.top_k, experiment.gpu, experiment.random_seed) == (20, 0, 7)
    assert type(experiment.random_seed) is int
    assert experiment.binarize is True
    assert experiment.evaluation.cutoffs == (10,)
    assert experiment.evaluation.simple_metrics == ("Recall",)
    assert experiment.evaluation.relevance_threshold == 0.1
    [source] = experiment.data_config.side_information
    assert isinstance(source, SideInformation)
    assert source.options == {"folder": Path.cwd() / "feat", "width": 64}


def test_paths_of_the_splits() -> None:
    data = {"strategy": "fixed", "test_path": "b.tsv", "train_path": "a.csv", "header": "true"}
    config = read(good(data_config=data), Path("/x")).experiment.data_config
    assert config.header is True
    assert list(config.split_paths.items()) == [
        ("train", ("train_path", Path("/x/a.csv"))),
        ("test", ("test_path", Path("/x/b.tsv"))),
    ]
    whole = {"strategy": "fixed", "dataset_path": "{0}.inter"}
    config = read(good(data_config=whole), Path("/x")).experiment.data_config
    assert config.header is False
    place = ("dataset_path", Path("/x/toy.inter"))
    assert config.split_paths == {"train": place, "validation": place, "test": place}


def test_keys_without_effect_are_accepted_and_noted() -> None:
    meta = {"verbose": True, "write_best_iterations": True, "save_recs": True}
    stopping = {"patience": 3, "verbose": "False"}
    models = {"external.BM3": {"meta": meta, "early_stopping": stopping}, "MostPop": {"meta": None}}
    loaded = read(yaml.dump(good(models=models)))
    keys = ["meta.verbose", "meta.write_best_iterations", "early_stopping.verbose"]
    for note, key in zip(loaded.notes, keys, strict=True):
        line = loaded.document.line_of(("experiment", "models", "external.BM3", *key.split(".")))
        assert_contains(note, [f"<text>:{line}:", f"experiment.models.external.BM3.{key}:"])
    assert ModelMeta(**meta).model_dump().keys() == ModelMeta().model_dump().keys()
    assert "verbose" not in EarlyStopping(**stopping).model_dump()


def test_keys_of_elliot_without_effect_are_accepted_at_the_top_and_noted() -> None:
    ignored = {"version": "0.3.1", "verbose": True, "write_best_iterations": False}
    ignored["external_posthoc_path"] = "x"
    loaded = read(yaml.dump(good(**ignored)))
    assert loaded.experiment is not None
    noted = {re.search(r"experiment\.(\w+): ", note)[1] for note in loaded.notes}
    assert noted == set(ignored)


def test_a_key_without_effect_of_several_models_is_noted_once() -> None:
    names = ["external.BM3", "VBPR", "MostPop"]
    loaded = read(yaml.dump(good(models={n: {"meta": {"verbose": 1}} for n in names})))
    (note,) = loaded.notes
    assert all(name in note for name in names)


def test_duplicate_metrics_are_noted_in_any_spelling() -> None:
    names = ["Recall", "nDCG", "recall ", "NDCG"]
    loaded = read(good(evaluation={"simple_metrics": names}))
    first, second = loaded.notes
    assert_contains(first, ["simple_metrics[2]:", "'recall '", "'Recall'"])
    assert_contains(second, ["simple_metrics[3]:", "'NDCG'", "'nDCG'"])


def test_the_order_of_cutoffs_is_kept() -> None:
    evaluation = {"simple_metrics": ["Recall"], "cutoffs": [20, 5, 10]}
    assert read(good(evaluation=evaluation)).experiment.evaluation.cutoffs == (20, 5, 10)


FAULTY = """\
experiment:
  backend: [tensorflow]
  data_config:
    strategy: fixed
    train_path: ../data/{1}/train.tsv
    test_path: 3
    root_folder: x
    side_information:
      - dataloader: VisualAttribute
        visual_features: "{dataset}/x"
      - dataloder: TextualAttribute
      - 7
  dataset: 2018
  top_k: [10, 20]
  topk: 3
  evaluation:
    cutoffs: [10, 0, x]
    simple_metrics: []
    paired_ttest: 1
    complex_metrics: [{name: DSC}]
  gpu: -2
  gpu: 3
  binarize: yes
  random_seed: 3.7
  path_output_rec_result:
  models:
    A: 3
    B:
      lr: [0.1, 0.2]
    C:
experimnt: 3
"""


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(FAULTY)
    expected = [
        (2, "backend", "found ['tensorflow']", "'pytorch'"),
        (5, "data_config.train_path", "found '../data/{1}/train.tsv'", "{0}"),
        (6, "data_config.test_path", "found 3", "a path"),
        (7, "data_config.root_folder", "strategy: hierarchy", "train_path, validation_path"),
        (10, "data_config.side_information[0].visual_features", "found '{dataset}/x'", "{0}"),
        (11, "data_config.side_information[1].dataloader", "required key is missing", "text"),
        (12, "data_config.side_information[2]", "found 7", "a mapping", "'dataloader'"),
        (13, "dataset", "found 2018", "put it in quotes", "text, not empty"),
        (14, "top_k", "found [10, 20]", "hyper-parameters", "a whole number, 1 or more"),
        (15, "topk", "unknown key", "did you mean 'top_k'?", *Experiment.model_fields),
        (17, "evaluation.cutoffs[1]", "found 0", "a whole number, 1 or more"),
        (17, "evaluation.cutoffs[2]", "found 'x'", "a whole number, 1 or more"),
        (18, "evaluation.simple_metrics", "found []", "the name of a metric, or a list"),
        (19, "evaluation.paired_ttest", "found 1", "true or false"),
        (20, "evaluation.complex_metrics[0].metric", "required key is missing"),
        (21, "gpu", "found -2", "CUDA", "-1"),
        (22, "gpu", "duplicate key", "line 21"),
        (23, "binarize", "found 'yes'", "true or false"),
        (24, "random_seed", "found 3.7", "a whole number, 0 or more"),
        (25, "path_output_rec_result", "found nothing", "a path"),
        (27, "models.A", "found 3", "a mapping of settings"),
        (30, "models.C", "found nothing", "a mapping of settings"),
    ]
    *lines, last = messages(path)
    assert len(lines) == len(expected)
    for line, (number, key, *facts) in zip(lines, expected, strict=True):
        assert line.startswith(f"{path}:{number}: experiment.{key}: ")
        assert_contains(line, facts)
    assert_contains(last, [f"{path}:31: experimnt:", "did you mean 'experiment'?"])


def test_models_are_available_despite_problems() -> None:
    loaded = read_experiment(FAULTY)
    assert loaded.experiment is None
    assert loaded.models == {"B": {"lr": [0.1, 0.2]}}
    loaded.problems.add(("experiment", "models", "B", "lr"), "no")
    assert (29, "experiment.models.B.lr", "no") in [
        (problem.line, problem.key, problem.message) for problem in loaded.problems
    ]


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"dataset": ""}, ["dataset:", "found ''", "text, not empty"]),
        ({"top_k": 3.7}, ["top_k:", "found 3.7", "a whole number, 1 or more"]),
        ({"top_k": True}, ["top_k:", "found True", "a whole number, 1 or more"]),
        ({"top_k": "abc"}, ["top_k:", "found 'abc'", "a whole number, 1 or more"]),
        ({"top_k": 0}, ["top_k:", "found 0", "a whole number, 1 or more"]),
        ({"top_k": None}, ["top_k:", "found nothing", "a whole number, 1 or more"]),
        ({"binarize": 0}, ["binarize:", "found 0", "true or false"]),
        ({"binarize": "yes"}, ["binarize:", "found 'yes'", "true or false"]),
        (
            {"backend": "torch"},
            [
                "backend:",
                "found 'torch'",
                "did you mean 'pytorch'",
                "'pytorch', or a list",
            ],
        ),
        ({"dataloader": "DataSetLoader"}, ["dataloader:", "remove the key"]),
        ({"align_side_with_train": True}, ["align_side_with_train:", "remove the key"]),
        (
            {"negative_sampling": {}},
            [
                "negative_sampling:",
                "not supported",
                "candidates",
                "remove the key",
            ],
        ),
        (
            {"config_test": False},
            [
                "config_test:",
                "not supported",
                "remove the key",
            ],
        ),
        (
            {"path_log_folder": "x"},
            [
                "path_log_folder:",
                "not supported",
                "remove the key",
            ],
        ),
        (
            {"prefilter": {}},
            ["prefilter:", "unknown key", "did you mean 'prefiltering'", "backend, dataset"],
        ),
        (
            {"models": {}},
            [
                "models:",
                "found an empty mapping",
                "a mapping of at least one model name to its settings",
            ],
        ),
        (
            {"models": ["MostPop"]},
            [
                "models:",
                "found ['MostPop']",
                "a mapping of at least one model name to its settings",
            ],
        ),
        (
            {"evaluation": 3},
            ["evaluation:", "found 3", "a mapping with the keys cutoffs"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": 30}},
            ["evaluation.cutoffs:", "found 30", "at most top_k, which is 20"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": [5, 21]}},
            ["evaluation.cutoffs[1]:", "found 21", "at most top_k, which is 20"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": [5, 5]}},
            ["evaluation.cutoffs:", "duplicates of 5"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": []}},
            ["evaluation.cutoffs:", "found []", "a whole number from 1 to top_k"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall@20"]}},
            [
                "evaluation.simple_metrics:",
                "found Recall@20",
                "names without cutoffs",
            ],
        ),
        (
            {"evaluation": {"simple_metrics": [3]}},
            ["evaluation.simple_metrics[0]:", "found 3", "put it in quotes", "text"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "relevance_threshold": float("nan")}},
            ["evaluation.relevance_threshold:", "found nan", "a number"],
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "relevance_threshold": True}},
            ["evaluation.relevance_threshold:", "found True", "a number"],
        ),
        (
            {"data_config": {"train_path": "a", "test_path": "b", "strategy": "fixd"}},
            [
                "data_config.strategy:",
                "found 'fixd'",
                "did you mean 'fixed'",
                "'fixed', 'dataset' or 'hierarchy'",
            ],
        ),
        (
            {"data_config": {"train_path": "a", "strategy": "fixed"}},
            [
                "data_config.test_path:",
                "required key is missing",
                "a path",
            ],
        ),
        (
            {"data_config": {"dataset_path": "a", "test_path": "b", "strategy": "fixed"}},
            [
                "data_config.test_path:",
                "dataset_path",
            ],
        ),
        (
            {"data_config": {"dataset_path": "{}", "strategy": "fixed"}},
            ["data_config.dataset_path:", "found '{}'", "{0}"],
        ),
        (
            {"data_config": {"dataset_path": "a", "header": "yes", "strategy": "fixed"}},
            ["data_config.header:", "found 'yes'", "true or false"],
        ),
        (
            {
                "data_config": {
                    "strategy": "fixed",
                    "train_path": "a",
                    "test_path": "b",
                    "side_information": [{"dataloader": "X"}, {"dataloader": "X"}],
                }
            },
            ["data_config.side_information:", "duplicates of X"],
        ),
        (
            {
                "data_config": {
                    "strategy": "fixed",
                    "train_path": "a",
                    "test_path": "b",
                    "side_information": {"dataloader": "X", "folder": "{}"},
                }
            },
            ["data_config.side_information.folder:", "found '{}'", "{0}"],
        ),
        (
            {"data_config": "x" * 100},
            [
                "data_config:",
                "found 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...",
                "a mapping with the keys strategy",
            ],
        ),
    ],
)
def test_one_problem(changes: dict, facts: list[str]) -> None:
    [message] = messages(good(**changes))
    assert message.startswith(f"<dict>: experiment.{facts[0]} ")
    assert_contains(message, facts)


def test_without_the_root_key() -> None:
    root, dataset = messages("dataset: x\n\n")
    assert_contains(root, ["<text>:1: experiment:", "required key is missing", "backend, dataset"])
    assert_contains(dataset, ["<text>:1: dataset:", "unknown key", "belongs to experiment"])
    [message] = messages("- 1\n- 2\n")
    assert_contains(message, ["<text>:1:", "found [1, 2]", "a mapping with the keys experiment"])
    [message] = messages("experiment:\n\n")
    assert_contains(message, ["<text>:1: experiment:", "found nothing", "backend, dataset"])


def test_files_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yml: no such file$"):
        read_experiment(str(tmp_path / "missing.yml"))
    with pytest.raises(ConfigError, match=r"^<text>:2:1: not YAML: a tab"):
        read_experiment("a:\n\tb: 1\n")


def test_paths_start_at_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "c.yml").write_text(yaml.dump(good()))
    monkeypatch.chdir(tmp_path)
    for source, base_dir, folder in [
        ("conf/c.yml", None, tmp_path / "conf"),
        (Path("conf/c.yml"), None, tmp_path / "conf"),
        ("conf/c.yml", Path("other"), tmp_path / "other"),
        (good(), None, tmp_path),
    ]:
        experiment = read(source, base_dir).experiment
        assert experiment.data_config.train_path == folder / "a.tsv"
        assert experiment.path_output_rec_result == folder.parent / "results" / "toy" / "recs"


def test_an_experiment_does_not_change() -> None:
    experiment = read(good()).experiment
    with pytest.raises(ValueError, match="frozen"):
        experiment.top_k = 3


def test_an_experiment_is_made_by_reading() -> None:
    with pytest.raises(TypeError, match="read_experiment"):
        ExperimentFile.model_validate(good())


def test_every_key_is_documented() -> None:
    sections = Section.__subclasses__()
    assert ExperimentFile in sections
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description or not section.__module__.startswith("mmrec."), name


def test_pydantic_can_make_a_schema() -> None:
    schema = ExperimentFile.model_json_schema()
    assert schema["required"] == ["experiment"]
    assert "top_k" in schema["$defs"]["Experiment"]["required"]
