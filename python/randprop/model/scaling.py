"""Features of any numbers as the 8-bit integers that a network reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_table, check_number, told
from randprop.bits import BitMatrix, Features

__all__ = ["as_input", "check_features", "check_range", "fits_bytes", "map_to_bytes", "to_bytes"]


def check_features(name: str, X: ArrayLike) -> NDArray[Any]:
    """Return features as a 2-dimensional array of finite real numbers, neither axis empty."""
    if isinstance(X, BitMatrix):
        raise TypeError(f"{name} must be an array of features, got a BitMatrix")
    return as_table(name, X)


def fits_bytes(X: NDArray[Any]) -> bool:
    """Whether features are integers of [0, 255] by type and value, and so used as they come."""
    return X.dtype.kind == "b" or bool(
        X.dtype.kind in "ui" and X.size and X.min() >= 0 and X.max() <= 255
    )


def map_to_bytes(X: NDArray[Any], input_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Map features to the nearest integers to 255 (x - low) / (high - low), cut to 0 and 255.

    Integers are left as they are by (0, 255).
    """
    low, high = input_range
    if X.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return np.ascontiguousarray(X)
    span = high - low if high > low else 1.0
    out = np.empty(X.shape, dtype=np.uint8)
    for start in range(0, len(X), 4096):  # keeps the float64 copy small
        part = (X[start : start + 4096].astype(np.float64) - low) * (255.0 / span)
        out[start : start + 4096] = np.rint(np.clip(part, 0.0, 255.0)).astype(np.uint8)
    return out


def as_input(X: ArrayLike | BitMatrix, input_range: tuple[float, float]) -> Features:
    """Return what a network reads: bits as they are, features mapped to bytes."""
    return X if isinstance(X, BitMatrix) else map_to_bytes(check_features("X", X), input_range)


def to_bytes(
    X_train: NDArray[Any], X_test: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[float, float] | None]:
    """Map features to 8 bits by the range of the training data, which comes with them.

    Integers of [0, 255] stay as they are, and the range is None.
    """
    if fits_bytes(X_train) and fits_bytes(X_test):
        as_they_are = [np.ascontiguousarray(X, dtype=np.uint8) for X in (X_train, X_test)]
        return as_they_are[0], as_they_are[1], None
    input_range = float(X_train.min()), float(X_train.max())
    return map_to_bytes(X_train, input_range), map_to_bytes(X_test, input_range), input_range


def check_range(name: str, value: object) -> tuple[float, float]:
    """Return (low, high); None stands for (0, 255)."""
    if value is None:
        return 0.0, 255.0
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise TypeError(f"{name} must be (low, high) or None, got {told(value)}")
    low, high = check_number(f"{name}[0]", value[0]), check_number(f"{name}[1]", value[1])
    if low > high:
        raise ValueError(f"{name} must have low <= high, got {told(value)}")
    return low, high
