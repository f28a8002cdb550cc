"""Commands that compute nothing do without torch, scipy and pandas, and their results are equal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from broken_experiments import BASE, CASES, broken
from helpers import ROOT
from tiny_experiment import Write

from mmrec.experiment import run_experiment
from mmrec.models import MODELS

pytestmark = pytest.mark.slow

COMMAND = """
import sys
from mmrec.cli import main
code = main(sys.argv[1:])
"""
CHECK = 'assert not {"torch", "scipy", "pandas", "safetensors"} & set(sys.modules)'
PROGRAMS = f"import torch\n{COMMAND}\nsys.exit(code)", f"{COMMAND}\n{CHECK}\nsys.exit(code)"
"""A command with and without the libraries."""
USES = [
    "len(torch.zeros(5))",
    "torch.zeros(5) + 1",
    "not torch.is_tensor([])",
    "torch.float32 == torch.zeros(1).dtype",
    "isinstance([], torch.Tensor)",
    "issubclass(list, (int, torch.Tensor))",
    "{torch.float32: 5}",
    "f'{torch.device}'",
    "[value for value in torch.zeros(1)]",
    "torch.device('cpu')",
    "setattr(torch.backends.cuda, 'allow_tf32', True)",
    "torch.__version__",
]
PROGRAM = """
import sys
from mmrec.libraries import without_libraries

def uses(use):
    calls = []

    def call():
        calls.append(use)
        if len(calls) == 1:
            import torch
            import mmrec.models
            eval(use)
        return len(calls)

    return without_libraries(call) == 2

for use in sys.argv[1:]:
    assert uses(use), use
assert not uses("torch.nn.Module")
from torch import nn
from mmrec import models
assert issubclass(models.Model, nn.Module)
"""
EXTERNAL = """
import torch
from mmrec.models import Recommender

class Zeros(Recommender):
    scores = torch.zeros(3) + 1

    def scorer(self):
        return lambda users: torch.zeros(len(users), self.n_items)
"""
BUILT_IN = [name for name, kind in MODELS.items() if kind.__module__.startswith("mmrec.")]
WRONG = {"seed": -1, "epochs": [1, 0], "lr": "fast", "sampler": "AllUser", "factors": 0, "top": 3}


def files(folder: Path) -> Iterator[Path]:
    """Right and wrong experiment files; each model with its defaults and with wrong settings."""
    experiment = yaml.safe_load(BASE)["experiment"]
    models = {
        "right": {name: {} for name in BUILT_IN},
        "wrong": dict.fromkeys(BUILT_IN, WRONG),
        "subsets": {name: {"modalities": "each_subset"} for name in BUILT_IN},
    }
    contents = {"base": BASE} | {name: broken(name) for name in CASES}
    contents |= {
        name: yaml.safe_dump({"experiment": experiment | {"models": entries}})
        for name, entries in models.items()
    }
    for number, content in enumerate(contents.values()):
        path = folder / f"{number}.yml"
        path.write_text(content)
        yield path
    examples = sorted(ROOT.glob("config_files/*.yml"))
    yield from (path for path in examples if "external_models_path" not in path.read_text())


def run_program(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_validate_finds_the_same_problems(config_folder: Path) -> None:
    paths = [*files(config_folder)]
    expected, done = (run_program(program, "validate", *paths) for program in PROGRAMS)
    assert done.stderr.splitlines() == expected.stderr.splitlines()
    assert done.stdout == expected.stdout
    assert done.returncode == expected.returncode == 2
    assert f"{paths[0]}: ok (" in done.stdout
    assert all(f"{model}.seed" in done.stderr for model in BUILT_IN)


def test_the_schema_is_the_same() -> None:
    expected, done = (run_program(program, "schema") for program in PROGRAMS)
    assert done.stdout == expected.stdout
    assert done.returncode == expected.returncode == 0


def test_the_difference_of_two_runs_is_the_same(experiment_file: Write) -> None:
    runs = [
        run_experiment(experiment_file({model: {}}), progress=False).folder
        for model in ("MostPop", "Random")
    ]
    expected, done = (run_program(program, "diff", *runs) for program in PROGRAMS)
    assert done.stdout == expected.stdout
    assert done.returncode == expected.returncode == 1, done.stderr
    assert "Random" in done.stdout


def test_code_of_the_user_has_the_libraries(experiment_file: Write) -> None:
    path = experiment_file({"external.Zeros": {}}, external_models_path="zeros.py")
    path.with_name("zeros.py").write_text(EXTERNAL)
    done = run_program(COMMAND, "validate", path)
    assert ": ok (1 model, 1 trial)" in done.stdout, done.stderr


def test_what_uses_a_library_is_called_again() -> None:
    done = run_program(PROGRAM, *USES)
    assert done.returncode == 0, done.stderr
