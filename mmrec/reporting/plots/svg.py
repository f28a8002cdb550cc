"""A figure as SVG that follows the light or dark colours of the page."""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING

from mmrec.reporting.plots.style import INK, SERIES, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIGHT = (INK, *SERIES)
"""The colours of figures."""
DARK = ("#e3e6ea", "#6aa8f0", "#f0a14f", "#5fcb92", "#c39cf6", "#f38ab8", "#a9b4c3")
"""The colours that replace them on a dark ground."""
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG document. The same figure always gives the same text."""
    with styled(), warnings.catch_warnings():
        # Text stays text: browsers have glyphs that the font of matplotlib does not have.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        written = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    svg = written.getvalue()
    for place, colour in enumerate(LIGHT):
        svg = svg.replace(colour, f"var(--c{place})")
    return svg.replace("<defs>", f"<style>{_css()}</style><defs>", 1)


def to_uri(figure: Figure) -> str:
    """Return a figure as the address of an image."""
    return f"data:image/svg+xml;base64,{base64.b64encode(to_svg(figure).encode()).decode()}"


def _css() -> str:
    light, dark = (
        "".join(f"--c{place}:{colour};" for place, colour in enumerate(colours))
        for colours in (LIGHT, DARK)
    )
    return (
        f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"text{{font-family:{_FONT}!important}}"
    )
