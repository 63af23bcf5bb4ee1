"""Metrics of one depth of a network: accuracy of each readout, and variances of the outputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from randprop._sweep_result import Cell
from randprop.bits import BitMatrix
from randprop.decoders import decode_many
from randprop.evaluation import _variances
from randprop.readouts import Centroids

__all__ = ["measure_bits", "measure_values", "sampling_floor"]


def measure_bits(
    cells: list[Cell],
    output: tuple[BitMatrix, BitMatrix],
    y_train: NDArray[np.int32],
    y_test: NDArray[np.int32],
    threads: int,
) -> list[dict[str, float]]:
    train, test = output
    centroids = Centroids(n_threads=threads).fit(train, y_train)
    scale = 4.0 if cells[0]["activation"] == "sign" else 1.0
    units, samples, means = _variances(train, centroids, scale)
    rates = centroids.counts_ / centroids.n_samples_[:, None]
    within = np.mean(rates * (1.0 - rates), axis=1)
    predicted = decode_many(
        [cell["readout"] for cell in cells],
        train,
        y_train,
        test,
        centroids=centroids,
        n_threads=threads,
    )
    return [
        {
            "accuracy": float(np.mean(predicted[cell["readout"]] == y_test)),
            "variance_units": units,
            "variance_samples": samples,
            "variance_class_means": means,
            "variance_floor": scale * sampling_floor(within, centroids.n_samples_),
        }
        for cell in cells
    ]


def sampling_floor(within: NDArray[np.float64], n_samples: NDArray[np.int64]) -> float:
    """Variance between class means that samples without any class differences would show.

    Parameters
    ----------
    within : ndarray of shape (n_classes,)
        Variance within each class, by its n samples about their own mean.
    n_samples : ndarray of shape (n_classes,)

    Returns
    -------
    float
        ``(1 - 1/K) mean of within / (n - 1)``, unbiased.
    """
    n_classes = len(n_samples)
    return (1.0 - 1.0 / n_classes) * float(np.mean(within / np.maximum(n_samples - 1, 1)))


def measure_values(
    cells: list[Cell],
    output: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]],
    y_train: NDArray[np.int32],
    y_test: NDArray[np.int32],
    threads: int,
) -> list[dict[str, float]]:
    point, train, test = output
    n_classes = int(y_train.max()) + 1
    n_samples = np.bincount(y_train, minlength=n_classes)
    means = np.empty((n_classes, train.shape[1]))
    within = np.empty(n_classes)
    for c in range(n_classes):
        members = train[y_train == c].astype(np.float64)
        means[c] = members.mean(axis=0)
        members -= means[c]
        within[c] = np.einsum("ij,ij->", members, members) / members.size
    share = n_samples / n_samples.sum()
    between = np.mean(share @ (means - share @ means) ** 2)
    # Distances differ between classes by inner products with what is left of a class mean once
    # the mean of all is gone: no digits are lost, however close the means are.
    middle = means.mean(axis=0)
    centred = means - middle
    scores = 0.5 * np.sum(centred**2, axis=1) - (test.astype(np.float64) - middle) @ centred.T
    units = np.mean(np.var(train[:: max(1, len(train) // 1000)] + point, axis=1))
    metrics = {
        "accuracy": float(np.mean(np.argmin(scores, axis=1) == y_test)),
        "variance_units": float(units),
        "variance_samples": float(share @ within + between),
        "variance_class_means": float(np.mean(np.var(means, axis=0))),
        "variance_floor": sampling_floor(within, n_samples),
    }
    return [metrics for _ in cells]
