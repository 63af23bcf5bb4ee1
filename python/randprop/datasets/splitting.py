"""Training and test samples, and how samples that come as a whole are parted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "split_by_class"]


class Dataset(NamedTuple):
    """Training and test samples.

    Attributes
    ----------
    X_train, X_test : ndarray of shape (n_samples, n_features), dtype uint8
        Features 0 to 255. `load_images` gives them the shape of images.
    y_train, y_test : ndarray of shape (n_samples,)
        Labels.
    """

    X_train: NDArray[np.uint8]
    y_train: NDArray[Any]
    X_test: NDArray[np.uint8]
    y_test: NDArray[Any]


def split_by_class(X: Any, y: NDArray[Any], seed: int) -> Dataset:
    """Return one sample in five of each class, drawn by a seed, to test, and the others to train.

    Of a class of fewer than five none tests, so that each has samples to train. The order stays.
    """
    # The legacy generator, whose numbers no release of NumPy changes.
    generator = np.random.RandomState(seed)
    test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        test[generator.permutation(members)[: len(members) // 5]] = True
    if not test.any():
        raise ValueError(
            f"at least one class must have 5 samples, so that one of them can be a test sample, "
            f"got {len(y)} samples of {len(np.unique(y))} classes"
        )
    return Dataset(X[~test], y[~test], X[test], y[test])
