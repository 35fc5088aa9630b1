"""How Sphinx builds the documentation: ``make docs``.

The source is the whole repository, so that the relative links that work on GitHub work here.
Notebooks are shown with the outputs they have; the tests run them.
"""

import sys
from pathlib import Path

from ray_jupyter import __version__

sys.path.insert(0, str(Path(__file__).parent))  # for ``generated``

project = "ray_jupyter"
author = "the ray_jupyter authors"
release = version = __version__

root_doc = "docs/index"
extensions = ["generated", "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "labextension",
    "**/node_modules",
    "ray_jupyter",
    "tests",
]

nb_execution_mode = "off"
# The dashboard's own type is for JupyterLab; these pages show the SVG beside it.
suppress_warnings = ["mystnb.unknown_mime_type"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
myst_links_external_new_tab = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}

html_theme = "furo"
pygments_dark_style = "github-dark"  # furo's own underlines every module
html_title = f"ray_jupyter {__version__}"
html_theme_options = {"top_of_page_buttons": []}  # no source beside the page: it is on GitHub
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
