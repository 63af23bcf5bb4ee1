"""Nearest training vectors: by Hamming distance on bits, by absolute differences on bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import randprop._core as _core
from randprop._labels import as_codes, as_labels, unite
from randprop._validation import check_int, check_threads
from randprop.bits import BitMatrix, Features, stack
from randprop.readouts.base import (
    Arrays,
    NotFittedError,
    Readout,
    Take,
    changing,
    known_labels,
    narrow,
    of_one_state,
    rows_within,
    snapshot,
)
from randprop.readouts.describe import Picture, kept_by_class

__all__ = ["HammingNeighbors"]


class HammingNeighbors(Readout):
    """Nearest training vectors: bits by Hamming distance, bytes by the sum of ``|x - y|``.

    Threads may share a readout. A call sees it as it was before or after another thread adds
    samples. Additions wait for each other. Their order decides between equally near neighbours.

    Parameters
    ----------
    n_neighbors : int, default=1
        Number of neighbours, in [1, 1000].
    n_threads : int, optional
        Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use; in a
        worker of a pool, its share of them. -1 means all, -2 all but one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted. Only if `fit` got labels.

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

    kind: ClassVar[str] = "neighbors"
    parameters: ClassVar[tuple[str, ...]] = ("n_neighbors",)
    ordered: ClassVar[bool] = True
    gives_shares: ClassVar[bool] = True

    _features: Features | None = None
    _codes: NDArray[np.int32]

    def __init__(self, n_neighbors: int = 1, *, n_threads: int | None = None) -> None:
        self.n_neighbors = check_int("n_neighbors", n_neighbors, 1, 1000)
        self.n_threads = n_threads

    def fit(
        self, bits: Features | Iterable[tuple[Features, ArrayLike]], y: ArrayLike | None = None
    ) -> HammingNeighbors:
        """Keep the training vectors.

        Parameters
        ----------
        bits : BitMatrix, ndarray of uint8, or iterable of (BitMatrix, labels)
            At least `n_neighbors` vectors, of shape (n_samples, n_bits). They are not copied.
        y : array-like of shape (n_samples,), optional
            Labels. Only `predict` needs them.

        Returns
        -------
        HammingNeighbors
            Itself. If an argument is refused, nothing is changed.
        """
        fitted = self.fresh()
        if y is None and isinstance(bits, (BitMatrix, np.ndarray)):
            fitted._features = fitted.check_features("bits", bits)
            fitted.reads_bits = isinstance(bits, BitMatrix)
        else:
            super(HammingNeighbors, fitted).fit(bits, y)
        kept = fitted._kept()
        if len(kept) < self.n_neighbors:
            raise ValueError(
                f"bits must hold at least n_neighbors = {self.n_neighbors} samples, got {len(kept)}"
            )
        with changing():
            self.__dict__ = fitted.__dict__
        return self

    def partial_fit(  # noqa: D102
        self, bits: Features, y: ArrayLike, classes: ArrayLike | None = None
    ) -> HammingNeighbors:
        features = self.check_features("bits", bits)
        labels = as_labels("y", y, len(features), "bits")
        known = known_labels(labels, classes)
        with changing():
            return self._add(self.check_features("bits", features), labels, known)

    def merge(self, other: HammingNeighbors) -> HammingNeighbors:  # noqa: D102
        if not isinstance(other, HammingNeighbors):
            raise TypeError(f"other must be a HammingNeighbors, got {type(other).__name__}")
        other = snapshot(other)
        with changing():
            kept = self.check_features("other", other._kept())
            other._check_labelled("merge")
            return self._add(kept, other.classes_[other._codes], [other.classes_])

    @of_one_state
    def kneighbors(
        self, bits: Features, n_neighbors: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the nearest training vectors, nearest first. At a tie, the lowest index is first.

        Parameters
        ----------
        bits : BitMatrix or ndarray of uint8, of shape (n_queries, n_bits)
            Queries.
        n_neighbors : int, optional
            Default: the number given to the constructor.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors), dtype int64
            Hamming distances for bits, sums of ``|x - y|`` for bytes.
        indices : ndarray of shape (n_queries, n_neighbors), dtype int64
            Indices of the training vectors.
        """
        kept = self._kept()
        features = self.check_features("bits", bits)
        k = self.n_neighbors
        if n_neighbors is not None:
            k = check_int("n_neighbors", n_neighbors, 1, min(1000, len(kept)))
        elif k > len(kept):
            raise ValueError(f"n_neighbors is {k}, but only {len(kept)} samples are kept")
        threads = check_threads(self.n_threads)
        if isinstance(kept, BitMatrix) and isinstance(features, BitMatrix):
            return _core.neighbors_bits(kept.words, features.words, kept.n_bits, k, threads)
        assert isinstance(kept, np.ndarray)
        assert isinstance(features, np.ndarray)
        return _core.neighbors_bytes(kept, features, k, threads)

    @of_one_state
    def scores(self, bits: Features) -> NDArray[np.float64]:
        """Return the share of each class among the nearest training vectors.

        Parameters
        ----------
        bits : BitMatrix or ndarray of uint8, of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), dtype float64
        """
        self._check_labelled("predict")
        features = self.check_features("bits", bits)
        shares = np.zeros((len(features), len(self.classes_)))
        start = 0
        for indices in self._found(features):
            part, rows = shares[start : start + len(indices)], np.arange(len(indices))
            for column in indices.T:  # one neighbour of each vector, so no place twice
                part[rows, self._codes[column]] += 1.0
            start += len(indices)
        shares /= self.n_neighbors
        return shares

    predict_proba = scores

    @of_one_state
    def predict(self, bits: Features) -> NDArray[Any]:  # noqa: D102
        self._check_labelled("predict")
        voted = [self.majority(indices) for indices in self._found(bits)]
        return np.concatenate(voted) if voted else self.classes_[:0]

    @of_one_state
    def majority(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Label that most of the training vectors in each row have, as `kneighbors` gives them."""
        self._check_labelled("predict")
        codes = np.sort(self._codes[indices], axis=1)
        # Equal codes stand side by side: the first of the longest runs is of the lowest class.
        places = np.arange(codes.shape[1], dtype=np.int32)
        starts = np.zeros(codes.shape, dtype=np.int32)
        np.multiply(codes[:, 1:] != codes[:, :-1], places[1:], out=starts[:, 1:])
        np.maximum.accumulate(starts, axis=1, out=starts)
        last = np.argmax(np.subtract(places, starts, out=starts), axis=1)
        return np.asarray(self.classes_[codes[np.arange(len(codes)), last]])

    def _found(self, bits: Features) -> Iterator[NDArray[np.int64]]:
        """Give the rows of the nearest training vectors, some queries at a time."""
        features = self.check_features("bits", bits)
        rows = rows_within(40 * self.n_neighbors)
        for start in range(0, len(features), rows):
            yield self.kneighbors(features[start : start + rows])[1]

    @property
    def n_features(self) -> int | None:
        """Number of bits or bytes of a vector. None before `fit`."""
        return None if self._features is None else self._features.shape[1]

    @of_one_state
    def arrays(self) -> tuple[Arrays, dict[str, Any]]:  # noqa: D102
        kept = self._kept()
        vectors = {"words": kept.words} if isinstance(kept, BitMatrix) else {"bytes": kept}
        return {**vectors, "codes": narrow(self._codes)}, {"n_neighbors": self.n_neighbors}

    @classmethod
    def from_arrays(  # noqa: D102
        cls,
        described: dict[str, Any],
        take: Take,
        classes: NDArray[Any],
        n_features: int,
        *,
        of_bits: bool,
    ) -> HammingNeighbors:
        if of_bits:
            words = take("words", (None, (n_features + 63) // 64), "u8", np.uint64)
            vectors: Features = BitMatrix(words, n_features)
        else:
            vectors = take("bytes", (None, n_features), "u1", np.uint8)
        codes = take("codes", (len(vectors),), "u", np.int64)
        if codes.size and codes.max() >= len(classes):
            raise ValueError("codes holds a number that is not the number of a class")
        neighbors = cls(described["n_neighbors"]).fit(vectors)
        neighbors.classes_, neighbors._codes = classes, codes.astype(np.int32)
        return neighbors

    def _facts(self) -> list[tuple[str, str]]:
        found = super()._facts()
        kept = self._features
        return found if kept is None else [*found, ("training vectors", f"{len(kept):,}")]

    def _picture(self) -> Picture | None:
        if not hasattr(self, "classes_"):
            return None
        return kept_by_class(np.bincount(self._codes, minlength=len(self.classes_)).tolist())

    def _kept(self) -> Features:
        self.check_fitted()
        assert self._features is not None
        return self._features

    def _check_labelled(self, what: str) -> None:
        if not hasattr(self, "classes_"):
            raise NotFittedError(f"{what} needs labels; call fit(bits, y) with y")

    def _add(
        self, features: Features, labels: NDArray[Any], known: list[NDArray[Any]]
    ) -> HammingNeighbors:
        kept = self._features
        if kept is not None:
            self._check_labelled("partial_fit")
            known = [*known, self.classes_]
        all_classes = unite(known)
        codes = as_codes(labels, all_classes)
        if kept is not None:
            codes = np.concatenate([as_codes(self.classes_, all_classes)[self._codes], codes])
            features = stack([kept, features])
        of_bits = isinstance(features, BitMatrix)
        grown = {"classes_": all_classes, "_codes": codes, "_features": features}
        self.__dict__ = {**self.__dict__, **grown, "reads_bits": of_bits}
        return self
