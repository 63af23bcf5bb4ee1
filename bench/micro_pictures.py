"""Pictures of what a microcontroller stores and takes against accuracy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import save_figure

# Okabe and Ito's colours, told apart by colour-blind readers.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
_ACCURACIES = (0.4, 0.6, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)


@dataclass(frozen=True)
class Dot:
    """A model in the picture of times."""

    name: str
    accuracy: float
    table_bytes: int
    uno: float | None
    arm: float | None
    of_paper: bool


# Name, bytes, accuracy, side of the name; as their authors tell them.
PUBLISHED_BYTES = (
    ("LogNNet\n(29 KB)", 29e3, 0.963, "below"),
    ("LogNNet on an Uno\n(1 KB of variables)", 1024, 0.82, "above"),
    ("BitNetMCU\n(12 KB of weights)", 12e3, 0.990, "right"),
)
TINYMAIX_FLASH, TINYMAIX_CYCLES = 12_174, 50e-3 * 16e6
# At their clocks: 7 s at 16 MHz; 13.66 ms at 48 MHz.
LOGNNET_CYCLES, BITNET_CYCLES = 7 * 16e6, 13.66e-3 * 48e6


def draw_bytes(
    folder: Path, old_rows: list[dict[str, Any]], new_rows: list[dict[str, Any]], dots: list[Dot]
) -> None:
    """Draw stored bytes against accuracy; dots are more models."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7.6, 5.4), layout="constrained")
    shades = {"class means": plt.get_cmap("Blues"), "ridge": plt.get_cmap("Oranges")}
    for name in dict.fromkeys(row["readout"] for row in old_rows):
        kind, bits = name.split(", ")
        own = [row for row in old_rows if row["readout"] == name]
        strength = {"1": 0.45, "2": 0.6, "4": 0.75, "8": 0.95}[bits.split()[0]]
        _curve(
            axes, own, "o-" if kind == "class means" else "s--", shades[kind](strength),
            f"784 inputs to 32 ... 784 units, {name}",
        )  # fmt: skip
    looks = {1: ("-", GREEN), 2: ("--", BLACK), 4: (":", PURPLE)}
    for counts, bits in dict.fromkeys((row["counts"], row["bits"]) for row in new_rows):
        own = [row for row in new_rows if (row["counts"], row["bits"]) == (counts, bits)]
        line, colour = looks[bits]
        _curve(
            axes, own, ("v" if counts[0] == "2" else "^") + line, colour,
            f"patches of 7 x 7, {counts} counts, {bits} bit{'s' if bits > 1 else ''}",
        )  # fmt: skip
    for dot in dots:
        axes.plot(dot.table_bytes, 1 - dot.accuracy, "D", color=BLUE, markersize=5)
        _name(axes, dot.table_bytes, dot.accuracy, dot.name, BLUE, "left")
    for name, size, accuracy, side in PUBLISHED_BYTES:
        _star(axes, size, accuracy, name, side)
    axes.axvline(TINYMAIX_FLASH, color=RED, linewidth=0.8, linestyle="--")
    axes.annotate(
        "TinyMaix, flash; accuracy not published", (TINYMAIX_FLASH, 1 - 0.62), color=RED,
        fontsize=7.5, rotation=90, ha="right", va="bottom", xytext=(-2, 0),
        textcoords="offset points",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("bytes stored on the device (weights: none)")
    axes.set_xlim(64, 65536)
    ticks = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=8)
    axes.minorticks_off()
    _accuracies(axes)
    axes.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(0.0, -0.13), ncols=2)
    axes.set_title("MNIST: bytes and accuracy; stars are published figures of others", fontsize=10)
    save_figure(figure, folder / "embedded_bytes.png", 150)
    plt.close(figure)


def draw_costs(folder: Path, dots: list[Dot]) -> None:
    """Draw what an image takes against accuracy, on an Uno and on a Cortex-M0."""
    plt = _pyplot()
    figure, both = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained", sharey=True)
    panels = (
        ("ATmega328P (Arduino Uno)", "cycles an image", [dot.uno for dot in dots]),
        ("Cortex-M0", "instructions an image", [dot.arm for dot in dots]),
    )
    for axes, (title, label, costs) in zip(both, panels, strict=True):
        for dot, cost in zip(dots, costs, strict=True):
            if cost is None:
                continue
            colour = SKY if dot.of_paper else GREEN
            axes.plot(cost, 1 - dot.accuracy, "s" if dot.of_paper else "o", color=colour)
            # 4 x 4 counts are the fastest of their accuracy: nothing is to their left.
            side = "left" if "4 x 4" in dot.name else "right"
            _name(axes, cost, dot.accuracy, dot.name, BLACK, side)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_title(title, fontsize=10)
        _accuracies(axes, least=0.75)
    uno, arm = both
    _star(uno, LOGNNET_CYCLES, 0.82, "LogNNet\n(7 s at 16 MHz)", "above")
    uno.axvline(TINYMAIX_CYCLES, color=RED, linewidth=0.8, linestyle="--")
    uno.annotate(
        "TinyMaix (50 ms at 16 MHz);\naccuracy not published", (TINYMAIX_CYCLES, 0.06), color=RED,
        fontsize=7.5, ha="left", xytext=(4, 0), textcoords="offset points",
    )  # fmt: skip
    _star(
        arm, BITNET_CYCLES, 0.990, "BitNetMCU, cycles of a\nCH32V003 (13.66 ms at 48 MHz)", "left"
    )
    uno.set_xlim(5e4, 4e8)
    arm.set_xlim(3e4, 2e7)
    arm.set_ylabel("")
    figure.suptitle("MNIST: time and accuracy; stars are published figures of others", fontsize=10)
    save_figure(figure, folder / "embedded_cycles.png", 150)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _curve(axes: Any, rows: Iterable[dict[str, Any]], look: str, colour: Any, label: str) -> None:
    points = sorted((row["bytes of tables"], 1 - float(row["accuracy"])) for row in rows)
    axes.plot(*np.array(points).T, look, color=colour, label=label, markersize=4, linewidth=1.2)


def _star(axes: Any, x: float, accuracy: float, name: str, side: str) -> None:
    axes.plot(x, 1 - accuracy, "*", color=RED, markersize=11)
    _name(axes, x, accuracy, name, RED, side, distance=8)


def _name(
    axes: Any, x: float, accuracy: float, name: str, colour: str, side: str, *, distance: int = 6
) -> None:
    ha, va, shift = {
        "left": ("right", "center", (-distance, 0)),
        "right": ("left", "center", (distance, 0)),
        "above": ("center", "bottom", (0, distance)),
        "below": ("center", "top", (0, -distance)),
    }[side]
    axes.annotate(
        name, (x, 1 - accuracy), color=colour, fontsize=7.5, ha=ha, va=va, xytext=shift,
        textcoords="offset points",
    )  # fmt: skip


def _accuracies(axes: Any, *, least: float = 0.35) -> None:
    """Show errors on a logarithmic scale, told as accuracies."""
    axes.set_yscale("log")
    ticks = [value for value in _ACCURACIES if value > least]
    axes.set_yticks([1 - value for value in ticks], [f"{value:.2f}" for value in ticks])
    axes.minorticks_off()
    axes.set_ylim(1 - least, 0.0075)
    axes.grid(alpha=0.3)
    axes.set_ylabel("accuracy on 10,000 test images")
