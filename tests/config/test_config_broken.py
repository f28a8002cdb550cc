"""Broken experiments: each message contains the line, the value and what is accepted."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from broken_experiments import BASE, CASES, broken

from mmrec.config import parse_yaml
from mmrec.errors import ConfigError
from mmrec.experiment import check_experiment
from mmrec.json_schema import experiment_schema


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def messages(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        check_experiment(path)
    return str(error.value).splitlines()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40


def test_the_base_is_valid(config_folder: Path) -> None:
    path = config_folder / "base.yml"
    path.write_text(BASE)
    _, plan, _ = check_experiment(path)
    assert plan.n_trials == 3


@pytest.mark.parametrize("name", CASES)
def test_the_message_contains_the_line_and_the_facts(name: str, config_folder: Path) -> None:
    case = CASES[name]
    text = broken(name)
    path = config_folder / "broken.yml"
    lines = messages(path, text)
    here = [line for line in lines if line.startswith(f"{path}:{line_of(text, case['at'])}:")]
    assert here, lines
    missing = [part for part in case["says"] if not any(str(part) in line for line in here)]
    assert not missing, here


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(experiment_schema())


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.get("schema", True)])
def test_the_json_schema_detects_it(name: str, validator: jsonschema.Draft202012Validator) -> None:
    assert validator.is_valid(parse_yaml(BASE).data)
    assert not validator.is_valid(parse_yaml(broken(name)).data)
