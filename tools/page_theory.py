"""Write the theory's lines of the browser page: ``python tools/page_theory.py``, two minutes."""

from __future__ import annotations

import json
from pathlib import Path

from randprop import datasets, theory

WIDTHS = (98, 196, 392, 784, 1568)
TARGET = Path(__file__).parents[1] / "python/randprop/show/page/theory.json"


def main() -> None:
    statistics = theory.cosine_statistics(*datasets.load_mnist())
    lines = {
        activation: {
            str(width): theory.predict(statistics, range(16), width, activation=activation)
            .accuracy.round(4)
            .tolist()
            for width in WIDTHS
        }
        for activation in ("step", "sign")
    }
    TARGET.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
