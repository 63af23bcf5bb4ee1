"""What a network is worth at one depth: what readouts get right, variances of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from randprop.bits import BitMatrix, Features
from randprop.measure.split import Split
from randprop.network.smooth import Deviations
from randprop.readouts.base import Readout, from_core, rows_within
from randprop.readouts.centroids import Centroids
from randprop.readouts.neighbors import HammingNeighbors

__all__ = ["Metrics", "Scored", "accuracy_of", "baseline", "confusion_of", "metrics"]


@dataclass(frozen=True, eq=False)
class Scored:
    """What a readout made of the test samples, and the seconds that this took."""

    confusion: NDArray[np.int64]  # of true class (row) and predicted class (column)
    seconds: float

    @property
    def accuracy(self) -> float:
        """Share of test samples with the right label."""
        return accuracy_of(self.confusion)


@dataclass(frozen=True, eq=False)
class Metrics:
    """Everything measured at one depth; the variances are those of `SweepResult`."""

    scored: list[Scored]  # one a readout
    variance_units: float
    variance_samples: float
    variance_class_means: float
    variance_floor: float
    fit_seconds: float = 0.0  # of the class means
    centroid_bytes: int = 0  # of their integers


def metrics(
    readouts: Sequence[Readout],
    train: Features | Deviations,
    test: Features | Deviations,
    split: Split,
    *,
    scale: float = 1.0,
    n_threads: int | None = None,
) -> Metrics:
    """Measure the features of one depth with unfitted readouts.

    Of real numbers the readout is class means whatever is asked for. `scale` is the variance of
    what bits stand for, in units of the variance of the bits.
    """
    if isinstance(train, Deviations):
        assert isinstance(test, Deviations)
        return _of_values(train, test, split, len(readouts))
    assert not isinstance(test, Deviations)
    started = perf_counter()
    centroids = Centroids(n_threads=n_threads).fit(train, split.codes_train)
    fit_seconds = perf_counter() - started
    means = centroids.counts_ / centroids.n_samples_[:, None]
    units, samples, within = _variances(train, centroids, split.codes_train)
    if not isinstance(train, BitMatrix):  # of counts as shares of 255
        scale /= 255.0**2
    return Metrics(
        scored=_score(readouts, centroids, train, test, split, n_threads),
        variance_units=scale * units,
        variance_samples=scale * samples,
        variance_class_means=scale * float(np.mean(np.var(means, axis=0))),
        variance_floor=scale * sampling_floor(within, centroids.n_samples_),
        fit_seconds=fit_seconds,
        centroid_bytes=centroids.counts_.nbytes + centroids.n_samples_.nbytes,
    )


def _variances(
    train: Features, centroids: Centroids, codes: NDArray[np.integer]
) -> tuple[float, float, NDArray[np.float64]]:
    """Variance of the units of a sample, of a unit over samples, and within each class."""
    n_samples, counts = centroids.n_samples_, centroids.counts_
    if isinstance(train, BitMatrix):
        share = train.popcount() / train.n_bits
        rates = counts.sum(axis=0) / n_samples.sum()
        means = counts / n_samples[:, None]
        within = np.mean(means * (1.0 - means), axis=1)
        return float(np.mean(share * (1.0 - share))), float(np.mean(rates * (1.0 - rates))), within
    squares, of_rows = _squares(train, codes, len(counts))
    n = n_samples.sum()
    of_columns = squares.sum(axis=0) / n - (counts.sum(axis=0) / n) ** 2
    of_classes = squares / n_samples[:, None] - (counts / n_samples[:, None]) ** 2
    return of_rows, float(np.mean(of_columns)), np.mean(of_classes, axis=1)


def _squares(
    train: NDArray[np.uint8], codes: NDArray[np.integer], n_classes: int
) -> tuple[NDArray[np.int64], float]:
    """Return sums of squares by class and feature, and the mean variance of a sample's features."""
    low, high = (np.zeros((n_classes, train.shape[1]), dtype=np.int64) for _ in range(2))
    of_rows, n_features = 0.0, train.shape[1]
    unused = np.zeros(n_classes, dtype=np.int64)
    for start in range(0, len(train), rows_within(8 * n_features)):
        rows = slice(start, start + rows_within(8 * n_features))
        part, part_codes = train[rows], np.ascontiguousarray(codes[rows], dtype=np.int32)
        squares = np.square(part, dtype=np.uint16)  # at most 65,025
        # In bytes, for which the class counts have a kernel.
        for shift, sums in ((0, low), (8, high)):
            digits = (squares >> shift).astype(np.uint8)
            from_core("add_class_counts", digits, part_codes, sums, unused, 1)
        means = part.sum(axis=1, dtype=np.int64) / n_features
        of_rows += float((squares.sum(axis=1, dtype=np.int64) / n_features - means**2).sum())
    return (high << 8) + low, of_rows / len(train)


def baseline(split: Split, *, n_threads: int | None = None) -> float:
    """Accuracy of the nearest class mean of the features themselves, no network at all."""
    centroids = Centroids(n_threads=n_threads).fit(split.X_train, split.codes_train)
    return float(np.mean(centroids.predict(split.X_test) == split.codes_test))


def confusion_of(
    true: NDArray[np.integer], predicted: NDArray[np.integer], n_classes: int
) -> NDArray[np.int64]:
    """Count the samples of each true class (row) and predicted class (column)."""
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(confusion, (true, predicted), 1)
    return confusion


def accuracy_of(confusion: NDArray[np.int64]) -> float:
    """Share of samples with the right label."""
    return float(np.trace(confusion) / confusion.sum())


def sampling_floor(within: NDArray[np.float64], n_samples: NDArray[np.int64]) -> float:
    """Variance between class means that samples without any class differences would show.

    `within` is the variance within each class, by its n samples about their own mean; unbiased:
    ``(1 - 1/K) mean of within / (n - 1)``.
    """
    n_classes = len(n_samples)
    return (1.0 - 1.0 / n_classes) * float(np.mean(within / np.maximum(n_samples - 1, 1)))


def _score(
    readouts: Sequence[Readout],
    centroids: Centroids,
    train: Features,
    test: Features,
    split: Split,
    n_threads: int | None,
) -> list[Scored]:
    found: dict[int, NDArray[np.integer]] = {}
    scored = []
    for readout in readouts:
        started = perf_counter()
        if type(readout) is HammingNeighbors:
            if not found:
                ks = {r.n_neighbors for r in readouts if type(r) is HammingNeighbors}
                found = _neighbours(ks, train, test, split, n_threads)
            codes = found[readout.n_neighbors]
        elif type(readout) is Centroids:
            codes = centroids.with_metric(readout.metric).predict(test)
        else:
            fresh = readout.fresh()
            fresh.n_threads = n_threads
            codes = fresh.fit(train, split.codes_train).predict(test)
        confusion = confusion_of(split.codes_test, codes, len(split.classes))
        scored.append(Scored(confusion, perf_counter() - started))
    return scored


def _neighbours(
    ks: set[int], train: Features, test: Features, split: Split, n_threads: int | None
) -> dict[int, NDArray[np.integer]]:
    """Predict by several numbers of neighbours, with one search for the largest."""
    # Its first columns are those of the others.
    search = HammingNeighbors(n_threads=n_threads).fit(train, split.codes_train)
    found = {k: np.empty(len(test), dtype=split.codes_train.dtype) for k in ks}
    rows = rows_within(40 * max(ks))
    for start in range(0, len(test), rows):
        _, indices = search.kneighbors(test[start : start + rows], max(ks))
        for k, codes in found.items():
            codes[start : start + rows] = search.majority(indices[:, :k])
    return dict(found)


def _of_values(train: Deviations, test: Deviations, split: Split, n_readouts: int) -> Metrics:
    """Class means of real numbers, which are given as differences from one point."""
    started = perf_counter()
    n_classes = len(split.classes)
    n_samples = np.bincount(split.codes_train, minlength=n_classes)
    means = np.empty((n_classes, train.values.shape[1]))
    within = np.empty(n_classes)
    for c in range(n_classes):
        members = train.values[split.codes_train == c].astype(np.float64)
        means[c] = members.mean(axis=0)
        members -= means[c]
        within[c] = np.einsum("ij,ij->", members, members) / members.size
    share = n_samples / n_samples.sum()
    between = np.mean(share @ (means - share @ means) ** 2)
    # Distances differ between classes by inner products with what is left of a class mean once
    # the mean of all is gone: no digits are lost, however close the means are.
    middle = means.mean(axis=0)
    centred = means - middle
    offsets = 0.5 * np.sum(centred**2, axis=1)
    nearest = np.empty(len(test.values), dtype=np.intp)
    rows = rows_within(16 * (len(middle) + n_classes))
    for start in range(0, len(nearest), rows):
        part = test.values[start : start + rows].astype(np.float64) - middle
        nearest[start : start + rows] = np.argmin(offsets - part @ centred.T, axis=1)
    confusion = confusion_of(split.codes_test, nearest, n_classes)
    some = train.values[:: max(1, len(train.values) // 1000)] + train.point
    return Metrics(
        scored=[Scored(confusion, perf_counter() - started)] * n_readouts,
        variance_units=float(np.mean(np.var(some, axis=1))),
        variance_samples=float(share @ within + between),
        variance_class_means=float(np.mean(np.var(means, axis=0))),
        variance_floor=sampling_floor(within, n_samples),
    )
