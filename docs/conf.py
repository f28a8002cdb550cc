"""The site: ``make docs`` builds it from the pages in this folder, without the network."""

import sys
from pathlib import Path

from mmrec import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mmrec"
author = "the authors of mmrec"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "insertions",
    "mathml",
    "model_pages",
    "notebook_page",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_show_copyright = False
html_title = f"mmrec {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
smartquotes = False
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
