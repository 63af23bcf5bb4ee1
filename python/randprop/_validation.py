"""Checks that name the argument, what was expected and what came."""

from __future__ import annotations

import operator
import os
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop import _core

__all__ = ["as_codes", "as_labels", "check_choice", "check_int", "check_threads"]


def check_int(name: str, value: object, low: int, high: int) -> int:
    """Return `value` as an int of [low, high]; bool and float are not integers here."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {type(value).__name__} {value!r}"
        ) from None
    if not low <= number <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], got {number}")
    return number


def check_choice(name: str, value: object, choices: Collection[Any]) -> Any:
    """Return `value` if it is one of `choices`, which are strings or integers."""
    if (
        isinstance(value, (str, int, np.integer))
        and not isinstance(value, bool)
        and value in choices
    ):
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    raise ValueError(f"{name} must be one of {listed}, got {value!r}")


def check_threads(n_threads: object) -> int:
    """Return how many threads to use.

    `None` means ``RANDPROP_NUM_THREADS`` if it is set, else every CPU that the process may use.
    """
    if n_threads is not None:
        return check_int("n_threads", n_threads, 1, 4096)
    text = os.environ.get("RANDPROP_NUM_THREADS", "")
    if not text:
        return _core.available_cpus()
    try:
        number = int(text)
    except ValueError:
        raise ValueError(
            f"RANDPROP_NUM_THREADS must be an integer from 1 to 4096, got {text!r}"
        ) from None
    return check_int("RANDPROP_NUM_THREADS", number, 1, 4096)


def as_labels(name: str, y: ArrayLike, n_samples: int) -> NDArray[Any]:
    """Return labels as an array of shape (n_samples,)."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {labels.shape}")
    if labels.shape[0] != n_samples:
        raise ValueError(f"{name} has {labels.shape[0]} labels for {n_samples} samples")
    if labels.dtype.kind in "fc" and not np.all(np.isfinite(labels)):
        raise ValueError(f"{name} must not contain NaN or infinity")
    if labels.dtype.kind == "O" and not all(isinstance(label, str) for label in labels):
        raise TypeError(
            f"{name} must hold numbers or strings; an object array may hold only strings"
        )
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def as_codes(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int32]:
    """Return the position of each label in the sorted array `classes`, which holds all of them."""
    return np.searchsorted(classes, labels).astype(np.int32)
