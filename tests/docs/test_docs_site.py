"""What the site says of the code is all of it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers import ROOT
from page_blocks import blocks_of

from mmrec.cli import COMMANDS
from mmrec.evaluation import COMPLEX_METRICS, METRICS
from mmrec.models import MODELS

DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text() for path in DOCS.glob("*.md")}


@pytest.fixture(scope="module", autouse=True)
def extensions() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "_ext"))
        yield


@pytest.fixture(scope="module")
def insertions() -> ModuleType:
    return importlib.import_module("insertions")


@pytest.fixture(scope="module")
def model_pages() -> ModuleType:
    return importlib.import_module("model_pages")


@pytest.mark.parametrize("page", PAGES)
def test_every_insertion_of_a_page_can_be_made(page: str, insertions: ModuleType) -> None:
    assert "<!-- insert" not in insertions.inserted(PAGES[page])


@pytest.mark.parametrize("wrong", ["model LATTICE", "shared-keys LATTICE", "keys experimnt"])
def test_an_insertion_that_does_not_exist_is_an_error(wrong: str, insertions: ModuleType) -> None:
    with pytest.raises(ValueError, match=wrong):
        insertions.inserted(f"<!-- insert: {wrong} -->")


def test_every_section_of_a_file_has_its_table(insertions: ModuleType) -> None:
    tables = set(re.findall(r"<!-- insert: keys (\S+) -->", PAGES["from_elliot"]))
    assert tables == insertions.sections().keys() - {"hyper-parameters"}


def test_the_overview_has_every_model_once(model_pages: ModuleType) -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(models/(\w+)\.md\) \|", model_pages.overview(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(model_pages.built_in())
    assert all(name == page for name, page in rows)


def test_the_home_page_names_every_model(insertions: ModuleType, model_pages: ModuleType) -> None:
    home = insertions.inserted(PAGES["index"])
    named = re.findall(r"\[(\w+)\]\(models/\1\.md\)", home)
    assert sorted(named) == sorted(model_pages.built_in())
    assert f"mmrec has {len(named)} recommenders" in home
    assert f" {len(named)} recommenders " in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("model", "facts"),
    [
        ("LATTICE", ["yes", "users and items; items", "yes", "no", "2021"]),
        ("BM3", ["yes", "users and items", "no", "no", "2023"]),
        ("EASER", ["no", "", "", "no", "2019"]),
        ("ItemKNNCBF", ["yes", "", "", "yes", "2019"]),
    ],
)
def test_the_facts_of_a_model_come_from_its_code(
    model: str, facts: list[str], model_pages: ModuleType
) -> None:
    assert list(model_pages.described(model).facts[1:]) == facts


def test_every_model_says_where_it_is_from_and_what_it_costs(model_pages: ModuleType) -> None:
    found = [model_pages.described(name) for name in model_pages.built_in()]
    assert not [model.name for model in found if "Cost" not in model.parts]
    papers = [model.name for model in found if not model.facts[-1]]
    assert set(papers) <= {"MostPop", "Random"}


def test_the_page_of_a_model_is_made_of_its_docstring_configuration_and_code(
    model_pages: ModuleType,
) -> None:
    page = model_pages.page("LATTICE")
    assert page.startswith("# LATTICE\n")
    headings = ["Public code", "Hyper-parameters", "Recorded figures", "Cost", "Code"]
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == headings
    assert '<div class="equation"><div class="line"><math displaystyle="true"><msub>' in page
    share = "Share of the raw features' graphs in the item graph; the rest is learned."
    assert f"| `l_m` | `0.1` | a number, from 0 to 1 | {share} |" in page
    assert "| `seed` |" not in page
    assert "| office | 0.1029 | 0.0566 |" in page
    assert "\ndef loss(self, batch: Batch) -> Tensor:" in page


def test_keys_that_many_models_share_are_shown_once(
    insertions: ModuleType, model_pages: ModuleType
) -> None:
    page = insertions.inserted(PAGES["models"])
    for key in ("seed", "epochs", "sampler", "modalities"):
        assert page.count(f"| `{key}` |") == 1
    headings = {f"### Keys of {heading}" for heading in model_pages.SHARED.values()}
    assert headings <= set(page.splitlines())


def test_pages_of_models_that_are_gone_are_deleted(model_pages: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "Gone.md").write_text("# Gone")
    model_pages.write_pages(folder)
    assert {path.stem for path in folder.iterdir()} == set(model_pages.built_in())


def test_a_model_without_a_kind_is_refused_with_what_to_write(
    model_pages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODELS["BPRMF"], "__doc__", "BPR (2009).")
    with pytest.raises(ValueError, match=r"BPRMF: expected .*'Kind: .*factorisation"):
        model_pages.described("BPRMF")


def test_tables_hold_what_the_code_says(insertions: ModuleType) -> None:
    evaluation = insertions.keys("experiment.evaluation").splitlines()
    assert len({line.count(" | ") for line in evaluation}) == 1
    assert {line.split("`")[1] for line in insertions.metrics("").splitlines()[2:]} == set(METRICS)
    assert insertions.complex_metrics("").count("### ") == len(COMPLEX_METRICS)
    assert "| `beta` | `1.0` | a number, above 0 |" in insertions.complex_metrics("")
    assert insertions.commands("").count("## mmrec ") == len(COMMANDS)
    assert "| `experiment.negative_sampling` |" in insertions.refused("")


def test_every_page_is_in_the_contents() -> None:
    lines = {line for block in blocks_of(DOCS / "index.md") for line in block.text.splitlines()}
    missing = {page for page in PAGES if page not in lines and not page.endswith("data")}  # *data
    assert missing == {"index"}


def test_the_questions_lead_to_every_page() -> None:
    linked = set(re.findall(r"\]\((\w+)\.md", PAGES["questions"]))
    assert PAGES.keys() - {"index", "questions"} <= linked


def test_the_tests_that_pages_name_exist() -> None:
    code = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for page in PAGES.values() for name in re.findall(r"`(test_\w+_\w+)`", page)}
    assert named
    assert not [name for name in sorted(named) if f"def {name}(" not in code]
