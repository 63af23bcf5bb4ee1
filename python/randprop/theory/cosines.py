"""Cosines between the samples of a data set: all that the theory needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import as_labels, codes_among
from randprop._validation import check_int
from randprop.features import as_table

__all__ = ["CosineStatistics", "cosine_statistics", "statistics_repr"]

_N_BINS = 512
_BLOCK = 1000


@dataclass(frozen=True, eq=False)
class CosineStatistics:
    """Similarities between the samples of a data set. The theory needs nothing else from the data.

    Attributes
    ----------
    cosines : ndarray of shape (n_bins,), dtype float64
        Centres of the bins, equally spaced in the angle from 0 to pi/2.
    pairs : ndarray of shape (n_classes, n_classes, n_bins), dtype float64
        Distribution of the cosine over pairs of distinct training samples of two classes.
    test : ndarray of shape (n_test, n_classes, n_bins), dtype float32
        For each test sample, the distribution over the training samples of each class.
    test_codes : ndarray of shape (n_test,), dtype int64
        Class of each test sample.
    class_sizes : ndarray of shape (n_classes,), dtype int64
        Number of training samples of each class.
    """

    cosines: NDArray[np.float64]
    pairs: NDArray[np.float64]
    test: NDArray[np.float32]
    test_codes: NDArray[np.int64]
    class_sizes: NDArray[np.int64]

    def __repr__(self) -> str:
        return statistics_repr(self)


def statistics_repr(found: Any) -> str:
    """Tell what statistics are of, in place of millions of numbers."""
    return (
        f"{type(found).__name__}(n_train={int(found.class_sizes.sum())}, "
        f"n_test={len(found.test_codes)}, n_classes={len(found.class_sizes)}, "
        f"n_bins={found.test.shape[2]})"
    )


def cosine_statistics(
    X_train: ArrayLike,
    y_train: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    max_pairs: int = 400,
) -> CosineStatistics:
    """Measure the cosines between the samples of a data set.

    All of MNIST takes 6 to 15 seconds on two cores: each test image is compared with each training
    image. The result serves every width and depth, so compute it once.

    Parameters
    ----------
    X_train, X_test : array-like of shape (n_samples, n_features)
        Features. None may be negative, and no sample may be all zero.
    y_train, y_test : array-like of shape (n_samples,)
        Labels. Each label of a test sample must occur in the training samples.
    max_pairs : int, default=400
        Number of training samples of each class that are compared with all others. They are evenly
        spread over the class.

    Returns
    -------
    CosineStatistics

    Examples
    --------
    >>> import randprop
    >>> randprop.theory.cosine_statistics(*randprop.datasets.load_digits())
    CosineStatistics(n_train=1437, n_test=360, n_classes=10, n_bins=512)
    """
    max_pairs = check_int("max_pairs", max_pairs, 1, 2**31 - 1)
    X_train, X_test = as_table("X_train", X_train), as_table("X_test", X_test)
    if X_train.shape[1] != X_test.shape[1]:
        raise ValueError(f"X_test has {X_test.shape[1]} features, X_train has {X_train.shape[1]}")
    y_train = as_labels("y_train", y_train, len(X_train), "X_train")
    y_test = as_labels("y_test", y_test, len(X_test), "X_test")
    classes, codes = np.unique(y_train, return_inverse=True)
    test_codes = codes_among("y_test", y_test, classes, "y_train").astype(np.int64)
    sizes = np.bincount(codes)
    if sizes.min() < 2:
        raise ValueError("every class of y_train must have at least 2 training samples")
    by_class = [_unit_rows("X_train", X_train[codes == c]) for c in range(len(classes))]
    test = np.empty((len(X_test), len(classes), _N_BINS), dtype=np.float32)
    for start in range(0, len(X_test), _BLOCK):
        rows = _unit_rows("X_test", X_test[start : start + _BLOCK])
        for c, members in enumerate(by_class):
            test[start : start + _BLOCK, c] = _histograms(rows, members) / len(members)
    pairs = np.empty((len(classes), len(classes), _N_BINS))
    for a, rows in enumerate(by_class):
        picked = rows[np.linspace(0, len(rows) - 1, min(max_pairs, len(rows))).astype(int)]
        for b, members in enumerate(by_class):
            histogram = _histograms(picked, members).sum(axis=0)
            if a == b:
                histogram[0] -= len(picked)  # each sample with itself
            pairs[a, b] = histogram / histogram.sum()
    pairs = (pairs + pairs.transpose(1, 0, 2)) / 2
    angles = np.arange(_N_BINS) * (np.pi / 2 / (_N_BINS - 1))
    return CosineStatistics(np.cos(angles), pairs, test, test_codes, sizes)


def _unit_rows(name: str, X: NDArray[Any]) -> NDArray[np.float32]:
    if X.size and X.min() < 0:
        raise ValueError(f"{name} must not hold negative features")
    # Of the order of 1 first: the squares of large numbers fit no float32.
    rows = (X if X.dtype == np.uint8 else X / float(X.max() or 1)).astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    if not np.all(norms > 0):
        raise ValueError(f"{name} must not hold samples that are all zero")
    rows /= norms[:, None].astype(np.float32)
    return rows


def _histograms(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count, for each row, the angles to all others in bins."""
    counts = np.empty((len(rows), _N_BINS))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK] @ others.T
        np.clip(block, 0.0, 1.0, out=block)
        np.arccos(block, out=block)
        block *= (_N_BINS - 1) / (np.pi / 2)
        bins = np.rint(block, out=block).astype(np.int64)
        bins += _N_BINS * np.arange(len(block))[:, None]
        counts[start : start + _BLOCK] = np.bincount(
            bins.ravel(), minlength=_N_BINS * len(block)
        ).reshape(len(block), _N_BINS)
    return counts
