"""Texts of the command line as the values that they stand for; each refuses what is none."""

from __future__ import annotations

import argparse

from randprop.model.recipes import RECIPES
from randprop.network.spec import parse_widths
from randprop.network.stages import Stage

__all__ = [
    "alpha", "bits", "column", "depths", "integer", "names", "shape", "stages", "thresholds",
    "widths",
]  # fmt: skip

_MOST_DEPTHS = 1_000_000


def integer(text: str) -> int:
    """Parse ``3`` or ``-1``."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an integer, got {text!r}") from None


def depths(text: str) -> int | list[int]:
    """Parse ``3``, ``0-15`` or ``0,1,5-8``."""
    found: list[int] = []
    try:
        for part in text.split(","):
            low, dash, high = part.partition("-")
            numbers = range(int(low), int(high) + 1) if dash else [int(low)]
            if len(numbers) > _MOST_DEPTHS:
                raise argparse.ArgumentTypeError(
                    f"expected a range of at most {_MOST_DEPTHS} numbers, got {part!r}"
                )
            found += numbers
    except (ValueError, OverflowError):
        found = []
    if not found:
        raise argparse.ArgumentTypeError(
            f"expected a number, a range or a list such as 3, 0-15 or 0,1,5-8, got {text!r}"
        )
    return found[0] if text.isdecimal() else found


def widths(text: str) -> int | Stage | list[int | Stage]:
    """Parse ``512``, ``512,256``, or stages."""
    try:
        found = parse_widths(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found if len(found) > 1 or text.rstrip().endswith(",") else found[0]


def stages(text: str) -> str | list[int | Stage]:
    """Parse the name of a recipe, or stages."""
    if text in RECIPES:
        return text
    try:
        return parse_widths(text)
    except ValueError as error:
        if text.isidentifier():
            raise argparse.ArgumentTypeError(
                f"expected {RECIPES.listed()}, or a list of stages, got {text!r}"
            ) from None
        raise argparse.ArgumentTypeError(
            f"expected {RECIPES.listed()}, or a list of stages; as a list: {error}"
        ) from None


def thresholds(text: str) -> float | str:
    """Parse ``calibrated`` or a number."""
    if text == "calibrated":
        return text
    return int(text) if text.isdecimal() else _number(text, "calibrated or a number")


def alpha(text: str) -> float | str:
    """Parse ``auto`` or a number."""
    return text if text == "auto" else _number(text, "auto or a number")


def _number(text: str, expected: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}") from None


def bits(text: str) -> int | str:
    """Parse ``ternary`` or an integer."""
    try:
        return text if text == "ternary" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected ternary or an integer, got {text!r}") from None


def shape(text: str) -> list[int]:
    """Parse ``28,28,1``."""
    return [integer(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Parse a list of names."""
    return text.split(",")


def column(text: str) -> int | str:
    """Parse the place of a column, or its name."""
    return int(text) if text.removeprefix("-").isdecimal() else text
