"""Packages that only a part of the library needs: whether they are there, and what brings them.

The core needs NumPy alone. Whatever needs more asks here before it begins its work.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from typing import Any

__all__ = ["is_there", "missing", "need"]

# Packages by the name of their import -> the extra that installs them.
_EXTRAS = {
    "PIL": "images",
    "joblib": "parallel",
    "matplotlib": "plot",
    "numba": "reference",
    "onnx": "onnx",
    "pandas": "frame",
    "sklearn": "learn",
}
# What an index calls those that it does not call by the name of their import.
_NAMES = {"PIL": "pillow", "sklearn": "scikit-learn"}


def is_there(package: str) -> bool:
    """Whether a package can be found; it is not imported."""
    if package in sys.modules:
        return sys.modules[package] is not None
    return PathFinder.find_spec(package) is not None


def missing(what: str, extra: str, error: ModuleNotFoundError) -> ImportError:
    """Return the error that says what needs a package that was not found, and what installs it."""
    package = (error.name or "a package").partition(".")[0]
    name = _NAMES.get(package, package)
    return ImportError(f"{what} needs {name}; install it: pip install 'randprop[{extra}]'")


def need(module: str, what: str, extra: str | None = None) -> Any:
    """Import a module that not every installation has, or raise ImportError that says what for.

    The extra is that of the module's package, unless it is given.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing(what, extra or _EXTRAS[module.partition(".")[0]], error) from error
