"""How the documentation is built: `make docs`, with Sphinx and MyST."""

import importlib.metadata

project = "estibench"
author = "the estibench authors"
copyright = author
version = release = importlib.metadata.version("estibench")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
# Results and tests lie beside the docs; tests/harness/test_docs.py checks that such links lead somewhere.
suppress_warnings = ["myst.xref_missing"]

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_custom_sections = [("Class attributes", "params_style")]

html_theme = "furo"
html_title = f"estibench {version}"
