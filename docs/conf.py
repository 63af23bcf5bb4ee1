"""Sphinx configuration: `sphinx-build -W -b html docs build/docs` needs pip install '.[docs]'."""

import tempfile
from pathlib import Path

import randprop
from randprop.demo import demo

project = "randprop"
author = "the randprop developers"
copyright = "the randprop developers"  # noqa: A001
release = version = randprop.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
]
# Names of other projects are not looked up: a build needs no network.
intersphinx_mapping: dict[str, tuple[str, None]] = {}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
default_role = "code"
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "randprop"
html_theme_options = {"navigation_with_keys": True}

# The page that runs the core in a browser, at demo/index.html, with all of MNIST beside it.
_made = tempfile.TemporaryDirectory()
(Path(_made.name) / "demo").mkdir()
demo(Path(_made.name) / "demo" / "index.html", data=True)
html_extra_path = [_made.name]
