"""Sums of products of features, exact integers that add, and the samples while they are fewer.

While samples are fewer than features they are kept themselves; as many as features give their place
to the sums. Which it is follows from their number alone: nothing depends on the parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop.bits import BitMatrix, Features, stack
from randprop.readouts.base import from_core, rows_within
from randprop.readouts.regression import centred_kernel
from randprop.readouts.summing import Sums

__all__ = [
    "MAX_SAMPLES", "Products", "add_products", "as_bytes", "gram_of", "kernel_of", "linear_scores",
    "on_features", "row_order",
]  # fmt: skip

Floats = NDArray[np.float64]
Gram = NDArray[np.int64]
Codes = NDArray[np.int32]

MAX_SAMPLES = 1 << 31
# A Gram matrix of so many bits takes 8.6 GB.
_MAX_BITS = 1 << 15


class Products(Sums):
    """A copy of so many samples with their classes, or their sums of products."""

    def __init__(self, n_samples: int, n_features: int, threads: int) -> None:
        if n_features > _MAX_BITS:
            raise ValueError(
                f"bits must have at most {_MAX_BITS:,} features, whose Gram matrix takes 8.6 GB, "
                f"got {n_features:,}: take a smaller width, or another readout"
            )
        self.gram: Gram | None = None
        if n_samples >= n_features:
            self.gram = np.zeros((n_features, n_features), dtype=np.int64)
        self._rows: list[Features] = []
        self._codes: list[Codes] = []
        self._threads = threads

    def add(self, features: Features, codes: Codes | None = None) -> None:  # noqa: D102
        if self.gram is not None:
            gram_of([features], self._threads, self.gram)
            return
        self._rows.append(_copy(features))
        if codes is not None:
            self._codes.append(codes)

    @property
    def rows(self) -> Features | None:
        """The samples; None where they are summed."""
        return stack(self._rows) if self._rows else None

    def found(self) -> dict[str, Any]:  # noqa: D102
        codes = np.concatenate([np.zeros(0, np.int32), *self._codes])
        return {"_rows": self.rows, "_codes": codes, "_gram": self.gram, "_solution": None}


def _copy(features: Features) -> Features:
    if isinstance(features, BitMatrix):
        return BitMatrix(features.words, features.n_bits)
    return features.copy()


def add_products(
    rows: list[Features], grams: list[Gram], threads: int, *, spare: Gram | None = None
) -> tuple[Features | None, Gram | None]:
    """Add what `Products` has of two parts; `spare`, one of the matrices, may be used up for it."""
    if not grams and sum(map(len, rows)) < rows[0].shape[1]:
        return stack(rows), None
    gram: Gram | None = None
    if len(grams) == 2:
        gram = np.add(grams[0], grams[1], out=spare)
    elif grams:
        gram = grams[0] if grams[0] is spare else grams[0].copy()
    return None, gram_of(rows, threads, gram)


def gram_of(parts: list[Features], threads: int, gram: Gram | None = None) -> Gram:
    """Add the sums of products of parts to a matrix, in its place, or to a new one."""
    if gram is None:
        gram = np.zeros((parts[0].shape[1],) * 2, dtype=np.int64)
    for part in parts:
        from_core("add_gram", part, gram, threads)
    return gram


def kernel_of(rows: NDArray[np.uint8], threads: int) -> Floats:
    """Return the products of samples about their mean."""
    kernel = np.zeros((len(rows), len(rows)), dtype=np.int64)
    _core.add_gram_bytes(np.ascontiguousarray(rows.T), kernel, threads)
    return centred_kernel(kernel)


def as_bytes(features: Features) -> NDArray[np.uint8]:
    """Return features as bytes, bits as 0 and 1."""
    return features.to_array() if isinstance(features, BitMatrix) else features


def row_order(rows: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return an order of samples that does not depend on how they came, but for equal ones."""
    as_one = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel()
    return np.argsort(as_one, kind="stable")


def on_features(rows: NDArray[np.uint8], means: Floats, x: Floats) -> Floats:
    """Return coefficients on the features from those on the samples."""
    coef = np.zeros((rows.shape[1], x.shape[1]))
    step = rows_within(16 * rows.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        coef += (rows[part] - means).T @ x[part]
    return coef


def linear_scores(features: Features, coef: Floats, intercept: Floats, threads: int) -> Floats:
    """Return features times coefficients plus intercepts."""
    coef, intercept = np.ascontiguousarray(coef), np.ascontiguousarray(intercept)
    scores: Floats = from_core("real_scores", features, coef, intercept, threads)
    return scores
