"""The prose of an exported folder: its example program and its README."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from randprop.model.export_c import Layout

__all__ = ["example_c", "readme"]

_HERE = Path(__file__).parent


def example_c() -> str:
    """Return a program that checks the device, then classifies one image."""
    return (_HERE / "export_c_example.c").read_text(encoding="utf-8")


def readme(layout: Layout, n_tests: int) -> str:
    """Return what a folder holds, what it needs, and how to use it."""
    network, quantized = layout.network, layout.quantized
    n_classes = len(quantized.classes_)
    test_bytes = n_tests * (network.n_features + layout.row_bytes + 4 * n_classes + 2)
    return Template((_HERE / "export_c_readme.md").read_text(encoding="utf-8")).substitute(
        sizes=" -> ".join(map(str, (network.n_features, *network.widths))),
        weight_bits=network.weight_bits,
        seed=network.seed,
        activation=network.activation,
        n_classes=n_classes,
        code_bits=quantized.bits,
        table_bytes=f"{layout.table_bytes:,}",
        buffer_bytes=f"{layout.buffer_size:,}",
        score_bytes=f"{4 * n_classes:,}",
        n_features=network.n_features,
        input_bytes=f"{network.n_features:,}",
        n_tests=n_tests,
        test_bytes=f"{test_bytes:,}",
        inputs=_inputs(*layout.input_range),
    )


def _inputs(low: float, high: float) -> str:
    if (low, high) == (0.0, 255.0):
        return "The inputs are the features as they come: integers from 0 to 255."
    return (
        "The inputs are features mapped to bytes, which is for you to do on the device: x becomes "
        f"the integer\nnearest to 255 (x - ({low!r})) / ({high!r} - ({low!r})), those outside "
        "become 0 or 255."
    )
