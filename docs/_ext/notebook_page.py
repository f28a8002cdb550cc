"""A Sphinx extension that runs the notebook and writes it as a page: ``notebooks/NAME.md``.

The notebook runs on the demonstration data, for less than a minute, unless it ran before with the
same code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import nbclient
import nbformat

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "notebooks" / "hands_on_2.ipynb"


def page(notebook: Any) -> str:  # noqa: ANN401 - nbformat has no types
    """Return the Markdown of a notebook with its outputs."""
    first, *others = notebook.cells
    title, _, text = first.source.partition("\n")
    parts = [title, f"{{download}}`Download this notebook <{NOTEBOOK.name}>`.", text.strip()]
    for cell in others:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts += [f"```python\n{cell.source}\n```", *_shown(cell.outputs)]
    return "\n\n".join(parts) + "\n"


def _shown(outputs: Sequence[Any]) -> Iterator[str]:
    """Yield what a cell printed, then its figures, tables, code and text."""
    printed = "".join(o.text for o in outputs if o.output_type == "stream")
    if printed:
        yield _text(printed)
    for output in outputs:
        if output.output_type != "execute_result" and "image/png" not in output.get("data", {}):
            continue  # printed, or a progress bar
        data = output.data
        if "image/png" in data:
            picture = "".join(data["image/png"].split())
            yield f'<img src="data:image/png;base64,{picture}" alt="The figure of this cell">'
        elif '<div class="highlight"' in data.get("text/html", ""):
            yield f"```python\n{data['text/plain']}\n```"
        else:
            yield _text(data["text/plain"])


def _text(output: str) -> str:
    text = _without_folders(output).rstrip()
    return f'<div class="output scrolls">\n\n```text\n{text}\n```\n\n</div>'


def _without_folders(text: str) -> str:
    return re.sub(r"/\S*?/mmrec_\w+", "...", text)


def executed(cache: Path) -> Any:  # noqa: ANN401
    """Return the notebook with its outputs, from the cache if the code is the same."""
    digest = hashlib.sha256()
    for path in (NOTEBOOK, *_sources()):
        digest.update(path.read_bytes())
    ran = cache / f"notebook-{digest.hexdigest()[:16]}.ipynb"
    if ran.exists():
        return nbformat.read(ran, as_version=4)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    cache.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, ran)
    return notebook


def _sources() -> Iterator[Path]:
    yield from sorted((ROOT / "mmrec").rglob("*.py"))
    yield from sorted((ROOT / "mmrec").rglob("*.txt"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""

    def write(app: Sphinx) -> None:
        path = NOTEBOOK.with_suffix(".md")
        text = page(executed(Path(app.outdir).parent / "notebooks"))
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
