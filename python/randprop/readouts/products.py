"""Sums of products of features, exact integers that add, and the samples while they are fewer.

While samples are fewer than features they are kept themselves; as many as features give their place
to the sums. Which it is follows from their number alone: nothing depends on the parts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop.bits import BitMatrix, Features, stack
from randprop.readouts.base import from_core, rows_within
from randprop.readouts.regression import centred_kernel

__all__ = [
    "MAX_SAMPLES", "add_products", "as_bytes", "gram_of", "kernel_of", "linear_scores",
    "on_features", "products_of", "row_order",
]  # fmt: skip

Floats = NDArray[np.float64]
Gram = NDArray[np.int64]

MAX_SAMPLES = 1 << 31
# A Gram matrix of so many bits takes 8.6 GB.
_MAX_BITS = 1 << 15


def products_of(features: Features, threads: int) -> tuple[Features | None, Gram | None]:
    """Return a copy of the samples, or their sums of products; the other one is None."""
    n = features.shape[1]
    if n > _MAX_BITS:
        raise ValueError(
            f"bits must have at most {_MAX_BITS} bits, whose Gram matrix takes 8.6 GB, got {n}"
        )
    if len(features) >= n:
        return None, gram_of([features], threads)
    if isinstance(features, BitMatrix):
        return BitMatrix(features.words, n), None
    return features.copy(), None


def add_products(
    rows: list[Features], grams: list[Gram], threads: int, *, spare: Gram | None = None
) -> tuple[Features | None, Gram | None]:
    """Add what `products_of` gave; `spare` is one of the matrices and may be used up for it."""
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


def linear_scores(features: Features, coef: Floats, intercept: Floats, step: int) -> Floats:
    """Return features times coefficients plus intercepts, so many samples at a time."""
    out = np.empty((len(features), len(coef)))
    for start in range(0, len(features), step):
        values = as_bytes(features[start : start + step])
        np.matmul(values.astype(np.float64), coef.T, out=out[start : start + step])
        out[start : start + step] += intercept
    return out
