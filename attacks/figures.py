"""Keeps the figures of the attacks, from which docs/reliability.md is made."""

from __future__ import annotations

import json
import platform
from datetime import date
from pathlib import Path
from typing import Any

__all__ = ["FILE", "record"]

FILE = Path(__file__).parent / "figures.json"


def record(attack: str, **figures: Any) -> None:
    """Replace the figures of one attack."""
    kept = json.loads(FILE.read_text()) if FILE.is_file() else {}
    kept[attack] = {"date": date.today().isoformat(), "machine": platform.machine(), **figures}
    FILE.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
