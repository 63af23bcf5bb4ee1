"""Axes, colours and images that all pictures share.

Text, spines and grounds are those of the style in use, matplotlib's rcParams; what a picture adds
is chosen by the ground it stands on, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._extras import need
from randprop._validation import told

__all__ = [
    "Colours", "axes", "colours_on", "figure_of", "image", "legend", "montage", "names_of",
    "patch_of", "picture_of", "pixels", "pyplot", "seen_on", "shades",
]  # fmt: skip

# A column of a page, in inches; text of 10 points is still read where it is printed narrower.
_COLUMN = (4.0, 3.0)
_FULL_WIDTH = 4.6
# Maps of one channel, in a picture at most.
_MOST_MAPS = 64


@dataclass(frozen=True)
class Colours:
    """What is drawn on a ground: lines that follow each other, things beside them, shades."""

    lines: tuple[str, ...]  # told apart by colour-blind eyes too
    quiet: str  # lines that are no data
    gap: str  # what is no pixel
    ink: str  # the largest of shades
    paper: str  # 0 among shades
    between: str  # 0 among values of two signs

    @property
    def first(self) -> str:
        """The colour of what a picture is about."""
        return self.lines[0]

    @property
    def second(self) -> str:
        """The colour of its opposite."""
        return self.lines[1]


# The first two of each are Okabe and Ito's. Every line has three times the luminance of its ground
# or a third of it, and is no neighbour of another to eyes without one kind of cone.
_ON_LIGHT = Colours(
    ("#0072B2", "#D55E00", "#3A2418", "#A98276", "#7B1FD0"), "0.5", "0.75", "black", "white", "0.95"
)
_ON_DARK = Colours(
    ("#56B4E9", "#E69F00", "#F2F2C0", "#9440FF", "#E0305F"), "0.55", "0.4", "white", "black", "0.12"
)


def _luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance of (red, green, blue)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def seen_on(colour: Sequence[float]) -> str:
    """Return the colour of text on a ground of (red, green, blue): black or white."""
    return "white" if _luminance(colour[:3]) < 0.179 else "black"


def colours_on(ax: Any) -> Colours:
    """Return the colours for the ground of some axes, and of their figure where that is seen."""
    from matplotlib.colors import to_rgba

    ground = np.ones(3)
    for part in (ax.figure.figure, ax.figure, ax):  # a figure, perhaps one within it, axes
        *colour, alpha = to_rgba(part.get_facecolor())
        ground = ground * (1 - alpha) + np.array(colour) * alpha
    return _ON_DARK if seen_on(ground.tolist()) == "white" else _ON_LIGHT


def names_of(name: str, given: Any, default: Iterable[Any], n: int) -> list[str]:
    """Return what n classes are called: the names given, each once, or those that are there."""
    if given is None:
        return [str(label) for label in default]
    if isinstance(given, (str, bytes)) or not isinstance(given, (list, tuple, np.ndarray)):
        raise TypeError(f"{name} must be a sequence of strings, got {told(given)}")
    found = list(given)
    if len(found) != n:
        raise ValueError(f"{name} must be {n} names, got {len(found)}")
    if not all(isinstance(label, str) for label in found) or len(set(found)) != n:
        raise ValueError(f"{name} must be different strings")
    return [str(label) for label in found]


def pyplot(what: str) -> Any:
    """Return matplotlib.pyplot, or say what needs it and how to install it."""
    return need("matplotlib.pyplot", what)


def axes(ax: Any, what: str = "plot", *, square: bool = False) -> Any:
    """Return the axes, or new ones where there are none: a column wide, unless a style says so."""
    if ax is not None:
        if not hasattr(ax, "fill_between"):
            raise TypeError(f"ax must be matplotlib axes, got {told(ax)}")
        return ax
    plt = pyplot(what)
    size = tuple(plt.rcParams["figure.figsize"])
    if size == tuple(plt.rcParamsDefault["figure.figsize"]):
        size = (_COLUMN[0], _COLUMN[0]) if square else _COLUMN
    return plt.subplots(figsize=size, layout="constrained")[1]


def figure_of(what: str, ratios: Sequence[float], height: float) -> tuple[Any, list[Any]]:
    """Return a figure and axes of one height and these ratios of width to it, in rows."""
    rows: list[list[float]] = [[]]
    for ratio in ratios:
        if rows[-1] and (sum(rows[-1]) + ratio) * height > _FULL_WIDTH:
            rows.append([])
        rows[-1].append(ratio)
    if len({len(row) for row in rows[:-1]}) == 1 and len(set(ratios)) == 1:
        # As many in every row as it goes: 10 are 5 and 5, not 6 and 4.
        across = -(-len(ratios) // len(rows))
        rows = [list(ratios[i : i + across]) for i in range(0, len(ratios), across)]
    widest = max(map(sum, rows))
    across = max(map(len, rows))
    size = (widest * height + 0.2 * across, (height + 0.5) * len(rows))
    figure = pyplot(what).figure(figsize=size, layout="constrained")
    found = []
    for place, row in zip(figure.add_gridspec(len(rows), 1), rows, strict=True):
        rest = [widest - sum(row)] if sum(row) < widest else []  # rows begin at the left
        grid = place.subgridspec(1, len(row) + len(rest), width_ratios=[*row, *rest])
        found += [figure.add_subplot(grid[0, x]) for x in range(len(row))]
    return figure, found


def legend(ax: Any, title: str | None) -> None:
    """Name the lines: among them where it covers nothing, else beneath, or if they are many."""
    look = {
        "title": title, "fontsize": "small", "title_fontsize": "small", "facecolor": "inherit",
        "edgecolor": "none", "framealpha": 0.85,
    }  # fmt: skip
    many = len(ax.get_legend_handles_labels()[0]) > 5
    if many or _covers(ax, ax.legend(loc="best", **look)):
        # As many letters below the axes as its numbers and its label take.
        beneath = {"bbox_to_anchor": (0.5, 0.0), "borderaxespad": 4.5}
        ax.legend(loc="upper center", ncols=2, **beneath, **look)


def _covers(ax: Any, names: Any) -> bool:
    """Whether a legend lies on a line or a band, where the figure is drawn as it is now."""
    ax.figure.figure.draw_without_rendering()
    box = names.get_window_extent()
    lines = [(line.get_path(), line.get_transform(), False) for line in ax.lines]
    bands = [(path, c.get_transform(), True) for c in ax.collections for path in c.get_paths()]
    return any(
        path.transformed(transform).intersects_bbox(box, filled)
        for path, transform, filled in lines + bands
    )


def montage(values: NDArray[Any]) -> NDArray[Any]:
    """Return maps of shape (height, width, channels) side by side, as near to a square as it goes.

    What lies between them, and where there is none, is not a number. Of more than 64 the first.
    """
    height, width, channels = values.shape
    shown = min(channels, _MOST_MAPS)
    across = min(shown, max(1, math.ceil(math.sqrt(shown * height / width))))
    down = -(-shown // across)
    grid = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for i in range(shown):
        y, x = (i // across) * (height + 1), (i % across) * (width + 1)
        grid[y : y + height, x : x + width] = values[..., i]
    return grid


def patch_of(kernel: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of what a unit looks at: the whole input, or a patch of it."""
    if kernel is None:
        return tuple(shape)
    sides = (1, kernel) if len(shape) == 2 else np.broadcast_to(kernel, 2)
    return (*map(int, sides), shape[-1])


def picture_of(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Return a vector as something that looks like an image: by its shape, or nearly square."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    if len(shape) == 3:
        height, width, channels = shape
        cube = flat.reshape(height, width, channels)
        return cube[..., 0] if channels == 1 else montage(cube)
    if len(shape) == 2 and min(shape) > 1:
        return flat.reshape(shape).T  # a series: time goes right, a channel a row
    side = math.isqrt(len(flat))
    across = side if side * side == len(flat) else math.ceil(math.sqrt(len(flat)))
    grid = np.full(-(-len(flat) // across) * across, np.nan)
    grid[: len(flat)] = flat
    return grid.reshape(-1, across)


def pixels(ax: Any, values: NDArray[Any], **options: Any) -> Any:
    """Draw values as squares, over which no grid of the style is drawn."""
    ax.grid(False)
    return ax.imshow(values, interpolation="nearest", **options)


def image(ax: Any, values: NDArray[Any], title: str, **options: Any) -> Any:
    """Draw values as pixels, without ticks: on a scale from paper to ink, or the one given."""
    colours = colours_on(ax)
    if "cmap" not in options:
        options["cmap"] = shades(colours.paper, colours.ink)
    drawn = pixels(ax, values, **options)
    ax.set_facecolor(colours.gap)  # of what is no pixel
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(colours.gap)
    ax.set_title(title, fontsize="small")
    return drawn


def shades(*colours: Any) -> Any:
    """Return a scale of colours from the first to the last."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("randprop", list(colours))
