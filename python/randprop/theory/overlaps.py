"""How many set bits samples share: all that the theory of few inputs needs of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import as_labels, codes_among
from randprop._validation import check_int
from randprop.features import as_table
from randprop.theory.cosines import statistics_repr

__all__ = ["OverlapStatistics", "overlap_statistics"]

# Of the activity of a sample of the other side, and of the overlap with it.
_ACTIVITY_BINS, _OVERLAP_BINS = 8, 48
_BLOCK = 500


@dataclass(frozen=True, eq=False)
class OverlapStatistics:
    """Set bits that the samples of a data set share. The theory needs nothing else from the data.

    The activity of a sample is the share of its bits that are set. The overlap of two samples is
    the share of bits that are set in both. A bin is a pair: an activity of the second sample, and
    an overlap.

    Attributes
    ----------
    activities : ndarray of shape (n_bins,), dtype float64
        Activity of the second sample in each bin.
    overlaps : ndarray of shape (n_bins,), dtype float64
        Overlap in each bin.
    train : ndarray of shape (n_rows, n_classes, n_bins), dtype float32
        For some training samples, the same number per class: the distribution of bins over the
        other training samples of each class.
    train_activities : ndarray of shape (n_rows,), dtype float64
    train_codes : ndarray of shape (n_rows,), dtype int64
        Classes of these samples.
    test : ndarray of shape (n_test, n_classes, n_bins), dtype float32
        For each test sample, the distribution over the training samples of each class.
    test_activities : ndarray of shape (n_test,), dtype float64
    test_codes : ndarray of shape (n_test,), dtype int64
    class_sizes : ndarray of shape (n_classes,), dtype int64
        Number of training samples of each class.
    """

    activities: NDArray[np.float64]
    overlaps: NDArray[np.float64]
    train: NDArray[np.float32]
    train_activities: NDArray[np.float64]
    train_codes: NDArray[np.int64]
    test: NDArray[np.float32]
    test_activities: NDArray[np.float64]
    test_codes: NDArray[np.int64]
    class_sizes: NDArray[np.int64]

    def __repr__(self) -> str:
        return statistics_repr(self)


def overlap_statistics(
    X_train: ArrayLike,
    y_train: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    max_pairs: int = 50,
) -> OverlapStatistics:
    """Measure the overlaps between samples that are bits.

    The theory does not cover bytes. For bytes, give the output bits of a first stage, and predict
    the stages after it.

    Parameters
    ----------
    X_train, X_test : array-like of shape (n_samples, n_features)
        Bits, 0 and 1, as ``BitMatrix.to_array()`` gives them.
    y_train, y_test : array-like of shape (n_samples,)
        Labels. Each label of a test sample must occur in the training samples.
    max_pairs : int, default=50
        Number of training samples of each class that are compared with all others. They are evenly
        spread over the class.

    Returns
    -------
    OverlapStatistics
    """
    max_pairs = check_int("max_pairs", max_pairs, 1, 2**31 - 1)
    train_bits, test_bits = _as_bits("X_train", X_train), _as_bits("X_test", X_test)
    n_bits = train_bits.shape[1]
    if test_bits.shape[1] != n_bits:
        raise ValueError(f"X_test has {test_bits.shape[1]} bits, X_train has {n_bits}")
    y_train = as_labels("y_train", y_train, len(train_bits), "X_train")
    y_test = as_labels("y_test", y_test, len(test_bits), "X_test")
    classes, codes = np.unique(y_train, return_inverse=True)
    test_codes = codes_among("y_test", y_test, classes, "y_train").astype(np.int64)
    sizes = np.bincount(codes)
    if sizes.min() < 2:
        raise ValueError("every class of y_train must have at least 2 training samples")
    rows = np.concatenate(
        [_evenly(np.flatnonzero(codes == c), max_pairs) for c in range(len(classes))]
    )
    others = _Others(train_bits, codes, len(classes))
    train, test = others.histograms(train_bits[rows], own=rows), others.histograms(test_bits)
    left = sizes[None, :] - (codes[rows][:, None] == np.arange(len(classes)))
    train /= left[:, :, None].astype(np.float32)
    test /= sizes[None, :, None].astype(np.float32)
    activities, overlaps = others.bins()
    return OverlapStatistics(
        activities=activities,
        overlaps=overlaps,
        train=train,
        train_activities=train_bits[rows].mean(axis=1),
        train_codes=codes[rows].astype(np.int64),
        test=test,
        test_activities=test_bits.mean(axis=1),
        test_codes=test_codes,
        class_sizes=sizes,
    )


def _as_bits(name: str, X: ArrayLike) -> NDArray[np.uint8]:
    table = as_table(name, X)
    wrong = table[(table != 0) & (table != 1)]
    if wrong.size:
        raise ValueError(f"{name} must hold bits, 0 and 1, got {wrong[0]}")
    return table.astype(np.uint8)


def _evenly(rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)])


class _Others:
    """Training samples of every class, with which others are compared."""

    def __init__(self, X: NDArray[np.uint8], codes: NDArray[Any], n_classes: int) -> None:
        self._floats = X.astype(np.float32).T
        self._n_bits, self._n_classes = X.shape[1], n_classes
        counts = X.sum(axis=1, dtype=np.int64)
        # Bins of about as many samples each, every one at its mean.
        edges = np.unique(np.quantile(counts, np.linspace(0, 1, _ACTIVITY_BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, counts, side="right")
        self._means = np.bincount(bins, counts, len(edges) + 1) / np.maximum(
            np.bincount(bins, minlength=len(edges) + 1), 1
        )
        self._step = max(1, -(-int(counts.max() + 1) // _OVERLAP_BINS))
        self._offsets = (codes * len(self._means) + bins) * _OVERLAP_BINS

    def bins(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the activity and the overlap of every bin."""
        centres = self._step * np.arange(_OVERLAP_BINS) + (self._step - 1) / 2
        activities = np.repeat(self._means, _OVERLAP_BINS) / self._n_bits
        return activities, np.tile(centres, len(self._means)) / self._n_bits

    def histograms(
        self, rows: NDArray[np.uint8], own: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """Count, for each row, the bins of all others by class; `own` is where a row is itself."""
        n_bins = len(self._means) * _OVERLAP_BINS
        length = self._n_classes * n_bins
        found = np.empty((len(rows), length), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK].astype(np.float32)
            shared = (block @ self._floats).astype(np.int64) // self._step
            shared += self._offsets
            for i, places in enumerate(shared):
                counts = np.bincount(places, minlength=length)
                if own is not None:
                    counts[places[own[start + i]]] -= 1
                found[start + i] = counts
        return found.reshape(len(rows), self._n_classes, n_bins)
