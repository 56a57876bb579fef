"""Sphinx: `pip install ".[docs]" && sphinx-build -W docs docs/_build`."""

from __future__ import annotations

import expt

project = "expt"
author = "the authors of expt"
release = expt.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "expt"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
