"""The site: ``make docs`` builds it from the pages in this folder, without the network."""

import sys
from pathlib import Path

from mmrec import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mmrec"
copyright = "the authors of mmrec"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "insertions",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"mmrec {release}"
html_show_copyright = False
# Formulas need MathJax in the reader's browser; everything else is in the pages.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
