"""Axes, colours and images that all pictures share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._extras import need
from randprop._validation import told

__all__ = [
    "BLUE", "GREY", "ORANGE", "axes", "figure_of", "image", "montage", "names_of", "picture_of",
    "pyplot",
]  # fmt: skip

# Okabe and Ito's: told apart by colour-blind eyes, and on light and dark ground.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "0.5"
# Maps of one channel, in a picture at most.
_MOST_MAPS = 64


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
        raise ValueError(f"{name} must be strings, each of them once")
    return [str(label) for label in found]


def pyplot(what: str) -> Any:
    """Return matplotlib.pyplot, or say what needs it and how to install it."""
    return need("matplotlib.pyplot", what)


def axes(ax: Any, what: str = "plot") -> Any:
    """Return the axes, or new ones where there are none."""
    if ax is not None:
        if not hasattr(ax, "fill_between"):
            raise TypeError(f"ax must be matplotlib axes, got {told(ax)}")
        return ax
    return pyplot(what).subplots(layout="constrained")[1]


def figure_of(what: str, ratios: Sequence[float], height: float) -> tuple[Any, list[Any]]:
    """Return a figure and axes side by side, of these widths."""
    plt = pyplot(what)
    width = sum(ratios) * height + 0.3 * len(ratios)
    figure, found = plt.subplots(
        1,
        len(ratios),
        figsize=(width, height + 0.5),
        squeeze=False,
        width_ratios=ratios,
        layout="constrained",
    )
    return figure, list(found[0])


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


def image(ax: Any, values: NDArray[Any], title: str, **options: Any) -> Any:
    """Draw values as pixels, without ticks."""
    drawn = ax.imshow(values, interpolation="nearest", **options)
    ax.set_facecolor(GREY)  # of what is no pixel
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(title, fontsize=9)
    return drawn
