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
DPI = 200
# Where a label may stand: so many points from its place, in so many directions.
DISTANCES = (8, 13, 20, 30, 42, 56)
N_DIRECTIONS = 16
LED = 14  # from here on a line leads from the label to its place

Box = tuple[float, float, float, float]


def draw(folder: Path, rows: list[dict[str, Any]], title: str) -> str:
    """Write both pictures; returns the name of the one on white."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = [row for row in rows if "seconds" in row]
    for name, (ink, ground, grid) in SCHEMES.items():
        figure, axes = plt.subplots(
            figsize=(6.0, 5.2), dpi=DPI, layout="constrained", facecolor=ground
        )
        axes.set_facecolor(ground)
        _axes(axes, shown, ink, grid, title)
        _places(axes, shown, ground)
        figure.canvas.draw()
        figure.set_layout_engine("none")  # the labels find their places in axes that stay
        _labels(axes, shown, ink)
        save_figure(figure, folder / name, DPI)
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
    """Put each label where it covers no place, no line and no other label, as far as it goes.

    They are placed one by one, near before far, and then again where the others stand now.
    """
    dpi = axes.figure.dpi / 72
    at = axes.transData.transform([(row["seconds"], _error(row)) for row in rows])
    fixed = [(x - 6 * dpi, y - 5 * dpi, x + 6 * dpi, y + 5 * dpi) for x, y in at]
    fixed += _along_lines(rows, at, dpi)
    frame = axes.get_window_extent()
    inside = frame.x0, frame.y0, frame.x1, frame.y1
    labelled = _labelled(rows)
    sizes = [_size(axes, row) for row in labelled]
    places = axes.transData.transform([(row["seconds"], _error(row)) for row in labelled])
    stands: dict[int, tuple[Box, float]] = {}
    for _ in range(3):
        for index, (place, size) in enumerate(zip(places, sizes, strict=True)):
            others = [box for other, (box, _) in stands.items() if other != index]
            stands[index] = min(
                (_beside(place, size, distance * dpi, turn) for distance, turn in _around()),
                key=lambda found: _cost(*found, place, at, fixed + others, inside, dpi),
            )
    for row, place, (box, _) in zip(labelled, places, stands.values(), strict=True):
        axes.text(
            box[0], box[1], row["contestant"], transform=None, color=ink, **_font(row)
        ).set_clip_on(False)
        near = np.clip(place, box[:2], box[2:])
        apart = np.hypot(*(near - place))
        if apart > LED * dpi:
            step = dpi * (near - place) / apart
            line = np.array([place + 5 * step, near - 2 * step]).T
            axes.plot(*line, transform=None, color=ink, linewidth=0.6)


def _around() -> list[tuple[float, float]]:
    turns = np.arange(N_DIRECTIONS) * 2 * np.pi / N_DIRECTIONS
    return [(distance, turn) for distance in DISTANCES for turn in turns]


def _font(row: dict[str, Any]) -> dict[str, Any]:
    return {"fontsize": 9, "fontweight": "bold" if row["library"] == "randprop" else "normal"}


def _size(axes: Any, row: dict[str, Any]) -> tuple[float, float]:
    text = axes.text(0, 0, row["contestant"], **_font(row))
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _beside(
    place: Any, size: tuple[float, float], distance: float, turn: float
) -> tuple[Box, float]:
    """Return the box of a label in some direction, and how far that is from sideways."""
    direction = np.array([np.cos(turn), np.sin(turn)])
    end = place + distance * direction
    # Its near side is at the end: of a label to the right the left one.
    x0, y0 = end - np.array(size) * (1 - np.clip(1.5 * direction, -1, 1)) / 2
    return (x0, y0, x0 + size[0], y0 + size[1]), abs(np.sin(turn))


def _cost(
    box: Box, tilt: float, place: Any, every: Any, taken: Any, inside: Box, dpi: float
) -> float:
    """Weigh what a label would cover there, first of all, and how far it would be."""
    boxes = np.array(taken)
    padded = box[0] - dpi, box[1] - dpi, box[2] + dpi, box[3] + dpi
    covers = _shared(padded, boxes).sum()
    outside = (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, np.array([inside]))[0]
    near = np.clip(place, box[:2], box[2:])
    apart = np.hypot(*(near - place))
    # No other place should be as near, but where a line leads to the right one.
    others = every[np.abs(every - place).sum(axis=1) > 0]
    nearest = np.hypot(*(np.clip(others, box[:2], box[2:]) - others).T).min(initial=np.inf)
    mistaken = max(0.0, 1.5 * apart - nearest)
    crossed = 0
    if apart > LED * dpi:
        mistaken = 0.0
        led = (place + np.linspace(0.3, 1, 12)[:, None] * (near - place))[:, None]
        crossed = ((boxes[:, :2] <= led) & (led <= boxes[:, 2:])).all(axis=2).any(axis=1).sum()
    return float(
        4 * covers
        + 100 * outside
        + 20 * dpi * crossed
        + 10 * dpi * mistaken
        + apart
        + 4 * dpi * tilt
    )


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


def _shared(one: Box, others: Any) -> Any:
    """Areas that a box shares with others."""
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[2:], others[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=1)
