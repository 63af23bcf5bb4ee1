"""Count what the package's shape forbids, and name each offender: three counts, all to be zero.

    python tools/import_circles.py [FOLDER]

Circles: modules that import each other, in however many steps. Imports inside functions count;
those for type checkers alone (``if TYPE_CHECKING``) do not.

Private names: a name with a leading underscore that one file takes from another. A module with such
a name is private to the folder that it is in, and to what is below.

The face: a name that a module inside takes from the package itself, not from where it is made.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "randprop"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from runtime_nodes(other)
            continue
        yield child
        yield from runtime_nodes(child)


def dotted(node: ast.expr) -> list[str]:
    """Return the names of ``a.b.c``; an empty list where the root is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


class Module:
    """One file: what it imports, what it makes, which names of others it uses."""

    def __init__(self, path: Path, root: Path) -> None:
        parts = path.relative_to(root.parent).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        self.path = path.relative_to(root.parent)
        self.nodes = list(runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))))
        self.made = set(self._made())

    def _made(self) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr

    def folder(self, level: int = 1) -> str:
        """Return the package that a relative import of so many dots starts from."""
        parts = self.name.split(".")
        up = level - 1 if self.is_package else level
        return ".".join(parts[: len(parts) - up])


class Reader:
    """What one module takes from the others."""

    def __init__(self, module: Module, modules: dict[str, Module]) -> None:
        self.module, self.modules = module, modules
        self.root = next(iter(modules)).partition(".")[0]
        self.imports: set[str] = set()
        self.private: set[str] = set()
        self.face: set[str] = set()
        self.bound: dict[str, str] = {}  # name in this file -> module
        for node in module.nodes:
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
        for node in module.nodes:
            if isinstance(node, ast.Attribute):
                self._attribute(node)

    def _say(self, node: ast.stmt | ast.expr, what: str) -> str:
        return f"{self.module.path}:{node.lineno}: {what}"

    def _takes(self, node: ast.stmt | ast.expr, name: str) -> bool:
        """Note the import of a module; return whether there is such a module."""
        if name not in self.modules:
            return False
        self.imports.add(name)
        parent, _, last = name.rpartition(".")
        if is_private(last) and not f"{self.module.name}.".startswith(f"{parent}."):
            self.private.add(self._say(node, name))
        return True

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.partition(".")[0] == self.root:
                if alias.name != self.root:  # that alone is only a way to reach the modules
                    self._takes(node, alias.name)
                self.bound[alias.asname or self.root] = alias.name if alias.asname else self.root

    def _import_from(self, node: ast.ImportFrom) -> None:
        source = node.module or ""
        if node.level:
            source = ".".join(filter(None, (self.module.folder(node.level), source)))
        if source.partition(".")[0] != self.root:
            return
        for alias in node.names:
            name = f"{source}.{alias.name}"
            if self._takes(node, name):
                self.bound[alias.asname or alias.name] = name
            else:
                self._name_of(node, source, alias.name)

    def _name_of(self, node: ast.stmt | ast.expr, source: str, name: str) -> None:
        """Note a name that is taken from a module."""
        self._takes(node, source)
        if is_private(name):
            self.private.add(self._say(node, f"{source}.{name}"))
        if source == self.root != self.module.name and not name.endswith("__"):
            self.face.add(self._say(node, f"{source}.{name}"))

    def _attribute(self, node: ast.Attribute) -> None:
        first, *rest = dotted(node) or [""]
        source = ".".join([self.bound.get(first, ""), *rest[:-1]])
        if source in self.modules:
            if not self._takes(node, f"{source}.{node.attr}"):
                self._name_of(node, source, node.attr)
        elif (
            is_private(node.attr)
            and first not in {"self", "cls"}
            and node.attr not in self.module.made
            and any(node.attr in other.made for other in self.modules.values())
        ):
            self.private.add(self._say(node, ast.unparse(node)))


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach each other."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        left = list(imports[start])
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += imports[name]
        return found

    reach = {name: reached(name) for name in imports}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in imports
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def main(folder: Path) -> int:
    files = sorted([*folder.rglob("*.py"), *folder.glob("_core.pyi")])
    modules = {module.name: module for module in (Module(path, folder) for path in files)}
    readers = {name: Reader(module, modules) for name, module in modules.items()}
    found = {
        "circles of imports": [
            " <-> ".join(group)
            for group in circles({name: reader.imports for name, reader in readers.items()})
        ],
        "private names across files": sorted(set().union(*(r.private for r in readers.values()))),
        "names taken from the face": sorted(set().union(*(r.face for r in readers.values()))),
    }
    for what, offenders in found.items():
        print(f"{len(offenders)} {what}", *offenders, sep="\n  ")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE))
