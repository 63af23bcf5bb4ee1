"""Runs an Atheris target: coverage of the package, however it was imported.

`atheris.instrument_imports` instruments through the module's loader, and a loader of an editable
installation gives it nothing to count.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType

import atheris

__all__ = ["fuzz"]


def fuzz(test_one: Callable[[bytes], None], *modules: ModuleType) -> None:
    """Instrument what is loaded of randprop, and the modules named; then fuzz."""
    loaded = [module for name, module in sys.modules.items() if name.split(".")[0] == "randprop"]
    for module in (*loaded, *modules):
        for function in _functions(module):
            atheris.instrument_func(function)
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    """Every function and method that the module defines."""
    owners = [value for value in vars(module).values() if inspect.isclass(value)]
    for owner in (module, *owners):
        for member in vars(owner).values():
            member = getattr(member, "__func__", member)
            accessors = (member.fget, member.fset) if isinstance(member, property) else (member,)
            for function in accessors:
                if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                    yield function
