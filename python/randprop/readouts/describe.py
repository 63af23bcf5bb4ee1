"""How a readout is told to people in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from randprop._tables import html_picture, html_table

__all__ = ["Picture", "coefficients", "kept_by_class", "means", "page"]

Picture = Callable[[], Any]  # drawn when it is asked for


def page(title: str, facts: Sequence[tuple[str, str]], picture: Picture | None) -> str:
    """Return a table of facts, and a picture where there is one."""
    table = html_table(title, [["quantity", "value"], *map(list, facts)])
    return table if picture is None else table + html_picture(**vars(picture()))


def means(counts: NDArray[Any], n_samples: NDArray[Any]) -> Picture:
    """Return what draws class means, from sums and numbers of vectors."""

    def draw() -> Any:
        from randprop.show import thumbnails

        first = slice(thumbnails.MOST_TILES)
        values = counts[first] / n_samples[first, None].clip(1)
        return thumbnails.vectors(values, signed=False, what="Class means", n=len(counts))

    return draw


def coefficients(values: NDArray[Any]) -> Picture:
    """Return what draws coefficients of classes."""

    def draw() -> Any:
        from randprop.show import thumbnails

        return thumbnails.vectors(values, signed=True, what="Coefficients", n=len(values))

    return draw


def kept_by_class(numbers: Sequence[int]) -> Picture:
    """Return what draws how many vectors of each class are kept."""

    def draw() -> Any:
        from randprop.show import thumbnails

        return thumbnails.bars(numbers, "Vectors kept, by class")

    return draw
