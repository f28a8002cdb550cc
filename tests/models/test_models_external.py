"""The user's own file of models: importing it, and finding a model in it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers import refusal, write_text
from tiny_experiment import Write, settings

from mmrec.errors import ConfigError, ModelError
from mmrec.experiment import run_experiment
from mmrec.files import sha256
from mmrec.models import (
    executed_digests,
    find_recommender,
    load_external_module,
    source_digests,
)
from mmrec.models.baselines import MostPop
from mmrec.models.lattice import LATTICE
from mmrec.models.lightgcnm import LightGCNM
from mmrec.runs.environment import source_versions

MODEL = """
from mmrec.models import Recommender

class {name}(Recommender):
    def __init__(self, config, dataset): ...
    def scorer(self): ...
"""


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    """Forget the user's modules that a test imports; those of torch can be imported only once."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] != "torch":
            del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package as an experiment file names it: by its __init__.py."""
    folder = tmp_path / "models"
    (folder / "deeper").mkdir(parents=True)
    write_text(folder / "first.py", MODEL.format(name="First"))
    write_text(folder / "deeper" / "__init__.py", "")
    write_text(
        folder / "deeper" / "second.py", "from ..first import First\nclass Second(First): ..."
    )
    return write_text(
        folder / "__init__.py",
        "from mmrec.models import LATTICE\nfrom .first import First\n"
        "from .deeper.second import Second\nLOADED = []\n",
    )


def test_a_package_imports_its_siblings(package: Path) -> None:
    module = load_external_module(package)
    assert module.First.__name__ == "First"
    assert issubclass(module.Second, module.First)
    assert module.LATTICE is LATTICE
    assert module.__file__ == str(package)


def test_the_folder_may_be_named_instead(package: Path) -> None:
    assert load_external_module(package.parent) is load_external_module(package)


def test_is_imported_once(package: Path, tmp_path: Path) -> None:
    module = load_external_module(package)
    module.LOADED.append("kept")
    (tmp_path / "elsewhere").mkdir()
    by_another_way = tmp_path / "elsewhere" / ".." / "models" / "__init__.py"
    assert load_external_module(by_another_way) is module
    assert module.LOADED == ["kept"]


def test_a_single_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "my_model.py", MODEL.format(name="Mine"))
    assert find_recommender("external.Mine", load_external_module(path)).__name__ == "Mine"


def test_two_packages_of_one_name_are_separate(tmp_path: Path) -> None:
    modules = []
    for place in ("a", "b"):
        (tmp_path / place / "models").mkdir(parents=True)
        folder = tmp_path / place / "models"
        write_text(folder / "inner.py", f"PLACE = {place!r}")
        modules.append(
            load_external_module(write_text(folder / "__init__.py", "from .inner import PLACE"))
        )
    assert [module.PLACE for module in modules] == ["a", "b"]


def test_the_search_path_of_python_stays_as_it_is(package: Path) -> None:
    before = list(sys.path)
    load_external_module(package)
    assert sys.path == before


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "models" / "__init__.py"
    assert refusal(ModelError, load_external_module, path) == f"{path}: no such file"
    (tmp_path / "empty").mkdir()
    in_folder = tmp_path / "empty" / "__init__.py"
    assert refusal(ModelError, load_external_module, in_folder.parent) == (
        f"{in_folder}: no such file"
    )


def test_a_file_that_is_not_python(tmp_path: Path) -> None:
    path = write_text(tmp_path / "models.txt", "hello")
    assert refusal(ModelError, load_external_module, path) == f"{path}: expected a Python file"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("from mmrec.models import Lattice", "ImportError: cannot import name 'Lattice'"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_failing_import_says_why_and_leaves_nothing(
    source: str, reason: str, tmp_path: Path
) -> None:
    path = write_text(tmp_path / "models.py", source)
    before = set(sys.modules)
    message = refusal(ModelError, load_external_module, path)
    assert message.startswith(f"importing {path} failed: {reason}")
    assert set(sys.modules) == before
    write_text(path, MODEL.format(name="Mended"))
    assert load_external_module(path).Mended.__name__ == "Mended"


def module_with(**names: object) -> ModuleType:
    module = ModuleType("mine")
    module.__file__ = "mine.py"
    vars(module).update(names)
    return module


class Abstract(LightGCNM):
    """Complete, but marked as abstract below."""


Abstract.__abstractmethods__ = frozenset({"embed"})
MINE = module_with(MyModel=LightGCNM, Other=MostPop, Abstract=Abstract, helper=len, VALUE=3)


def test_built_in_and_external_names() -> None:
    assert find_recommender("LATTICE", None) is LATTICE
    assert find_recommender("LightGCNM", MINE) is LightGCNM
    assert find_recommender("external.MyModel", MINE) is LightGCNM
    assert find_recommender("external.Other", MINE) is MostPop


@pytest.mark.parametrize("external", [None, MINE])
def test_built_in_models_have_the_external_prefix_of_the_ecosystem_too(
    external: ModuleType | None,
) -> None:
    assert find_recommender("external.LATTICE", external) is LATTICE


def test_the_user_s_model_has_precedence_over_a_built_in_one() -> None:
    external = module_with(LATTICE=MostPop)
    assert find_recommender("external.LATTICE", external) is MostPop
    assert find_recommender("LATTICE", external) is LATTICE


@pytest.mark.parametrize(
    ("name", "external", "facts"),
    [
        ("lightgcn-m", None, ["did you mean 'LightGCNM'?", "MostPop", "LATTICE"]),
        ("Nothing", None, ["docs/writing_a_model.md", "RecommendationFolder"]),
        ("MyModel", MINE, ["did you mean 'external.MyModel'?", "external.Other"]),
        ("external.MyModle", MINE, ["mine.py", "did you mean 'MyModel'?", "MyModel, Other"]),
        ("external.Abstract", MINE, ["mine.py", "'Abstract'"]),
        ("external.LATICE", MINE, ["did you mean 'LATTICE'?"]),
        ("external.X", module_with(), ["'X'", "none"]),
        ("external.X", None, ["external_models_path", "'X'"]),
    ],
)
def test_unknown_names(name: str, external: ModuleType | None, facts: list[str]) -> None:
    message = refusal(ModelError, find_recommender, name, external)
    assert [fact for fact in facts if fact not in message] == []


def test_a_model_is_added_to_a_folder_by_its_file(package: Path) -> None:
    write_text(package.parent / "added.py", MODEL.format(name="Added"))
    for name in ("test_added.py", "_private.py", "conftest.py"):
        write_text(package.parent / name, "1 / 0")
    module = load_external_module(package)
    assert find_recommender("external.Added", module).__name__ == "Added"


def test_a_name_that_several_files_define_is_refused(package: Path) -> None:
    for file in ("one.py", "two.py"):
        write_text(package.parent / file, MODEL.format(name="Same"))
    module = load_external_module(package)
    message = refusal(ModelError, find_recommender, "external.Same", module)
    assert "one.py" in message
    assert "two.py" in message
    assert find_recommender("external.First", module).__name__ == "First"


def test_a_failing_file_of_a_folder_is_named(package: Path) -> None:
    broken = write_text(package.parent / "broken.py", "1 / 0")
    before = set(sys.modules)
    assert str(broken) in refusal(ModelError, load_external_module, package)
    assert set(sys.modules) == before


@pytest.mark.parametrize("file", ["__init__.py", "first.py"])
def test_what_is_executed_has_the_digest_that_is_recorded(package: Path, file: str) -> None:
    path = package.parent / file
    before = path.read_text()
    edit = f"import pathlib; pathlib.Path({str(path)!r}).write_text('1 / 0')\n"
    write_text(path, edit + before)
    module = load_external_module(package)
    assert find_recommender("external.First", module).__name__ == "First"
    assert executed_digests(package)[file] == sha256((edit + before).encode())
    assert source_digests(package)[file] == sha256(b"1 / 0")
    assert source_versions(package)[file] == executed_digests(package)[file]
    assert source_versions(package, reread=True)[file] == sha256(b"1 / 0")


def test_a_module_imported_later_is_the_one_that_was_read(package: Path) -> None:
    later = write_text(package.parent / "_later.py", "VALUE = 1")
    module = load_external_module(package)
    write_text(later, "VALUE = 2")
    assert importlib.import_module(f"{module.__name__}._later").VALUE == 1


@pytest.mark.parametrize("file", ["__init__.py", "first.py"])
def test_an_edit_of_equal_size_in_the_same_second_is_imported(package: Path, file: str) -> None:
    path = package.parent / file
    names = []
    for value in (1, 2):
        write_text(path, MODEL.format(name="First") + f"    value = {value}\n")
        os.utime(path, (10**9, 10**9))
        names.append(find_recommender("external.First", load_external_module(package)).value)
    assert names == [1, 2]
    assert not list(package.parent.rglob("*.pyc"))


SAMPLER = """
import numpy as np
from mmrec.data import EachInteraction, register_sampler

@register_sampler
class Ascending(EachInteraction):
    def draw_epoch(self, rng):
        samples = super().draw_epoch(rng)
        order = np.lexsort((samples.positives, samples.users))
        return type(samples)(*(column[order] for column in samples))
"""


@pytest.mark.parametrize("in_folder", [False, True])
def test_a_sampler_from_the_user_s_file(experiment_file: Write, in_folder: bool) -> None:
    path = experiment_file()
    file = path.parent / "mine.py"
    if in_folder:
        (path.parent / "mine").mkdir()
        write_text(path.parent / "mine" / "__init__.py", "")
        file = path.parent / "mine" / "sampling.py"
    write_text(file, SAMPLER)
    models = {"LightGCNM": settings(epochs=2, sampler="Ascending")}
    mine = "mine" if in_folder else "mine.py"
    results = run_experiment(experiment_file(models, external_models_path=mine), progress=False)
    assert list(results.trials["status"]) == ["finished"]
    message = refusal(ConfigError, run_experiment, experiment_file(models))
    assert "Ascending" in message
    assert "UniformUsers" in message
