"""Readouts from their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import as_integers, check_array, check_int
from randprop.reference.compiled import compiled
from randprop.reference.network import preactivations

__all__ = ["centroid_counts", "centroid_distances", "gram", "hamming_neighbors"]


def _check_bits(name: str, bits: NDArray[np.uint8], n_bits: int | None = None) -> None:
    check_array(name, bits, np.uint8, 2)
    if n_bits is not None and bits.shape[1] != n_bits:
        raise ValueError(f"{name} has {bits.shape[1]} bits, expected {n_bits}")
    if bits.size and bits.max() > 1:
        raise ValueError(f"{name} must hold only 0 and 1, got {bits.max()}")


@compiled
def _count(
    bits: NDArray[np.uint8],
    codes: NDArray[np.int64],
    counts: NDArray[np.int64],
    n: NDArray[np.int64],
) -> None:
    for s in range(bits.shape[0]):
        n[codes[s]] += 1
        for i in range(bits.shape[1]):
            counts[codes[s], i] += bits[s, i]


def centroid_counts(
    bits: NDArray[np.uint8], codes: NDArray[Any], n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the bits of each class.

    Parameters
    ----------
    bits : ndarray of shape (n_samples, n_bits), dtype uint8
        0 and 1.
    codes : ndarray of shape (n_samples,), integer
        Class of each sample, in [0, n_classes).
    n_classes : int
        Number of classes.

    Returns
    -------
    counts : ndarray of shape (n_classes, n_bits), dtype int64
    n_samples : ndarray of shape (n_classes,), dtype int64
    """
    _check_bits("bits", bits)
    n_classes = check_int("n_classes", n_classes, 1, 2**31 - 1)
    codes = as_integers("codes", codes, (len(bits),))
    if codes.size and not 0 <= codes.min() <= codes.max() < n_classes:
        raise ValueError(
            f"codes must lie in [0, {n_classes - 1}], got {codes.min()} to {codes.max()}"
        )
    counts = np.zeros((n_classes, bits.shape[1]), dtype=np.int64)
    n = np.zeros(n_classes, dtype=np.int64)
    _count(bits, codes, counts, n)
    return counts, n


def centroid_distances(
    bits: NDArray[np.uint8], counts: NDArray[np.int64], n_samples: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return squared distances to the class means, by the definition, with Python's integers.

    Parameters
    ----------
    bits : ndarray of shape (n_samples, n_bits), dtype uint8
        0 and 1.
    counts : ndarray of shape (n_classes, n_bits), dtype int64
        Set bits of each class.
    n_samples : ndarray of shape (n_classes,), dtype int64
        Samples of each class, none 0.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), dtype float64
        The sum over i of (x_i - counts_i / n)^2. Python divides integers with one rounding.
    """
    _check_bits("bits", bits)
    counts = as_integers("counts", counts, ("n_classes", bits.shape[1]))
    n_samples = as_integers("n_samples", n_samples, (len(counts),))
    if n_samples.size and n_samples.min() < 1:
        raise ValueError(f"n_samples must be at least 1, got {n_samples.min()}")
    out = np.empty((bits.shape[0], counts.shape[0]))
    for c in range(counts.shape[0]):
        n = int(n_samples[c])
        row = [int(count) for count in counts[c]]
        for s in range(bits.shape[0]):
            numerator = sum(
                (n * int(x) - count) ** 2 for x, count in zip(bits[s], row, strict=True)
            )
            out[s, c] = numerator / (n * n)
    return out


def gram(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the vectors in which two bits are both set.

    Parameters
    ----------
    bits : ndarray of shape (n_samples, n_bits), dtype uint8
        0 and 1.

    Returns
    -------
    ndarray of shape (n_bits, n_bits), dtype int64
    """
    _check_bits("bits", bits)
    columns = np.ascontiguousarray(bits.T)
    return preactivations(columns, columns.astype(np.int64))


@compiled
def _hamming(train: NDArray[np.uint8], queries: NDArray[np.uint8], out: NDArray[np.int64]) -> None:
    for q in range(queries.shape[0]):
        for t in range(train.shape[0]):
            total = 0
            for i in range(train.shape[1]):
                if queries[q, i] != train[t, i]:
                    total += 1
            out[q, t] = total


def hamming_neighbors(
    train: NDArray[np.uint8], queries: NDArray[np.uint8], n_neighbors: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the nearest training vectors by Hamming distance. At a tie, the lowest index is first.

    Parameters
    ----------
    train, queries : ndarray of shape (n, n_bits), dtype uint8
        0 and 1.
    n_neighbors : int
        Number of neighbours.

    Returns
    -------
    distances, indices : ndarray of shape (n_queries, n_neighbors), dtype int64
    """
    _check_bits("train", train)
    _check_bits("queries", queries, train.shape[1])
    n_neighbors = check_int("n_neighbors", n_neighbors, 1, len(train))
    distances = np.empty((queries.shape[0], train.shape[0]), dtype=np.int64)
    _hamming(train, queries, distances)
    order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return np.take_along_axis(distances, order, axis=1), order.astype(np.int64)
