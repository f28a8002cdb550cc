"""The notebook as a page of the site: what its cells show is there, its folders are not."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

import nbformat
import pytest
from helpers import ROOT

new = nbformat.v4


@pytest.fixture
def notebook_page() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs" / "_ext"))
        yield importlib.import_module("notebook_page")


def test_a_page_has_text_code_and_outputs(notebook_page: ModuleType) -> None:
    outputs = [
        new.new_output("stream", text="first\n"),
        new.new_output("display_data", data={"text/plain": "trials 1/2 |###"}),
        new.new_output("stream", text="in /tmp/abc/mmrec_x1/data\n"),
        new.new_output("display_data", data={"image/png": "QUJD\n", "text/plain": "<Figure>"}),
        new.new_output("execute_result", data={"text/plain": "  a\n0 1", "text/html": "<table>"}),
    ]
    cells = [
        new.new_markdown_cell("# Title\n\nBegin."),
        new.new_code_cell("run()", outputs=outputs),
        new.new_markdown_cell("End."),
    ]
    page = notebook_page.page(new.new_notebook(cells=cells))
    assert page.startswith("# Title\n")
    assert "```python\nrun()\n```" in page
    assert "```text\nfirst\nin .../data\n```" in page
    assert 'src="data:image/png;base64,QUJD"' in page
    assert "```text\n  a\n0 1\n```" in page
    assert "trials 1/2" not in page
    assert page.rstrip().endswith("End.")


def test_code_that_a_cell_shows_is_code(notebook_page: ModuleType) -> None:
    data = {"text/plain": "def f(): ...", "text/html": '<div class="highlight">f</div>'}
    cell = new.new_code_cell("show()", outputs=[new.new_output("execute_result", data=data)])
    page = notebook_page.page(new.new_notebook(cells=[new.new_markdown_cell("# T"), cell]))
    assert "```python\ndef f(): ...\n```" in page
