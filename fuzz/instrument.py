"""Coverage of chosen modules for Atheris, however they were imported.

`atheris.instrument_imports` instruments through the module's loader, and a loader of an editable
installation gives it nothing to count.
"""

from __future__ import annotations

import inspect
from types import FunctionType, ModuleType

import atheris

__all__ = ["instrument"]


def instrument(*modules: ModuleType) -> None:
    """Instrument every function and method that the modules define."""
    for module in modules:
        for owner in (module, *_classes(module)):
            for member in vars(owner).values():
                for function in _functions(member):
                    if function.__module__ == module.__name__:
                        atheris.instrument_func(function)


def _classes(module: ModuleType) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]


def _functions(member: object) -> list[FunctionType]:
    if isinstance(member, (classmethod, staticmethod)):
        member = member.__func__
    if isinstance(member, property):
        return [f for f in (member.fget, member.fset) if isinstance(f, FunctionType)]
    return [member] if isinstance(member, FunctionType) else []
