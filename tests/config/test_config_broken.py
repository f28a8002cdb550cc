"""Broken experiments: each message names the line, what is wrong, and what to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from broken_experiments import BASE, CASES, broken
from helpers import ROOT

from mmrec.config import parse_yaml, read_experiment
from mmrec.errors import ConfigError
from mmrec.planning.plan import make_plan


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def told(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        make_plan(read_experiment(path))
    return str(error.value).splitlines()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40


def test_the_base_is_right(config_folder: Path) -> None:
    path = config_folder / "base.yml"
    path.write_text(BASE)
    assert make_plan(read_experiment(path)).n_trials == 3


@pytest.mark.parametrize("name", CASES)
def test_the_message_names_the_line_and_says_what_to_do(name: str, config_folder: Path) -> None:
    case = CASES[name]
    text = broken(name)
    path = config_folder / "broken.yml"
    lines = told(path, text)
    here = [line for line in lines if line.startswith(f"{path}:{line_of(text, case['at'])}:")]
    assert here, lines
    missing = [part for part in case["says"] if not any(str(part) in line for line in here)]
    assert not missing, here


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.get("schema", True)])
def test_an_editor_sees_it_too(name: str) -> None:
    schema = json.loads((ROOT / "config_files" / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(parse_yaml(BASE).data)
    assert not validator.is_valid(parse_yaml(broken(name)).data)
