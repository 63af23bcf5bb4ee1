"""Keeps the figures of the attacks, from which attacks/table.py makes docs/reliability.md.

python attacks/figures.py NAME FIGURE=NUMBER ...
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

__all__ = ["FILE", "record"]

FILE = Path(__file__).parent / "figures.json"


def record(attack: str, **figures: float) -> None:
    """Replace the figures of one attack."""
    kept = json.loads(FILE.read_text()) if FILE.is_file() else {}
    kept[attack] = {"date": date.today().isoformat(), **figures}
    FILE.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


if __name__ == "__main__":
    pairs = (argument.split("=") for argument in sys.argv[2:])
    record(sys.argv[1], **{name: int(number) for name, number in pairs})
