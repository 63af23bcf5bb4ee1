"""Small pictures for notebooks, without matplotlib: images of a palette as PNG in a data URI.

What is 0 is transparent, what adds is blue, what takes away is orange, and both are seen on light
and on dark ground.
"""

from __future__ import annotations

import math
import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop.show.canvas import patch_of, picture_of

__all__ = ["MOST_TILES", "Thumbnail", "bars", "units", "vectors"]

_BLUE, _ORANGE, _GREY = (47, 134, 204), (217, 112, 15), (128, 128, 128)
# Places of the palette: nothing, shades of blue, shades of orange, what frames a tile.
_SHADES = 16
_FRAME = 2 * _SHADES + 1
_WIDTH = 400  # pixels of a picture at most
# In pixels: values along a side of a tile, a tile that is shown, the longest bar.
_MOST_VALUES, _SIDE, _LONGEST = 32, 56, 240
MOST_TILES, _MOST_BARS = 10, 24  # of a picture


@dataclass(frozen=True)
class Thumbnail:
    """A picture: where an <img> has it from, its size in pixels, what it shows."""

    uri: str
    width: int
    height: int
    caption: str
    alt: str


def vectors(rows: ArrayLike, *, signed: bool, what: str, n: int) -> Thumbnail:
    """Draw vectors as images as near to a square as it goes, the first 10 of `n`."""
    values = np.asarray(rows)[:MOST_TILES]
    n_features = values.shape[1]
    if n_features > _MOST_VALUES**2:  # no more are seen
        values = values[:, np.linspace(0, n_features - 1, _MOST_VALUES**2).round().astype(int)]
    pictures = [picture_of(row, (values.shape[1],)) for row in values]
    of = f"{n}" if len(values) == n else f"{len(values)} of {n}"
    caption = f"{what}, {of} classes"
    return _tiles(pictures, caption + (": blue adds, orange takes away" if signed else ""))


def units(weights: ArrayLike, kernel: Any, shape: Sequence[int], *, n: int) -> Thumbnail:
    """Draw the weights of the first units of a stage, of `n` in all, as they lie on its input."""
    found = np.asarray(weights)[:MOST_TILES]
    sides = patch_of(kernel, shape)
    pictures = [picture_of(unit, sides) for unit in found]
    return _tiles(pictures, f"First {len(found)} of {n} units: blue adds, orange takes away")


def bars(lengths: Sequence[float], caption: str) -> Thumbnail:
    """Draw lengths as bars from the left, one beneath the other, the first 24."""
    shown = np.asarray(lengths, dtype=np.float64)[:_MOST_BARS]
    most = float(shown.max()) or 1.0
    grid = np.zeros((12 * len(shown), _LONGEST), dtype=np.uint8)
    for i, length in enumerate(shown.tolist()):
        grid[12 * i + 2 : 12 * i + 10, : max(1, round(_LONGEST * length / most))] = _SHADES
    told = ", ".join(f"{length:g}" for length in shown.tolist())
    return _thumbnail(grid, caption, f"Bars of {told}")


def _tiles(pictures: Sequence[NDArray[Any]], caption: str) -> Thumbnail:
    """Draw pictures of one shape beside each other; what is no number is left out."""
    step = max(-(-side // _MOST_VALUES) for side in pictures[0].shape)
    values = np.stack([picture[::step, ::step] for picture in pictures])
    sizes = np.abs(values[np.nan_to_num(values) != 0])
    # A few that are far beyond the others would leave those invisible.
    most = float(np.quantile(sizes, 0.98)) if sizes.size else 1.0
    shades = np.rint(np.nan_to_num(values / most).clip(-1, 1) * _SHADES).astype(np.int64)
    places = np.where(shades < 0, _SHADES - shades, shades).astype(np.uint8)
    n, height, width = places.shape
    scale = max(1, _SIDE // max(height, width))
    places = places.repeat(scale, axis=1).repeat(scale, axis=2)
    framed = np.pad(places, ((0, 0), (1, 1), (1, 1)), constant_values=_FRAME)
    apart = np.pad(framed, ((0, 0), (0, 4), (0, 4)))  # transparent
    rows = math.ceil(n / max(1, _WIDTH // apart.shape[2]))
    across = math.ceil(n / rows)
    apart = np.pad(apart, ((0, rows * across - n), (0, 0), (0, 0)))
    grid = apart.reshape(rows, across, *apart.shape[1:]).swapaxes(1, 2)
    flat = np.ascontiguousarray(grid).reshape(rows * apart.shape[1], across * apart.shape[2])
    return _thumbnail(flat, caption, f"{n} images of {width} x {height} values. {caption}")


def _thumbnail(places: NDArray[np.uint8], caption: str, alt: str) -> Thumbnail:
    height, width = places.shape
    uri = f"data:image/png;base64,{b64encode(_png(places)).decode('ascii')}"
    return Thumbnail(uri, width, height, caption, alt)


def _png(places: NDArray[np.uint8]) -> bytes:
    """Return an image of places in the palette as PNG (ISO/IEC 15948), rows as they differ."""
    height, width = places.shape
    colours = [(0, 0, 0), *[_BLUE] * _SHADES, *[_ORANGE] * _SHADES, _GREY]
    shades = [round(255 * (i + 1) / _SHADES) for i in range(_SHADES)]
    alphas = [0, *shades, *shades, 160]
    up = np.diff(places, axis=0, prepend=np.zeros((1, width), np.uint8))  # filter 2, modulo 256
    rows = np.pad(up, ((0, 0), (1, 0)), constant_values=2)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(value for colour in colours for value in colour)),
        (b"tRNS", bytes(alphas)),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
