"""How Sphinx builds the documentation: `make docs`, offline, every warning an error."""

from importlib.metadata import version as version_of

project = "harmonia"
author = "the harmonia authors"
version = release = version_of("harmonia")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "lab-run", "real-run"]
myst_heading_anchors = 4

# The reference of the Python API is what its own docstrings say.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True

html_theme = "furo"
html_title = "harmonia"
html_show_sphinx = html_show_copyright = False
html_copy_source = False
