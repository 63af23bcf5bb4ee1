"""The picture of `bench_fit`: accuracy against seconds, on white and on near-black.

Places differ by colour, by marker and by the words beside them, so that no colour need be told
from another. The accuracy is drawn by the logarithm of the error: 0.98 and 0.99 lie as far apart
as 0.80 and 0.90.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness import save_figure
from randprop.study.drawing import COLORS, INK, MUTED

# Ink, ground and grid: of the white page, and of the report's dark one.
SCHEMES = {"fit.png": (INK, "#ffffff", MUTED), "fit_dark.png": ("#e6e8ea", "#15181c", "#808a94")}
# Colour, marker and whether places are joined; what is not named is one of the others.
LOOKS: dict[str, tuple[str, str, bool]] = {
    "randprop": (COLORS[0], "o", True),
    "PyTorch": (COLORS[1], "s", True),
}
OTHERS = (COLORS[7], "D", False)
TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998)
# Where a label may stand beside its place, in points, and which of its sides is there.
BESIDE = (
    (7, 0, "left", "center"), (-7, 0, "right", "center"), (0, 6, "center", "bottom"),
    (0, -6, "center", "top"), (6, 5, "left", "bottom"), (6, -5, "left", "top"),
    (-6, 5, "right", "bottom"), (-6, -5, "right", "top"), (0, 16, "center", "bottom"),
    (0, -16, "center", "top"), (10, 14, "left", "bottom"), (10, -14, "left", "top"),
    (-10, 14, "right", "bottom"), (-10, -14, "right", "top"),
)  # fmt: skip


def draw(folder: Path, rows: list[dict[str, Any]], title: str) -> str:
    """Write both pictures; returns the name of the one on white."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = [row for row in rows if "seconds" in row]
    for name, (ink, ground, grid) in SCHEMES.items():
        figure, axes = plt.subplots(figsize=(5.6, 5.0), layout="constrained", facecolor=ground)
        axes.set_facecolor(ground)
        _axes(axes, shown, ink, grid, title)
        _places(axes, shown, ground)
        figure.canvas.draw()
        figure.set_layout_engine("none")  # the labels find their places in axes that stay
        _labels(axes, shown, ink)
        save_figure(figure, folder / name, 200)
        plt.close(figure)
    return next(iter(SCHEMES))


def _axes(axes: Any, rows: list[dict[str, Any]], ink: str, grid: str, title: str) -> None:
    seconds = [row["seconds"] for row in rows]
    errors = [_error(row) for row in rows]
    axes.set_xscale("log")
    axes.set_yscale("log")
    # Room on both sides for words.
    axes.set_xlim(min(seconds) / 2, max(seconds) * 2.5)
    axes.set_ylim(max(errors) * 1.35, min(errors) / 1.25)
    ticks = [tick for tick in TICKS if min(errors) / 1.2 <= 1 - tick <= max(errors) * 1.3]
    axes.set_yticks([1 - tick for tick in ticks], [f"{tick:g}" for tick in ticks])
    ends = np.log10(axes.get_xlim())
    steps = [10.0**k * m for k in range(-3, 5) for m in (1, 3)]
    inside = [step for step in steps if ends[0] <= np.log10(step) <= ends[1]]
    axes.set_xticks(inside, [f"{step:g}" for step in inside])
    axes.minorticks_off()
    axes.grid(True, color=grid, alpha=0.25, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(grid)
    axes.tick_params(colors=ink, length=3, labelsize=10)
    axes.set_xlabel("seconds from training images to test labels", color=ink, fontsize=10.5)
    axes.set_ylabel("accuracy", color=ink, fontsize=10.5)
    axes.set_title(title, color=ink, fontsize=10.5, loc="left")


def _error(row: dict[str, Any]) -> float:
    return max(1 - float(row["accuracy"]), 1e-4)


def _look(row: dict[str, Any]) -> tuple[str, str, bool]:
    return LOOKS.get(row["library"], OTHERS)


def _places(axes: Any, rows: list[dict[str, Any]], ground: str) -> None:
    for library in dict.fromkeys(row["library"] for row in rows):
        own = [row for row in rows if row["library"] == library]
        color, marker, joined = _look(own[0])
        axes.plot(
            [row["seconds"] for row in own],
            [_error(row) for row in own],
            marker,
            color=color,
            markersize=8 if library == "randprop" else 6.5,
            markeredgecolor=ground,
            linestyle="-" if joined else "none",
            linewidth=1.6,
        )


def _labels(axes: Any, rows: list[dict[str, Any]], ink: str) -> None:
    """Put each label where it covers no place, no line and no other label, as far as it goes."""
    renderer = axes.figure.canvas.get_renderer()
    dpi = axes.figure.dpi / 72
    at = axes.transData.transform([(row["seconds"], _error(row)) for row in rows])
    taken = [(x - 5 * dpi, y - 5 * dpi, x + 5 * dpi, y + 5 * dpi) for x, y in at]
    taken += _along_lines(rows, at, dpi)
    frame = axes.get_window_extent(renderer)
    for row in _labelled(rows):
        best: tuple[float, Any] | None = None
        for rank, (dx, dy, side, height) in enumerate(BESIDE):
            label = axes.annotate(
                row["contestant"],
                (row["seconds"], _error(row)),
                (dx, dy),
                textcoords="offset points",
                ha=side,
                va=height,
                fontsize=9,
                color=ink,
                fontweight="bold" if row["library"] == "randprop" else "normal",
                # A word that stands apart is led to its place.
                arrowprops={"arrowstyle": "-", "color": ink, "linewidth": 0.6, "shrinkB": 4}
                if abs(dy) > 10
                else None,
            )
            box = label.get_window_extent(renderer)
            edges = box.x0, box.y0, box.x1, box.y1
            cost = sum(_shared(edges, other) for other in taken) + 0.01 * rank
            cost += 1e6 * (box.x0 < frame.x0 or box.x1 > frame.x1 + 12 * dpi)
            cost += 1e6 * (box.y0 < frame.y0 or box.y1 > frame.y1)
            if best is None or cost < best[0]:
                if best is not None:
                    best[1].remove()
                best = cost, label
            else:
                label.remove()
        assert best is not None
        box = best[1].get_window_extent(renderer)
        taken.append((box.x0, box.y0, box.x1, box.y1))


def _labelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that get words, ours first: of the epochs of the CNN, the first and the last."""
    epochs = [row for row in rows if row["library"] == "PyTorch"]
    left_out = [id(row) for row in epochs[1:-1]]
    kept = [row for row in rows if id(row) not in left_out]
    return sorted(kept, key=lambda row: row["library"] not in LOOKS)


def _along_lines(rows: list[dict[str, Any]], at: Any, dpi: float) -> list[Any]:
    boxes = []
    for library, (_, _, joined) in LOOKS.items():
        own = [place for place, row in zip(at, rows, strict=True) if row["library"] == library]
        for start, end in pairwise(own):
            for share in np.linspace(0, 1, 30) if joined else ():
                x, y = start + share * (end - start)
                boxes.append((x - dpi, y - dpi, x + dpi, y + dpi))
    return boxes


def _shared(one: Any, other: Any) -> float:
    """Area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
