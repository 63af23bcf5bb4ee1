"""Run the notebooks of examples and write docs/gallery.md: ``python tools/draw_gallery.py``.

A code cell may say in its metadata what it draws (``alt``), which is then on the page, and what
comes out (``expect``: an expression, and the least and the most it may be). Notebooks are kept
without outputs.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [ROOT / "examples" / "notebooks" / f"{name}.ipynb" for name in ("lesson", "useful")]
FOLDER = ROOT / "docs" / "figures" / "gallery"


def cells_of(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def run(path: Path) -> Iterator[tuple[dict[str, Any], list[Any], Any]]:
    """Run code cells one after the other; give each, what it drew, and the value of its end.

    Raises AssertionError where what comes out is not what a cell expects.
    """
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "__main__"}
    before = set(plt.get_fignums())
    for cell in cells_of(path):
        if cell["cell_type"] != "code":
            continue
        where = f"{path.name}, cell {cell['id']}"
        code = ast.parse(source_of(cell), where)
        last = code.body.pop() if isinstance(code.body[-1], ast.Expr) else None
        exec(compile(code, where, "exec"), names)
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        for expression, (least, most) in cell["metadata"].get("expect", {}).items():
            found = eval(expression, names)
            assert least <= found <= most, f"{where}: {expression} is {found}"
        figures = [plt.figure(number) for number in plt.get_fignums() if number not in before]
        yield cell, figures, value
        for figure in figures:
            plt.close(figure)


def page() -> str:
    """Return the gallery: of each notebook its title, its beginning, and what it draws."""
    parts = [
        "# Lessons",
        "These notebooks are for a class or a seminar. They are in `examples/notebooks` of the\n"
        "sources. Before every experiment they ask a question, and afterwards they say what to\n"
        "expect. This page shows the beginning of each notebook and its pictures.",
    ]
    for path in NOTEBOOKS:
        section, number = "", 0
        for cell in cells_of(path):
            text = source_of(cell)
            if cell["cell_type"] == "markdown":
                if found := re.match(r"# (.*)\n\n(.*?)(?:\n\n|\n*\Z)", text, re.DOTALL):
                    parts += [f"## {found[1]}", found[2]]
                    place = f"../examples/notebooks/{path.name}"
                    parts.append(f"The notebook: {{download}}`{path.name} <{place}>`")
                if found := re.findall(r"^## (.*)$", text, re.MULTILINE):
                    section = found[-1]
            elif alt := cell["metadata"].get("alt"):
                if section:
                    parts.append(f"**{section}**")
                    section = ""
                parts.append(f"![{alt}](figures/gallery/{path.stem}_{number}.png)")
                number += 1
    return "\n\n".join(parts) + "\n"


def main() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        drawn = [(cell, figures) for cell, figures, _ in _saved(path)]
        print(f"{path.name}: {len(drawn)} cells, {sum(len(figures) for _, figures in drawn)} drawn")
    (ROOT / "docs" / "gallery.md").write_text(page(), encoding="utf-8")


def _saved(path: Path) -> Iterator[tuple[dict[str, Any], list[Any], Any]]:
    number = 0
    for cell, figures, value in run(path):
        if "alt" in cell["metadata"]:
            (figure,) = figures
            name = FOLDER / f"{path.stem}_{number}.png"
            figure.savefig(name, dpi=110, metadata={"Software": None})
            number += 1
        yield cell, figures, value


if __name__ == "__main__":
    main()
