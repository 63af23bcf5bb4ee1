"""Sphinx configuration: `sphinx-build -W -b html docs build/docs` needs pip install '.[docs]'."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

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
    "sphinx_copybutton",
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
html_static_path = ["_static"]
html_css_files = ["site.css"]
# What is copied from an example is what one types: no prompts and no output.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
# `sphinx-build -b linkcheck`: these refuse programs, or are examples.
linkcheck_ignore = [r"https://doi\.org/", r"tcp://"]

# The page of the C++ API is made from the public headers.
_root = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_root / "tools"))
from cpp_reference import page as _cpp_page  # noqa: E402

(_root / "docs" / "generated").mkdir(exist_ok=True)
(_root / "docs" / "generated" / "cpp_reference.md").write_text(_cpp_page(), encoding="utf-8")

# The page that runs the core in a browser, at demo/index.html, with all of MNIST beside it.
_made = tempfile.TemporaryDirectory()
(Path(_made.name) / "demo").mkdir()
demo(Path(_made.name) / "demo" / "index.html", data=True)
html_extra_path = [_made.name]


def _math(translator: Any, node: nodes.Node) -> None:
    """Write a formula as MathML: browsers draw it themselves, and no script is fetched."""
    shown = tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block))
    translator.body.append(shown)
    raise nodes.SkipNode


html_math_renderer = "mathml"


def setup(app: Any) -> None:
    """Register the way in which formulas are shown."""
    app.add_html_math_renderer("mathml", (_math, None), (_math, None))
