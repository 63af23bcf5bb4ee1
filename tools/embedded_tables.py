"""Copy figures of docs/embedded_figures.md into docs/embedded.md and README.md.

python tools/embedded_tables.py

after `randprop bench micro --plot docs/figures --markdown docs/embedded_figures.md`.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECIPES = (
    "32 channels, 4 x 4 counts, 2 bits",
    "64 channels, 4 x 4 counts, 2 bits",
    "128 channels, 2 x 2 counts, 1 bit",
    "192 channels, 2 x 2 counts, 2 bits",
    "270 channels, 3 x 2 counts, 2 bits",
    "544 channels, 3 x 2 counts, 2 bits",
)
PAPER = (
    "1 matrix of 784 x 784, 1-bit weights, class means of 2 bits",
    "1 matrix of 784 x 784, 1-bit weights, ridge of 8 bits",
)
SENTENCE = re.compile(r"(?<=\(ATmega328P, 16 MHz\) this takes ).*?(?=\sWith `name=)", re.DOTALL)


def tables(page: str) -> dict[str, list[dict[str, str]]]:
    """Return the tables of a page by title, in rows by the names of columns."""
    found = {}
    for part in page.split("\n## ")[1:]:
        lines = [line for line in part.splitlines() if line.startswith("| ")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        found[part.splitlines()[0]] = [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]
    return found


def lines_of_recipes(found: dict[str, list[dict[str, str]]]) -> list[str]:
    """Return the lines of the table of recipes."""
    rows = next(rows for title, rows in found.items() if title.startswith("Recipes"))
    lines = []
    for name in RECIPES:
        row = next(row for row in rows if row["recipe"].endswith(name))
        lines.append(
            f"| randprop, {name} | {int(row['ATmega328P, flash']):,} B "
            f"| {int(row['ATmega328P, RAM']):,} B | {float(row['ms at 16 MHz']):.0f} ms "
            f"| {float(row['accuracy']):.3f} |"
        )
    return lines


def lines_of_paper(found: dict[str, list[dict[str, str]]]) -> list[str]:
    """Return the lines of the table of the paper's network."""
    lines = []
    for name in PAPER:
        title, rows = next((t, rows) for t, rows in found.items() if t.startswith(f"{name}:"))
        row = next(row for row in rows if row["target"] == "atmega328p")
        cycles = int(row["cost of a sample"].replace(",", ""))
        accuracy = re.search(r": (0\.\d+) of", title)
        assert accuracy
        lines.append(
            f"| {name} | {int(row['flash, all']):,} B | {int(row['RAM, all']):,} B "
            f"| {cycles / 16e3:.0f} ms | {float(accuracy[1]):.3f} |"
        )
    return lines


def between(page: str, name: str, lines: list[str]) -> str:
    """Return a page with lines in place of those of the table under the comment of a name."""
    pattern = (
        rf"(<!-- figures: {name} -->\n\n\|[^\n]*\n\|[^\n]*\n)(?:\| (?:randprop|1 matrix)[^\n]*\n)*"
    )
    changed, n = re.subn(pattern, lambda m: m[1] + "".join(f"{line}\n" for line in lines), page)
    if n != 1:
        raise SystemExit(f"there must be one table of {name}, found {n}")
    return changed


def filled(figures: str, embedded: str, readme: str) -> tuple[str, str]:
    """Return docs/embedded.md and README.md with these figures."""
    found = tables(figures)
    embedded = between(embedded, "recipes", lines_of_recipes(found))
    embedded = between(embedded, "paper", lines_of_paper(found))
    cells = [cell.strip() for cell in lines_of_recipes(found)[0].strip("|").split("|")]
    flash, ram = (int(cell[:-2].replace(",", "")) / 1000 for cell in cells[1:3])
    told = (
        f"{flash:.1f} KB of flash, {ram:.1f} KB of RAM with the image,\n"
        f"and {cells[3]} an image; {cells[4]} of the test images are right."
    )
    readme, n = SENTENCE.subn(told, readme)
    if n != 1:
        raise SystemExit("README.md has no sentence on an Arduino Uno")
    return embedded, readme


def main() -> None:
    """Write both."""
    paths = [ROOT / "docs" / "embedded_figures.md", ROOT / "docs" / "embedded.md"]
    paths.append(ROOT / "README.md")
    texts = filled(*(path.read_text(encoding="utf-8") for path in paths))
    for path, text in zip(paths[1:], texts, strict=True):
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
