"""Copy the findings of a study into docs/: the page, and the figures that it shows.

python tools/keep_findings.py report
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def main(report: Path) -> None:
    page = (report / "findings.md").read_text(encoding="utf-8")
    folder = DOCS / "figures" / "study"
    folder.mkdir(parents=True, exist_ok=True)
    for name in re.findall(r"\(figures/([^)]+)\)", page):
        shutil.copy(report / "figures" / name, folder / name)
    page = page.replace("(figures/", "(figures/study/")
    (DOCS / "findings.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
