"""``mmrec validate`` and ``mmrec schema``."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from helpers import ROOT, assert_contains
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.config import read_experiment, read_yaml
from mmrec.json_schema import experiment_schema, schema_text
from mmrec.registry import activate_external

CONFIGS = sorted((ROOT / "config_files").glob("*.yml"))
COMMITTED = ROOT / "config_files" / "schema.json"


def test_a_valid_file_is_counted(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"LightGCNM": settings(lr=[0.01, 0.02]), "MostPop": {}})
    assert main(["validate", str(path)]) == 0
    assert_contains(capsys.readouterr().out, [path, "2 models", "3 trials"])


def test_every_problem_of_every_file_is_reported(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = experiment_file()
    wrong = right.with_name("wrong.yml")
    wrong.write_text(right.read_text().replace("nDCG", "nDGC").replace("MostPop", "MostPops"))
    assert main(["validate", str(wrong), str(right), str(tmp_path / "none.yml")]) == 2
    printed = capsys.readouterr()
    assert_contains(printed.out, [right, "1 model,", "1 trial"])
    metric, model, file = printed.err.splitlines()
    assert_contains(metric, [f"{wrong}:17: ", "'nDCG'"])
    assert_contains(model, [f"{wrong}:", "'MostPop'"])
    assert_contains(file, [tmp_path / "none.yml"])


@pytest.mark.parametrize("key", ["train.txt", "image_feat", "external.py"])
def test_paths_that_the_file_system_refuses(
    key: str, experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file(external_models_path="../data/external.py")
    path.write_text(path.read_text().replace(key, "x" * 300))
    assert main(["validate", str(path)]) == 2
    errors = capsys.readouterr().err
    (line,) = (line for line in errors.splitlines() if "File name too long" in line)
    assert "x" * 300 in line


@pytest.mark.parametrize("command", ["validate {}.yml", "run {}.yml", "convert {}.csv x.npy"])
def test_arguments_that_the_file_system_refuses(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.format("x" * 300).split()) == 2
    assert "File name too long" in capsys.readouterr().err


def test_nothing_is_read_and_nothing_written(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file()
    (tmp_path / "data/tiny/train.txt").write_text("not, a, split")
    (tmp_path / "data/tiny/image_feat/10.npy").write_bytes(b"no vector")
    before = sorted(tmp_path.rglob("*"))
    assert main(["validate", str(path)]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_the_schema_in_the_repository_is_the_one_of_the_code() -> None:
    activate_external(None)  # an earlier test may have read an experiment with its own names
    assert COMMITTED.read_text() == schema_text(), (
        "run: mmrec schema --output config_files/schema.json"
    )


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()
    assert main(["schema", "--output", str(tmp_path / "s.json")]) == 0
    assert (tmp_path / "s.json").read_text() == schema_text()


@pytest.fixture(scope="module")
def validator():
    schema = experiment_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_our_files_match_the_schema_and_refer_to_it(path: Path, validator) -> None:
    wrong = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(read_yaml(path).data)]
    assert wrong == []
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def experiment(**changes):
    return {
        "experiment": {
            "dataset": "d",
            "data_config": {"strategy": "fixed", "train_path": "a", "test_path": "b"},
            "top_k": 5,
            "evaluation": {"simple_metrics": "Recall"},
            "models": {"MostPop": {}},
        }
        | changes
    }


def lattice(**values):
    return experiment(models={"LATTICE": values})


@pytest.mark.parametrize(
    "entry",
    [
        {"lr": "1e-5"},
        {"lr": [0.1, "1e-2"]},
        {"lr": ["uniform", "-5", 5]},
        {"lr": "uniform(-5, 5)"},
        {"lr": ["loguniform(-5, 5)"]},
        {"lr": ["uniform(-5", "5)"]},
        {"lr": ["choice", 0.1, 0.2]},
        {"lr": ["choice", [0.1, 0.2]]},
        {"lr": ["quniform", 0, 1, 0.1]},
        {"n_layers": ["randint", 3]},
        {"n_layers": ["randint", 1, 3]},
        {"cf": ["lightgcn", "mf"]},
        {"ws": [64, 64]},
        {"ws": [[64, 64], [32]]},
        {"ws": "(64, 64)"},
        {"ws": ["choice", [64, 64], [32, 32]]},
        {"lr_sched": ["choice", [1, 50], "(0.9, 50)"]},
        {"modalities": "('visual','textual')"},
        {"modalities": "each_subset"},
        {"modalities": ["visual", "audio"]},
        {"modalities": ["('visual','audio')", "('visual')"]},
        {"seed": {"repeat": 3}},
        {"seed": [1, 2]},
        {"meta": None, "early_stopping": None},
        {"meta": {"hyper_opt_alg": "tpe", "validation_metric": "Recall", "verbose": True}},
        {"early_stopping": {"patience": 1, "monitor": "loss"}},
    ],
    ids=str,
)
def test_valid_values_match_the_schema(entry, validator) -> None:
    assert validator.is_valid(lattice(**entry))


@pytest.mark.parametrize(
    "entry",
    [
        {"lr": ["uniform", 1]},
        {"lr": "uniform 1 2"},
        {"lr": ["quniform", 0, 1]},
        {"n_layers": ["randint", 1, 2, 3]},
        {"l_m": 1.5},
        {"l_m": [0.5, 1.5]},
        {"n_layers": 1.5},
        {"n_layers": -1},
        {"cf": "gcn"},
        {"ws": [0]},
        {"dl": [1.0]},
        {"seed": {"repeat": 0}},
        {"meta": {"hyper_opt_alg": "mix"}},
        {"early_stopping": {}},
    ],
    ids=str,
)
def test_invalid_values_do_not_match_the_schema(entry, validator) -> None:
    assert not validator.is_valid(lattice(**entry))


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation": {"simple_metrics": "Recall", "cutoffs": None}},
        {"evaluation": {"simple_metrics": "Recall", "cutoffs": "3", "candidates": "all"}},
        {"execution": {"devices": 0}},
        {"execution": {"devices": [0, "1"]}},
        {"execution": {"devices": None}},
        {"validation_metric": "Recall@3"},
    ],
    ids=str,
)
def test_what_the_reader_accepts_matches_the_schema(changes, validator) -> None:
    read_experiment(experiment(**changes)).problems.raise_if_any()
    assert validator.is_valid(experiment(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation": {"simple_metrics": "Recall", "cutoffs": []}},
        {"evaluation": {"simple_metrics": "Recall", "cutoffs": 0}},
        {"execution": {"devices": -2}},
    ],
    ids=str,
)
def test_what_the_reader_refuses_does_not_match_the_schema(changes, validator) -> None:
    assert len(read_experiment(experiment(**changes)).problems) > 0
    assert not validator.is_valid(experiment(**changes))


@pytest.mark.parametrize("missing", ["drop", "zeros"])
def test_a_source_without_a_column_of_ids(missing: str, validator) -> None:
    source = {"dataloader": "VisualAttribute", "visual_features": "f", "missing": missing}
    written = experiment()
    written["experiment"]["data_config"]["side_information"] = [source | {"id": None}]
    assert validator.is_valid(written)


@pytest.mark.parametrize("users", [3, "3", [7], ["ann", 7]], ids=str)
def test_valid_users_of_the_report(users, validator) -> None:
    assert validator.is_valid(experiment(report={"users": users}))


@pytest.mark.parametrize("users", [0, 51, "ann", [], [1.5], [True]], ids=str)
def test_invalid_users_of_the_report(users, validator) -> None:
    assert not validator.is_valid(experiment(report={"users": users}))


def complex_metrics(*entries):
    return experiment(evaluation={"simple_metrics": "Recall", "complex_metrics": list(entries)})


def test_complex_metrics_match_the_schema(validator) -> None:
    groups = {"metric": "RSP", "clustering_name": "c", "clustering_file": "f"}
    assert validator.is_valid(complex_metrics({"metric": "DSC", "beta": "2"}, groups))
    for wrong in (
        {"metric": "DSC", "betta": 1},
        {"metric": "DSC", "beta": 0},
        {"metric": "RSP", "clustering_name": "c"},
        {"metric": "DCS"},
        {"beta": 1},
    ):
        assert not validator.is_valid(complex_metrics(wrong)), wrong


def test_external_names_need_an_external_file(validator) -> None:
    own = {"models": {"external.Mine": {"anything": [1, {"a": 2}], "meta": {"save_recs": True}}}}
    data = experiment()["experiment"]["data_config"]
    loader = {"data_config": data | {"side_information": [{"dataloader": "Mine", "key": "path"}]}}
    metric = {"evaluation": {"simple_metrics": ["Recall", "Mine"]}}
    entries = [{"metric": "Mine", "key": 1}]
    settings = {"evaluation": {"simple_metrics": "Recall", "complex_metrics": entries}}
    for changes in (own, loader, metric, settings, own | loader | metric):
        assert not validator.is_valid(experiment(**changes))
        assert validator.is_valid(experiment(**changes, external_models_path="mine.py"))
    bad = {"models": {"external.Mine": {"meta": {"save_rec": True}}}}
    assert not validator.is_valid(experiment(**bad, external_models_path="mine.py"))


def test_every_key_has_a_description() -> None:
    definitions = experiment_schema()["$defs"]
    sections = ("Experiment", "DataConfig", "Evaluation", "Execution")
    missing = [
        f"{section}.{name}"
        for section in sections
        for name, node in definitions[section]["properties"].items()
        if "description" not in node and "$ref" not in node
    ]
    missing += [
        name for name, node in definitions.items() if "." in name and not node.get("description")
    ]
    assert missing == []
    assert definitions["LATTICEConfig.top_k"]["default"] == 100


def test_our_files_are_still_yaml_of_one_document() -> None:
    for path in CONFIGS:
        assert set(yaml.safe_load(path.read_text())) == {"experiment"}
