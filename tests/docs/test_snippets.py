"""What the pages tell a reader to type works.

A comment before a block says where it is otherwise: ``<!-- not run: the reason -->``. Of such a
block, and of commands that take long, only the form and the arguments are checked.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT
from page_blocks import Block, blocks_of
from page_commands import RUN, check, commands_of
from page_fragments import completed
from page_sandbox import Sandbox

from mmrec.config import documents_of, parse_yaml, read_experiment, read_yaml
from mmrec.planning.plan import make_plan
from mmrec.testing.loaders import LoaderTests
from mmrec.testing.models import ModelTests

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELLS = ("bash", "console")
SHOWN = ("text", "{toctree}", "{eval-rst}", "{literalinclude}")
"""Languages of blocks that nobody types."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_names_its_language(page: Path) -> None:
    accepted = ("yaml", "python", *SHELLS, *SHOWN)
    others = [
        f"{block.place}: {block.language!r}"
        for block in blocks_of(page)
        if not block.language or block.language.split()[0] not in accepted
    ]
    assert not others, f"accepted: {', '.join(accepted)}; what nobody types is text"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_works(
    page: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(sandbox.folder)
    namespace: dict[str, Any] = {"__name__": f"snippets of {page.name}"}
    for block in blocks_of(page):
        try:
            _try(block, sandbox, namespace)
        except Exception as error:
            error.add_note(f"in the block at {page}:{block.line}")
            raise
    _run_kits(namespace, tmp_path)


def _try(block: Block, sandbox: Sandbox, namespace: dict[str, Any]) -> None:
    may_run = "not run" not in block.marks
    if block.language in SHELLS:
        for command in commands_of(block):
            check(command, run=sandbox.run, user=sandbox.user, may_run=may_run)
    elif block.language == "yaml":
        content = parse_yaml(block.text).data
        if may_run:
            _validate(block, content, sandbox.folder)
    elif block.language == "python":
        text = re.sub(r"LATTICE_[0-9a-f]{4,12}", sandbox.trial, block.text)
        text = "\n" * block.line + RUN.sub(str(sandbox.run), text)
        code = compile(text, str(block.page), "exec", dont_inherit=True)
        if may_run:
            exec(code, namespace)


def _validate(block: Block, content: Any, folder: Path) -> None:
    is_whole = {"models", "dataset"} <= content.get("experiment", {}).keys()
    path = folder / block.marks.get("file", "config_files/snippet.yml")
    path.write_text(block.text if is_whole else yaml.safe_dump(completed(content)))
    for document in documents_of(read_yaml(path)):
        make_plan(read_experiment(document, path.parent))


def _run_kits(namespace: dict[str, Any], tmp_path: Path) -> None:
    """Run the test classes that a page has defined, as pytest would."""
    kits = [
        value
        for value in namespace.values()
        if inspect.isclass(value)
        and issubclass(value, ModelTests | LoaderTests)
        and value not in (ModelTests, LoaderTests)
    ]
    for kit in kits:
        for name in (name for name in dir(kit) if name.startswith("test_")):
            test = getattr(kit(), name)
            folder = tmp_path / f"{kit.__name__}.{name}"
            folder.mkdir()
            test(*([folder] if "tmp_path" in inspect.signature(test).parameters else []))
