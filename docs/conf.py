"""How Sphinx builds the documentation: ``make docs``.

The source is the whole repository, so that the relative links that work on GitHub work here.
Notebooks are shown with the outputs they have; the tests run them.
"""

from ray_jupyter import __version__

project = "ray_jupyter"
author = "the ray_jupyter authors"
release = version = __version__

root_doc = "docs/index"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
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
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
myst_links_external_new_tab = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}

html_theme = "furo"
html_title = f"ray_jupyter {__version__}"
