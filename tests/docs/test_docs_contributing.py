"""The page about the code names what is there, in the order of the imports."""

from __future__ import annotations

import re
import tomllib

from helpers import ROOT
from page_blocks import blocks_of

from mmrec import __version__

PAGE = ROOT / "docs" / "contributing.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_layout_has_every_package_in_the_order_of_the_imports() -> None:
    layout = next(block for block in blocks_of(PAGE) if block.language == "text").text
    shown = re.findall(r"^  (\w+)(?:/|\.py) ", layout, re.MULTILINE)
    package = ROOT / "mmrec"
    paths = [path for path in package.iterdir() if path.suffix == ".py" or path.is_dir()]
    assert set(shown) == {path.stem for path in paths if not path.name.startswith("__")}
    contract = PROJECT["tool"]["importlinter"]["contracts"][0]
    layers = [layer.split(" | ") for layer in reversed(contract["layers"])]
    order = {name: place for place, layer in enumerate(layers) for name in layer if name[0] != "_"}
    places = [order[name] for name in shown if name in order]
    assert places == sorted(places)
    assert len(places) == len(order)


def test_the_paths_that_the_page_names_exist() -> None:
    named = re.findall(r"`((?:mmrec|scripts|tests|docs|config_files)/[\w./]+)`", PAGE.read_text())
    missing = {path for path in named if not (ROOT / path).exists()} - {"mmrec/models/NAME.py"}
    assert not missing


def test_the_two_places_of_the_version_agree() -> None:
    assert PROJECT["project"]["version"] == __version__
