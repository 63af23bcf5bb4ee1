"""Every readout by its name: from the bits of training and test samples to predicted classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from randprop.bits import BitMatrix
from randprop.neighbors import HammingNeighbors
from randprop.readouts import Centroids
from randprop.ridge import RidgeReadout

__all__ = ["READOUTS", "decode", "decode_many"]

READOUTS = (
    "centroid",
    "majority",
    "cosine",
    "knn",
    "knn_3",
    "knn_5",
    "ridge",
)


def decode(
    readout: str,
    train: BitMatrix,
    y: NDArray[Any],
    test: BitMatrix,
    *,
    centroids: Centroids | None = None,
    n_threads: int | None = None,
) -> NDArray[Any]:
    """Fit a readout to training bits and predict the labels of test bits.

    Parameters
    ----------
    readout : str
        One of `READOUTS`: ``"centroid"``, nearest class mean, the paper's; ``"majority"``,
        nearest class mean rounded to bits, by Hamming distance; ``"cosine"``, class mean of the
        largest cosine; ``"knn_K"``, majority of the K nearest by Hamming distance;
        ``"ridge"``, `RidgeReadout`.
    train : BitMatrix of shape (n_train, n_bits)
    y : ndarray of shape (n_train,)
    test : BitMatrix of shape (n_test, n_bits)
    centroids : Centroids, optional
        Fitted on `train` and `y`, where the caller has it already.
    n_threads : int, optional

    Returns
    -------
    ndarray of shape (n_test,)
    """
    return decode_many([readout], train, y, test, centroids=centroids, n_threads=n_threads)[readout]


def decode_many(
    readouts: list[str],
    train: BitMatrix,
    y: NDArray[Any],
    test: BitMatrix,
    *,
    centroids: Centroids | None = None,
    n_threads: int | None = None,
) -> Mapping[str, NDArray[Any]]:
    """Predict with several readouts, which share what they can: see `decode`.

    Returns
    -------
    dict
        Predicted labels by readout.
    """
    if centroids is None:
        centroids = Centroids(n_threads=n_threads).fit(train, y)
    found: dict[str, NDArray[Any]] = {}
    neighbors = [name for name in readouts if name.startswith("knn")]
    if neighbors:
        # One search for the largest number: its first columns are those of the others.
        search = HammingNeighbors(max(_count(name) for name in neighbors), n_threads=n_threads)
        search.fit(train, y)
        _, indices = search.kneighbors(test)
        for name in neighbors:
            found[name] = search.classes_[search._vote(indices[:, : _count(name)])]
    for name in readouts:
        if name == "centroid":
            found[name] = centroids.predict(test)
        elif name == "majority":
            found[name] = centroids.with_metric("hamming").predict(test)
        elif name == "cosine":
            found[name] = centroids.with_metric("cosine").predict(test)
        elif name == "ridge":
            found[name] = RidgeReadout(n_threads=n_threads).fit(train, y).predict(test)
    return found


def _count(name: str) -> int:
    return int(name.partition("_")[2] or 1)
