"""Copy the findings of a study into docs/: the page, and the figures that it shows.

python tools/keep_findings.py report
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from randprop._files import write_bytes, write_text

DOCS = Path(__file__).parents[1] / "docs"


def main(report: Path) -> None:
    page = (report / "findings.md").read_text(encoding="utf-8")
    folder = DOCS / "figures" / "study"
    folder.mkdir(parents=True, exist_ok=True)
    for name in re.findall(r"\(figures/([^)]+)\)", page):
        write_bytes(folder / name, (report / "figures" / name).read_bytes())
    page = page.replace("(figures/", "(figures/study/")
    write_text(DOCS / "findings.md", page)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
