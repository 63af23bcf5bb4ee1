"""Nearest training vectors by Hamming distance on packed bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop import _core
from randprop._validation import as_classes, as_codes, as_labels, check_int, check_threads
from randprop.bits import BitMatrix
from randprop.readouts import NotFittedError, _check_bits, _union

__all__ = ["HammingNeighbors"]


class HammingNeighbors:
    """Nearest training vectors by Hamming distance.

    Parameters
    ----------
    n_neighbors : int, default=1
        In [1, 1000].
    n_threads : int, optional
        Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted; only if `fit` was given some.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> import numpy as np
    >>> from randprop import BitMatrix, HammingNeighbors
    >>> train = BitMatrix.from_array(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> neighbors = HammingNeighbors(n_neighbors=2).fit(train, [7, 7, 9])
    >>> distances, indices = neighbors.kneighbors(train[:1])
    >>> distances, indices
    (array([[0, 1]]), array([[0, 1]]))
    >>> neighbors.predict(train)
    array([7, 7, 7])
    """

    classes_: NDArray[Any]

    def __init__(self, n_neighbors: int = 1, *, n_threads: int | None = None) -> None:
        self.n_neighbors = check_int("n_neighbors", n_neighbors, 1, 1000)
        self.n_threads = n_threads

    def fit(self, bits: BitMatrix, y: ArrayLike | None = None) -> HammingNeighbors:
        """Keep the training vectors.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits)
            At least `n_neighbors` of them. Kept, not copied.
        y : array-like of shape (n_samples,), optional
            Labels; needed for `predict` alone.

        Returns
        -------
        HammingNeighbors
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above.
        """
        _check_bits("bits", bits)
        if len(bits) < self.n_neighbors:
            raise ValueError(
                f"bits must hold at least n_neighbors = {self.n_neighbors} samples, got {len(bits)}"
            )
        if y is not None:
            labels = as_labels("y", y, len(bits), "bits")
            self.classes_ = np.unique(labels)
            self._codes = as_codes(labels, self.classes_)
        elif hasattr(self, "classes_"):
            del self.classes_, self._codes
        self._bits = bits
        return self

    def partial_fit(
        self, bits: BitMatrix, y: ArrayLike, classes: ArrayLike | None = None
    ) -> HammingNeighbors:
        """Add training vectors behind those that are kept.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits)
            Training vectors.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), optional
            Labels to hold even if none has come yet.

        Returns
        -------
        HammingNeighbors
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above; nothing is changed then.
        """
        kept = getattr(self, "_bits", None)
        _check_bits("bits", bits, None if kept is None else kept.n_bits)
        labels = as_labels("y", y, len(bits), "bits")
        known = [np.unique(labels)]
        if classes is not None:
            known.append(np.unique(as_classes("classes", classes)))
        if kept is not None:
            if not hasattr(self, "classes_"):
                raise NotFittedError("partial_fit needs labels of what was fitted before")
            known.append(self.classes_)
        all_classes = _union(known)
        codes = as_codes(labels, all_classes)
        if kept is not None:
            before = as_codes(self.classes_, all_classes)[self._codes]
            codes = np.concatenate([before, codes])
            bits = BitMatrix(np.concatenate([kept.words, bits.words]), kept.n_bits)
        self.classes_, self._codes, self._bits = all_classes, codes, bits
        return self

    def kneighbors(
        self, bits: BitMatrix, n_neighbors: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the nearest training vectors, nearest first, ties to the lowest index.

        Parameters
        ----------
        bits : BitMatrix of shape (n_queries, n_bits)
            Queries.
        n_neighbors : int, optional
            Default: as constructed.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors), dtype int64
            Hamming distances in bits.
        indices : ndarray of shape (n_queries, n_neighbors), dtype int64
            Rows of the training vectors.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above.
        """
        self._check_fitted()
        _check_bits("bits", bits, self._bits.n_bits)
        k = self.n_neighbors
        if n_neighbors is not None:
            k = check_int("n_neighbors", n_neighbors, 1, min(1000, len(self._bits)))
        elif k > len(self._bits):
            raise ValueError(f"n_neighbors is {k}, but only {len(self._bits)} samples are kept")
        return _core.neighbors_bits(
            self._bits.words, bits.words, bits.n_bits, k, check_threads(self.n_threads)
        )

    def predict(self, bits: BitMatrix) -> NDArray[Any]:
        """Label of the majority of the neighbours, the first class at a tie.

        Parameters
        ----------
        bits : BitMatrix of shape (n_queries, n_bits)
            Queries.

        Returns
        -------
        ndarray of shape (n_queries,)

        Raises
        ------
        TypeError, ValueError
            As `kneighbors`; also if `fit` was given no labels.
        """
        _, indices = self.kneighbors(bits)
        if not hasattr(self, "classes_"):
            raise NotFittedError("predict needs labels; call fit(bits, y) with y")
        return np.asarray(self.classes_[self._vote(indices)])

    def _vote(self, indices: NDArray[np.int64]) -> NDArray[np.intp]:
        """Position in `classes_` of the majority among training vectors.

        Parameters
        ----------
        indices : ndarray of shape (n_queries, n_neighbors), integer
            Rows of the training vectors, as `kneighbors` gives them.

        Returns
        -------
        ndarray of shape (n_queries,)
            The first class at a tie.
        """
        return np.asarray(np.argmax(self._shares(indices), axis=1))

    def _shares(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of each class among rows of the training vectors, as `_vote` takes them."""
        codes = self._codes[indices]
        votes = np.zeros((len(indices), len(self.classes_)), dtype=np.int64)
        np.add.at(votes, (np.arange(len(indices))[:, None], codes), 1)
        return np.asarray(votes / indices.shape[1])

    def _relabelled(self, classes: NDArray[Any], codes: NDArray[np.int64]) -> HammingNeighbors:
        """Itself, with these labels at the positions `codes`; a label may have no vectors."""
        self.classes_, self._codes = classes, codes.astype(np.int32)
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "_bits"):
            raise NotFittedError("this HammingNeighbors is not fitted yet; call fit first")

    def __repr__(self) -> str:
        return f"HammingNeighbors(n_neighbors={self.n_neighbors})"
