"""Features of any numbers as bytes, by a range: the arithmetic, the same in every language.

A range is one for all features, or one for each of some groups: feature j belongs to group
``j mod n_groups``, as the channel of an image or a series does, and as each feature of its own
does where there are as many groups as features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_number, told
from randprop.features import is_sparse, row_blocks, stored

__all__ = [
    "AS_THEY_COME", "Floats", "arithmetic_of", "check_range", "extremes", "extremes_by_group",
    "fits_bytes", "map_block", "widened",
]  # fmt: skip

AS_THEY_COME = (0.0, 255.0)
_EXACT = 2**53  # float64 holds every integer to here
Floats = NDArray[np.float64]


def fits_bytes(X: Any) -> bool:
    """Whether all features are integers of [0, 255], whatever their type."""
    values = stored(X)
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        return True
    for rows in row_blocks(values):
        block = values[rows]
        if block.size and not (block.min() >= 0 and block.max() <= 255):
            return False
        if block.dtype.kind == "f" and (np.rint(block) != block).any():
            return False
    return True


def check_range(name: str, value: object) -> tuple[float, float]:
    """Return (low, high); None stands for (0, 255)."""
    if value is None:
        return AS_THEY_COME
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise TypeError(f"{name} must be (low, high) or None, got {told(value)}")
    low, high = check_number(f"{name}[0]", value[0]), check_number(f"{name}[1]", value[1])
    if low > high:
        raise ValueError(f"{name} must have low <= high, got {told(value)}")
    return low, high


def arithmetic_of(low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (unit, low, scale) by group: a feature x becomes (unit x - low) scale, rounded, cut.

    The unit is a power of two: 1 but for ranges whose width, or whose scale, float64 does not hold.
    Whatever maps features by a model's ranges, in other languages too, computes this.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        wide = high - low == np.inf
        narrow = (high > low) & (255.0 / (high - low) == np.inf)
        unit = np.where(wide, 0.5, np.where(narrow, 2.0**100, 1.0))
        low, high = unit * low, unit * high
        return unit, low, 255.0 / np.where(high > low, high - low, 1.0)


def map_block(block: NDArray[Any], low: Floats, high: Floats) -> NDArray[np.uint8]:
    """Return the nearest integers to 255 (x - low) / (high - low), cut to 0 and 255.

    Of an array of shape (n_samples, n_features), or of single features with a range each.
    """
    unit, low, scale = arithmetic_of(low, high)
    # Beyond float64 is beyond the range: infinities are cut.
    with np.errstate(over="ignore"):
        part = block.astype(np.float64)
        if (unit != 1.0).any():
            part *= unit
        part -= low
        if block.dtype.kind in "iu" and block.dtype.itemsize == 8:
            large = ((block > _EXACT) | (block < -_EXACT)) & (unit == 1.0)
            # In halves, each exact in float64, which an integer of this size is not.
            top, rest = np.divmod(block[large], block.dtype.type(2**32))
            part[large] = (top * 2.0**32 - np.broadcast_to(low, block.shape)[large]) + rest
        part *= scale
    np.clip(part, 0.0, 255.0, out=part)
    return np.rint(part, out=part).astype(np.uint8)


def extremes(X: Any) -> tuple[Any, Any]:
    """Return the smallest and the largest feature, the zeros that are not stored among them."""
    values = stored(X)
    found = [f(values[rows]) for rows in row_blocks(values) for f in (np.min, np.max)]
    if is_sparse(X) and X.nnz < X.shape[0] * X.shape[1]:
        found.append(values.dtype.type(0))
    return min(found), max(found)


def extremes_by_group(X: Any, n_groups: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the smallest and the largest feature of each group."""
    if n_groups == 1:
        least, most = extremes(X)
        return np.array([least]), np.array([most])
    if is_sparse(X):
        least, most = (np.asarray(f(axis=0).toarray()).ravel() for f in (X.min, X.max))
    else:
        found = [(X[rows].min(axis=0), X[rows].max(axis=0)) for rows in row_blocks(X)]
        least = np.minimum.reduce([low for low, _ in found])
        most = np.maximum.reduce([high for _, high in found])
    return least.reshape(-1, n_groups).min(axis=0), most.reshape(-1, n_groups).max(axis=0)


def widened(least: NDArray[Any], most: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return extremes as float64: of integers beyond 2**53 the nearest that hold them between."""
    low, high = least.astype(np.float64), most.astype(np.float64)
    if least.dtype.kind in "iu" and least.dtype.itemsize == 8:
        for i in range(len(low)):
            if int(low[i]) > int(least[i]):
                low[i] = np.nextafter(low[i], -np.inf)
            if int(high[i]) < int(most[i]):
                high[i] = np.nextafter(high[i], np.inf)
    return low, high
