"""Objects that experiment files refer to by name."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmrec.errors import ConfigError, DataError
from mmrec.registry import EXTERNAL_PREFIX, Registry, activate_external


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """A registry whose built-in package defines Square and Circle in two modules."""
    package = tmp_path / "builtin_shapes"
    package.mkdir()
    (package / "__init__.py").write_text("from mmrec.registry import Registry\nSHAPES = []\n")
    for name in ("Square", "Circle"):
        (package / f"{name.lower()}.py").write_text(
            f"from builtin_shapes import SHAPES\nclass {name}: pass\n"
            f"SHAPES[0].add('{name}', {name}, {name})\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    import builtin_shapes

    registry = Registry("shape", package="builtin_shapes", error=DataError, ignore_case=True)
    builtin_shapes.SHAPES.append(registry)
    yield registry
    activate_external(None)
    for module in [m for m in sys.modules if m.startswith(("builtin_shapes", "plugin_"))]:
        del sys.modules[module]


def define(name: str, module: str) -> type:
    return type(name, (), {"__module__": module})


def test_builtin_modules_are_imported_at_the_first_lookup(shapes):
    assert "builtin_shapes.circle" not in sys.modules
    assert list(shapes) == ["Circle", "Square"]
    assert shapes["Square"].__name__ == "Square"


def test_unknown_names_are_reported_with_the_nearest_and_all_names(shapes):
    with pytest.raises(DataError) as error:
        shapes.find("Cirle")
    assert "unknown shape 'Cirle' (did you mean 'Circle'?)" in str(error.value)
    assert "Circle, Square" in str(error.value)


def test_case_is_ignored_if_asked_for(shapes):
    assert shapes.find(" cIRCLE ") is shapes["Circle"]
    assert "CIRCLE" in shapes
    assert "oval" not in shapes
    assert 3 not in shapes


def test_a_builtin_name_cannot_be_replaced_by_another_definition(shapes):
    with pytest.raises(ConfigError, match="'circle' is already defined in builtin_shapes"):
        shapes.add("circle", object, define("Own", "__main__"))


def test_running_a_definition_again_replaces_the_object(shapes):
    for value in (define("Oval", "__main__"), define("Oval", "__main__")):
        shapes.add("Oval", value, value)
    assert shapes["Oval"] is value
    with pytest.raises(ConfigError, match="Oval"):
        shapes.add("Oval", object, define("Other", "__main__"))


def test_an_external_module_is_available_only_while_it_is_active(shapes):
    first, second = (define("Oval", f"{EXTERNAL_PREFIX}{n}.shapes") for n in "ab")
    for value in (first, second):
        shapes.add("Oval", value, value)
    assert "Oval" not in shapes
    activate_external(f"{EXTERNAL_PREFIX}a")
    assert shapes.find("Oval") is first
    activate_external(f"{EXTERNAL_PREFIX}b")
    assert shapes.find("Oval") is second


def test_the_external_module_of_another_thread_changes_nothing(shapes):
    oval = define("Oval", f"{EXTERNAL_PREFIX}a.shapes")
    shapes.add("Oval", oval, oval)
    activate_external(f"{EXTERNAL_PREFIX}a")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(activate_external, f"{EXTERNAL_PREFIX}b").result()
    assert shapes.find("Oval") is oval


def test_a_thread_waits_while_another_one_imports_the_builtin_modules(shapes, tmp_path):
    slow = tmp_path / "builtin_shapes" / "circle.py"
    slow.write_text(f"import time\ntime.sleep(0.05)\n{slow.read_text()}")
    with ThreadPoolExecutor(2) as threads:
        assert {found.__name__ for found in threads.map(shapes.find, ["Square"] * 2)} == {"Square"}


def test_what_is_registered_in_isolation_is_forgotten(shapes):
    with shapes.isolated():
        shapes.add("Oval", object, define("Oval", "__main__"))
        assert len(shapes) == 3
    assert list(shapes) == ["Circle", "Square"]


def install(folder: Path, package: str, code: str, points: dict[str, str]) -> None:
    """Write an installed package with entry points in the group of shapes."""
    (folder / f"{package}.py").write_text(code)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[mmrec.shapes]", *lines, ""]))


OVAL = """
from builtin_shapes import SHAPES
class Oval: pass
SHAPES[0].add("Oval", Oval, Oval)
"""


def test_entry_points_of_other_packages_are_imported_when_looked_up(shapes, tmp_path):
    install(tmp_path, "plugin_oval", OVAL, {"Oval": "plugin_oval:Oval"})
    assert "Oval" in shapes
    assert list(shapes) == ["Circle", "Square", "Oval"]
    assert "plugin_oval" not in sys.modules
    assert shapes.find("oval").__name__ == "Oval"
    with pytest.raises(ConfigError, match="plugin_oval"):
        shapes.add("Oval", object, define("Own", "__main__"))


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("raise RuntimeError('no ink')", "RuntimeError: no ink"),
        ("", "did not register the shape 'Oval'"),
    ],
)
def test_a_broken_entry_point_is_named(shapes, tmp_path, code, fact):
    install(tmp_path, "plugin_broken", code, {"Oval": "plugin_broken"})
    with pytest.raises(DataError) as error:
        shapes.find("Oval")
    assert fact in str(error.value)
    assert "plugin_broken" in str(error.value)


def test_two_packages_cannot_define_one_name(shapes, tmp_path):
    install(tmp_path, "plugin_one", OVAL, {"Oval": "plugin_one"})
    install(tmp_path, "plugin_two", OVAL, {"oval": "plugin_two"})
    with pytest.raises(DataError, match=r"plugin_\w+, plugin_\w+"):
        shapes.find("Oval")
