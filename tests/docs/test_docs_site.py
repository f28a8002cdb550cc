"""What the site says of the code is all of it."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from helpers import ROOT
from page_blocks import blocks_of

from mmrec.cli import COMMANDS
from mmrec.evaluation import COMPLEX_METRICS, METRICS
from mmrec.models import MODELS

DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text() for path in DOCS.glob("*.md")}


@pytest.fixture(scope="module")
def insertions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("insertions", DOCS / "_ext" / "insertions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_every_insertion_of_a_page_can_be_made(page: str, insertions: ModuleType) -> None:
    assert "<!-- insert" not in insertions.inserted(PAGES[page])


@pytest.mark.parametrize("wrong", ["models LATTICE", "hyper-parameters LATICE", "keys experimnt"])
def test_an_insertion_that_does_not_exist_is_an_error(wrong: str, insertions: ModuleType) -> None:
    with pytest.raises(ValueError, match=wrong):
        insertions.inserted(f"<!-- insert: {wrong} -->")


def test_every_section_of_a_file_has_its_table(insertions: ModuleType) -> None:
    tables = set(re.findall(r"<!-- insert: keys (\S+) -->", PAGES["from_elliot"]))
    assert tables == insertions.sections().keys() - {"hyper-parameters"}


def test_every_model_has_its_section(insertions: ModuleType) -> None:
    page = insertions.inserted(PAGES["models"])
    sections = re.findall(r"^## (\w+)$", page, flags=re.MULTILINE)
    assert len(set(sections)) == len(sections)
    assert set(MODELS) <= set(sections)
    tables = set(re.findall(r"<!-- insert: hyper-parameters (\S+) -->", PAGES["models"]))
    (described,) = re.findall(r"<!-- insert: other-models (\S+) -->", PAGES["models"])
    assert tables == set(described.split(","))


def test_the_section_of_a_model_comes_from_its_class(insertions: ModuleType) -> None:
    section = insertions.other_models(",".join(set(MODELS) - {"LATTICE"}))
    assert section.startswith("## LATTICE\n\nMining Latent Structures")
    assert ":pyobject: LATTICE.loss" in section
    assert "| `l_m` | `0.1` |" in section


def test_tables_hold_what_the_code_says(insertions: ModuleType) -> None:
    lattice = insertions.hyper_parameters("LATTICE").splitlines()
    share = "Share of the raw features' graphs in the item graph; the rest is learned."
    assert f"| `l_m` | `0.1` | a number, from 0 to 1 | {share} |" in lattice
    assert len({line.count(" | ") for line in lattice}) == 1
    assert {line.split("`")[1] for line in insertions.metrics("").splitlines()[2:]} == set(METRICS)
    assert insertions.complex_metrics("").count("### ") == len(COMPLEX_METRICS)
    assert "| `beta` | `1.0` | a number, above 0 |" in insertions.complex_metrics("")
    assert insertions.commands("").count("## mmrec ") == len(COMMANDS)
    assert "| `experiment.negative_sampling` |" in insertions.refused("")


def test_every_page_is_in_the_contents() -> None:
    lines = {line for block in blocks_of(DOCS / "index.md") for line in block.text.splitlines()}
    missing = {page for page in PAGES if page not in lines and not page.endswith("data")}  # *data
    assert missing == {"index"}


def test_the_tests_that_pages_name_exist() -> None:
    code = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for page in PAGES.values() for name in re.findall(r"`(test_\w+_\w+)`", page)}
    assert named
    assert not [name for name in sorted(named) if f"def {name}(" not in code]
