"""Whole experiments: what is read, and every way in which a file is refused."""

import copy
from pathlib import Path

import pytest
import yaml
from tiny_experiment import SPLITS_AND_FEATURES

from mmrec.config import ExperimentFile, Loaded, Section, SideInformation, read_experiment
from mmrec.errors import ConfigError

EXPERIMENT_KEYS = (
    "version, backend, dataset, dataloader, data_config, prefiltering, splitting, top_k, "
    "evaluation, gpu, binarize, "
    "random_seed, align_side_with_train, external_models_path, path_output_rec_result, "
    "path_output_rec_weight, path_output_rec_performance, print_results_as_triplets, execution, "
    "tracking, report, models"
)
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
    """A small experiment without faults, with some of its keys changed."""
    experiment = {
        "dataset": "toy",
        "top_k": 20,
        "data_config": {"strategy": "fixed", "train_path": "a.tsv", "test_path": "b.tsv"},
        "evaluation": {"simple_metrics": ["Recall"]},
        "models": {"MostPop": {}},
    }
    return {"experiment": experiment | changes}


def told(source: str | dict | Path) -> list[str]:
    """The lines of the error that a faulty experiment raises."""
    loaded = read_experiment(source)
    with pytest.raises(ConfigError) as caught:
        loaded.problems.raise_if_any()
    return str(caught.value).splitlines()


def read(source: str | dict | Path, base_dir: Path | None = None) -> Loaded:
    """Read an experiment that has no faults."""
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
    assert experiment.align_side_with_train is True
    assert experiment.print_results_as_triplets is False
    assert experiment.data_config.train_path == Path.cwd() / "a.tsv"


def test_other_ways_to_write_the_same() -> None:
    experiment = read(
        good(
            backend=["tensorflow", "pytorch"],
            version="0.3.1",
            dataloader="DataSetLoader",
            top_k="20",
            gpu="0",
            binarize="True",
            align_side_with_train="False",
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
                "dataloader": "DataSetLoader",
                "side_information": {"dataloader": "Mine", "folder": "feat", "width": 64},
            },
        )
    ).experiment
    assert experiment.backend == "pytorch"
    assert (experiment.top_k, experiment.gpu, experiment.random_seed) == (20, 0, 7)
    assert type(experiment.random_seed) is int
    assert (experiment.binarize, experiment.align_side_with_train) == (True, False)
    assert experiment.evaluation.cutoffs == (10,)
    assert experiment.evaluation.simple_metrics == ("Recall",)
    assert experiment.evaluation.relevance_threshold == 0.1
    [source] = experiment.data_config.side_information
    assert isinstance(source, SideInformation)
    assert source.options == {"folder": Path.cwd() / "feat", "width": 64}


def test_where_the_splits_are() -> None:
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
    complex_metrics: []
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


def test_everything_wrong_is_told_together(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(FAULTY)
    relative = "a path; a relative one starts at this file's folder"
    expected = [
        "2: experiment.backend: found ['tensorflow']; accepted: 'pytorch', or a list that holds it",
        "5: experiment.data_config.train_path: found '../data/{1}/train.tsv'; the only placeholder "
        "is {0}, the name of the dataset",
        f"6: experiment.data_config.test_path: found 3; accepted: {relative}",
        "7: experiment.data_config.root_folder: belongs to strategy: hierarchy; strategy: fixed "
        "takes train_path, validation_path, test_path, dataset_path",
        "10: experiment.data_config.side_information[0].visual_features: found '{dataset}/x'; the "
        "only placeholder is {0}, the name of the dataset",
        "11: experiment.data_config.side_information[1].dataloader: required key is missing (Name "
        "of the loader, such as VisualAttribute); accepted: text",
        "12: experiment.data_config.side_information[2]: found 7; accepted: a mapping with the key "
        "'dataloader' and the paths that it reads",
        "13: experiment.dataset: found 2018 (put it in quotes); accepted: text, not empty",
        "14: experiment.top_k: found [10, 20] (lists are searched only among the hyper-parameters "
        "of a model); accepted: a whole number, 1 or more",
        f"15: experiment.topk: unknown key (did you mean 'top_k'?); accepted: {EXPERIMENT_KEYS}",
        "17: experiment.evaluation.cutoffs[1]: found 0; accepted: a whole number, 1 or more",
        "17: experiment.evaluation.cutoffs[2]: found 'x'; accepted: a whole number, 1 or more",
        "18: experiment.evaluation.simple_metrics: found []; accepted: the name of a metric, or a "
        "list of names",
        "19: experiment.evaluation.paired_ttest: found 1; accepted: true or false",
        "20: experiment.evaluation.complex_metrics: not available yet in this version; name "
        "metrics in simple_metrics",
        "21: experiment.gpu: found -2; accepted: a CUDA device, such as 0, or -1: the CPU",
        "22: experiment.gpu: duplicate key; the first is on line 21",
        "23: experiment.binarize: found 'yes'; accepted: true or false",
        "24: experiment.random_seed: found 3.7; accepted: a whole number, 0 or more",
        f"25: experiment.path_output_rec_result: found nothing; accepted: {relative}",
        "27: experiment.models.A: found 3; accepted: a mapping of settings, {} if there are none",
        "30: experiment.models.C: found nothing; accepted: a mapping of settings, {} if there are "
        "none",
        "31: experimnt: unknown key (did you mean 'experiment'?); accepted: experiment",
    ]
    assert told(path) == [f"{path}:{line}" for line in expected]


def test_the_models_stay_in_reach_of_whoever_checks_them() -> None:
    loaded = read_experiment(FAULTY)
    assert loaded.experiment is None
    assert loaded.models == {"B": {"lr": [0.1, 0.2]}}
    loaded.problems.add(("experiment", "models", "B", "lr"), "no")
    assert (29, "experiment.models.B.lr", "no") in [
        (problem.line, problem.key, problem.message) for problem in loaded.problems
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": ""}, "dataset: found ''; accepted: text, not empty"),
        ({"top_k": 3.7}, "top_k: found 3.7; accepted: a whole number, 1 or more"),
        ({"top_k": True}, "top_k: found True; accepted: a whole number, 1 or more"),
        ({"top_k": "abc"}, "top_k: found 'abc'; accepted: a whole number, 1 or more"),
        ({"top_k": 0}, "top_k: found 0; accepted: a whole number, 1 or more"),
        ({"top_k": None}, "top_k: found nothing; accepted: a whole number, 1 or more"),
        ({"binarize": 0}, "binarize: found 0; accepted: true or false"),
        ({"binarize": "yes"}, "binarize: found 'yes'; accepted: true or false"),
        (
            {"backend": "torch"},
            "backend: found 'torch' (did you mean 'pytorch'?); accepted: "
            "'pytorch', or a list that holds it",
        ),
        ({"version": "0.2"}, "version: found '0.2'; accepted: '0.3.1'"),
        ({"dataloader": "KGLoader"}, "dataloader: found 'KGLoader'; accepted: 'DataSetLoader'"),
        (
            {"negative_sampling": {}},
            "negative_sampling: not supported: every item that a user did not train on is a "
            "candidate; remove the key",
        ),
        (
            {"config_test": False},
            "config_test: not supported: every file is checked before training; remove the key",
        ),
        (
            {"path_log_folder": "x"},
            "path_log_folder: not supported: the logs stand beside the results; remove the key",
        ),
        (
            {"external_posthoc_path": "x"},
            "external_posthoc_path: not supported, and without effect in Elliot; remove the key",
        ),
        (
            {"prefilter": {}},
            f"prefilter: unknown key (did you mean 'prefiltering'?); accepted: {EXPERIMENT_KEYS}",
        ),
        (
            {"models": {}},
            "models: found an empty mapping; accepted: a mapping from the name of a model to its "
            "settings, with at least one model",
        ),
        (
            {"models": ["MostPop"]},
            "models: found ['MostPop']; accepted: a mapping from the name of a model to its "
            "settings, with at least one model",
        ),
        (
            {"evaluation": 3},
            "evaluation: found 3; accepted: a mapping with the keys cutoffs, simple_metrics, "
            "relevance_threshold, paired_ttest, require_validation, wilcoxon_test",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": 30}},
            "evaluation.cutoffs: found 30; accepted: at most top_k, which is 20",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": [5, 21]}},
            "evaluation.cutoffs[1]: found 21; accepted: at most top_k, which is 20",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": [5, 5]}},
            "evaluation.cutoffs: found 5 twice; accepted: each once",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": []}},
            "evaluation.cutoffs: found []; accepted: a whole number from 1 to top_k, or a list of "
            "them",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall@20"]}},
            "evaluation.simple_metrics: found Recall@20; accepted: names alone, with the numbers "
            "in cutoffs",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall", "recall"]}},
            "evaluation.simple_metrics: found recall twice; accepted: each once",
        ),
        (
            {"evaluation": {"simple_metrics": [3]}},
            "evaluation.simple_metrics[0]: found 3 (put it in quotes); accepted: text",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "relevance_threshold": float("nan")}},
            "evaluation.relevance_threshold: found nan; accepted: a number",
        ),
        (
            {"evaluation": {"simple_metrics": ["Recall"], "relevance_threshold": True}},
            "evaluation.relevance_threshold: found True; accepted: a number",
        ),
        (
            {"data_config": {"train_path": "a", "test_path": "b", "strategy": "fixd"}},
            "data_config.strategy: found 'fixd' (did you mean 'fixed'?); accepted: 'fixed', "
            "'dataset' or 'hierarchy'",
        ),
        (
            {"data_config": {"train_path": "a", "strategy": "fixed"}},
            "data_config.test_path: required key is missing (Interactions that are reported on); "
            "accepted: a path; a relative one starts at this file's folder",
        ),
        (
            {"data_config": {"dataset_path": "a", "test_path": "b", "strategy": "fixed"}},
            "data_config.test_path: stands beside dataset_path, which holds all splits; remove one",
        ),
        (
            {"data_config": {"dataset_path": "{}", "strategy": "fixed"}},
            "data_config.dataset_path: found '{}'; the only placeholder is {0}, the name of the "
            "dataset",
        ),
        (
            {"data_config": {"dataset_path": "a", "header": "yes", "strategy": "fixed"}},
            "data_config.header: found 'yes'; accepted: true or false",
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
            "data_config.side_information: found the dataloader X twice; accepted: every loader "
            "once, since models refer to it by its name",
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
            "data_config.side_information.folder: found '{}'; the only placeholder is {0}, the "
            "name of the dataset",
        ),
        (
            {"data_config": "x" * 100},
            f"data_config: found '{'x' * 56}...; accepted: a mapping with the keys strategy, "
            "dataset_path, train_path, validation_path, test_path, root_folder, header, "
            "side_information, dataloader",
        ),
    ],
)
def test_one_fault(changes: dict, message: str) -> None:
    assert told(good(**changes)) == [f"<dict>: experiment.{message}"]


def test_without_the_root_key() -> None:
    assert told("dataset: x\n\n") == [
        "<text>:1: experiment: required key is missing (Data, evaluation, outputs and models); "
        f"accepted: a mapping with the keys {EXPERIMENT_KEYS}",
        "<text>:1: dataset: unknown key here; it belongs to experiment",
    ]
    assert told("- 1\n- 2\n") == [
        "<text>:1: found [1, 2]; accepted: a mapping with the keys experiment"
    ]
    assert told("experiment:\n\n") == [
        f"<text>:1: experiment: found nothing; accepted: a mapping with the keys {EXPERIMENT_KEYS}"
    ]


def test_files_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yml: no such file$"):
        read_experiment(str(tmp_path / "missing.yml"))
    with pytest.raises(ConfigError, match=r"^<text>:2:1: not YAML: a tab; indent with spaces"):
        read_experiment("a:\n\tb: 1\n")


def test_the_folder_of_a_file_is_where_paths_start(
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


def test_the_schema_for_editors_can_be_made() -> None:
    schema = ExperimentFile.model_json_schema()
    assert schema["required"] == ["experiment"]
    assert "top_k" in schema["$defs"]["Experiment"]["required"]
