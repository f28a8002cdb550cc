"""The user's own file of models: importing it, and finding a model in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers import refusal, write_text

from mmrec.errors import ModelError
from mmrec.models import LATTICE, LightGCNM, MostPop, find_recommender, load_external_module

MODEL = """
from mmrec.models import Recommender

class {name}(Recommender):
    def __init__(self, config, dataset): ...
    def scorer(self): ...
"""


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    """Forget the modules that a test imports."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
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


def test_two_packages_of_one_name_do_not_meet(tmp_path: Path) -> None:
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
    """Lacks nothing but is marked below as a class that is not to be used."""


Abstract.__abstractmethods__ = frozenset({"embed"})
MINE = module_with(MyModel=LightGCNM, Other=MostPop, Abstract=Abstract, helper=len, VALUE=3)


def test_built_in_and_external_names() -> None:
    assert find_recommender("LATTICE", None) is LATTICE
    assert find_recommender("LightGCNM", MINE) is LightGCNM
    assert find_recommender("external.MyModel", MINE) is LightGCNM
    assert find_recommender("external.Other", MINE) is MostPop


def test_unknown_names() -> None:
    known = "known: MostPop, Random, LATTICE, LightGCNM"
    assert refusal(ModelError, find_recommender, "lightgcn-m", None) == (
        f"unknown model (did you mean 'LightGCNM'?); {known}"
    )
    assert refusal(ModelError, find_recommender, "ItemKNN", None) == (
        "unknown model (write it as external.NAME, see docs/writing_a_model.md, or bring its lists "
        f"by RecommendationFolder); {known}"
    )
    assert refusal(ModelError, find_recommender, "MyModel", MINE) == (
        f"unknown model (did you mean 'external.MyModel'?); {known}, external.MyModel, "
        "external.Other"
    )
    assert refusal(ModelError, find_recommender, "external.MyModle", MINE) == (
        "mine.py has no model 'MyModle' (did you mean 'MyModel'?); it has: MyModel, Other"
    )
    assert refusal(ModelError, find_recommender, "external.Abstract", MINE).startswith(
        "mine.py has no model 'Abstract'"
    )
    assert refusal(ModelError, find_recommender, "external.X", module_with()) == (
        "mine.py has no model 'X'; it has: none"
    )


def test_an_external_name_without_a_file() -> None:
    assert refusal(ModelError, find_recommender, "external.LATTICE", None) == (
        "external_models_path is missing: it says where external models are"
    )
