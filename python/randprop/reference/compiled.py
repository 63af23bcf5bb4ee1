"""Functions compiled by numba, kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function when it is first called."""
    compiled: Any
    try:
        compiled = njit(cache=True)(function)
    except RuntimeError:
        # Neither the package's folder nor a cache of the user can be written: each process
        # compiles it anew.
        compiled = njit(function)
    return compiled
