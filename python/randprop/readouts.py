"""Class means of the bits, and what all readouts share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop import _core
from randprop._validation import (
    as_classes,
    as_codes,
    as_labels,
    check_choice,
    check_int,
    check_threads,
)
from randprop.bits import BitMatrix

if TYPE_CHECKING:
    from randprop.quantized import QuantizedReadout

__all__ = ["METRICS", "Centroids", "NotFittedError"]

METRICS = ("euclidean", "cosine", "hamming")


class NotFittedError(ValueError, AttributeError):
    """A readout was asked before it was fitted."""


def _check_bits(name: str, bits: object, n_bits: int | None = None) -> BitMatrix:
    if not isinstance(bits, BitMatrix):
        raise TypeError(f"{name} must be a BitMatrix, got {type(bits).__name__}")
    if n_bits is not None and bits.n_bits != n_bits:
        raise ValueError(f"{name} has {bits.n_bits} bits, the readout was fitted on {n_bits}")
    return bits


def _labelled(
    bits: BitMatrix | Iterable[tuple[BitMatrix, ArrayLike]], y: ArrayLike | None
) -> Iterator[tuple[BitMatrix, ArrayLike]]:
    """Give the parts of training vectors and their labels."""
    if y is not None:
        yield _check_bits("bits", bits), y
        return
    if isinstance(bits, (BitMatrix, np.ndarray)) or not isinstance(bits, Iterable):
        raise TypeError(
            "y must be given, unless bits is an iterable of (BitMatrix, labels), "
            f"got {type(bits).__name__} and no y"
        )
    for number, part in enumerate(bits):
        if not isinstance(part, (tuple, list)) or len(part) != 2:
            raise TypeError(
                f"part {number} of bits must be (BitMatrix, labels), got {type(part).__name__}"
            )
        yield _check_bits(f"part {number} of bits", part[0]), part[1]


def _union(known: list[NDArray[Any]]) -> NDArray[Any]:
    """Every label of several arrays of labels, sorted."""
    kinds = {array.dtype.kind in "US" for array in known if array.size}
    if len(kinds) > 1:
        raise TypeError("y and classes must hold either numbers or strings throughout, got both")
    return np.unique(np.concatenate([array for array in known if array.size] or known))


class Centroids:
    """Nearest class mean of bit vectors, exact.

    Only integers are kept, how many training vectors of a class have each bit set, so fitting on
    parts and merging gives the same readout as fitting on the whole, in any order, on any machine.

    Parameters
    ----------
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        Nearest by what: Euclidean distance to the class mean, the paper's; the angle to it; or
        Hamming distance to the mean rounded to bits, the majority of the class in each bit.
    n_threads : int, optional
        Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    counts_ : ndarray of shape (n_classes, n_bits), dtype int64
        Training vectors of the class with the bit set.
    n_samples_ : ndarray of shape (n_classes,), dtype int64
        Training vectors of the class.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> import numpy as np
    >>> from randprop import BitMatrix, Centroids
    >>> bits = BitMatrix.from_array(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> readout = Centroids().fit(bits, ["a", "a", "b"])
    >>> readout.distances(bits)
    array([[0.25, 3.  ],
           [0.25, 2.  ],
           [2.25, 0.  ]])
    >>> readout.predict(bits)
    array(['a', 'a', 'b'], dtype='<U1')
    """

    classes_: NDArray[Any]
    counts_: NDArray[np.int64]
    n_samples_: NDArray[np.int64]

    def __init__(self, *, metric: str = "euclidean", n_threads: int | None = None) -> None:
        self.metric = str(check_choice("metric", metric, METRICS))
        self.n_threads = n_threads

    def fit(
        self, bits: BitMatrix | Iterable[tuple[BitMatrix, ArrayLike]], y: ArrayLike | None = None
    ) -> Centroids:
        """Count the bits of each class, forgetting what was fitted before.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits), or iterable of (BitMatrix, labels)
            Training vectors, at least one. An iterable gives them part by part, each with its
            labels, so that they need not fit into memory: see `bit_chunks`.
        y : array-like of shape (n_samples,), optional
            Their labels: numbers or strings. Not given with an iterable.

        Returns
        -------
        Centroids
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above; nothing is changed then.
        """
        fitted = Centroids(n_threads=self.n_threads)
        for part, labels in _labelled(bits, y):
            fitted.partial_fit(part, labels)
        if not hasattr(fitted, "n_samples_") or not fitted.n_samples_.sum():
            raise ValueError("bits must hold at least one sample, got 0")
        self.classes_, self.counts_, self.n_samples_ = (
            fitted.classes_,
            fitted.counts_,
            fitted.n_samples_,
        )
        return self

    def partial_fit(
        self, bits: BitMatrix, y: ArrayLike, classes: ArrayLike | None = None
    ) -> Centroids:
        """Add training vectors to the counts.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits)
            Training vectors; may be none.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), optional
            Labels to hold even if none has come yet. Not needed: a label that is new is added.

        Returns
        -------
        Centroids
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above, or `bits` has another number of bits than
            before; nothing is changed then.
        """
        threads = check_threads(self.n_threads)
        fitted = hasattr(self, "counts_")
        _check_bits("bits", bits, self.counts_.shape[1] if fitted else None)
        labels = as_labels("y", y, len(bits), "bits")
        known = [np.unique(labels)]
        if classes is not None:
            known.append(np.unique(as_classes("classes", classes)))
        if fitted:
            known.append(self.classes_)
        counts, n_samples, all_classes = self._spread(known, bits.n_bits)
        _core.add_class_counts_bits(
            bits.words, bits.n_bits, as_codes(labels, all_classes), counts, n_samples, threads
        )
        self.classes_, self.counts_, self.n_samples_ = all_classes, counts, n_samples
        return self

    def merge(self, other: Centroids) -> Centroids:
        """Add the counts of another readout: the same as having been fitted on both.

        Parameters
        ----------
        other : Centroids
            Fitted on vectors of the same number of bits.

        Returns
        -------
        Centroids
            Itself.

        Raises
        ------
        TypeError, ValueError
            If `other` is not fitted, or on another number of bits; nothing is changed then.
        """
        if not isinstance(other, Centroids):
            raise TypeError(f"other must be a Centroids, got {type(other).__name__}")
        other._check_fitted()
        n_bits = other.counts_.shape[1]
        known = [other.classes_]
        if hasattr(self, "counts_"):
            if self.counts_.shape[1] != n_bits:
                raise ValueError(
                    f"other was fitted on {n_bits} bits, this readout on {self.counts_.shape[1]}"
                )
            known.append(self.classes_)
        counts, n_samples, all_classes = self._spread(known, n_bits)
        rows = as_codes(other.classes_, all_classes)
        counts[rows] += other.counts_
        n_samples[rows] += other.n_samples_
        self.classes_, self.counts_, self.n_samples_ = all_classes, counts, n_samples
        return self

    def with_metric(self, metric: str) -> Centroids:
        """Return a readout of the same counts, which it shares, by another metric.

        Parameters
        ----------
        metric : {"euclidean", "cosine", "hamming"}

        Returns
        -------
        Centroids

        Raises
        ------
        TypeError, ValueError
            If `metric` is none of these.
        """
        other = Centroids(metric=metric, n_threads=self.n_threads)
        if hasattr(self, "counts_"):
            other.classes_, other.counts_ = self.classes_, self.counts_
            other.n_samples_ = self.n_samples_
        return other

    def distances(self, bits: BitMatrix) -> NDArray[np.float64]:
        """Distance of each vector to each class, by the readout's metric.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), dtype float64
            ``"euclidean"``: the squared distance to the class mean, the exact rational number
            correctly rounded. ``"hamming"``: how many bits differ from the class's majority.
            ``"cosine"``: 1 less the cosine of the angle to the class mean; 1 where one of them is
            zero. Infinity for a class without vectors.

        Raises
        ------
        TypeError, ValueError
            If `bits` is not a BitMatrix of the fitted number of bits.
        """
        if self.metric == "cosine":
            return np.asarray(1.0 - self._cosines(bits))
        self._check_fitted()
        _check_bits("bits", bits, self.counts_.shape[1])
        counts, n_samples = self.counts_, self.n_samples_
        if self.metric == "hamming":
            # The mean rounded to bits is the mean of one vector.
            counts = (2 * counts > n_samples[:, None]).astype(np.int64)
            n_samples = np.minimum(n_samples, 1)
        return _core.centroid_distances_bits(
            bits.words, bits.n_bits, counts, n_samples, check_threads(self.n_threads)
        )

    def predict(self, bits: BitMatrix) -> NDArray[Any]:
        """Label of the nearest class, the first class at a tie.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        TypeError, ValueError
            As `distances`.
        """
        nearest = np.argmax(self._similarities(bits), axis=1)
        return np.asarray(self.classes_[nearest])

    def _similarities(self, bits: BitMatrix) -> NDArray[np.float64]:
        """Return what is largest for the class that `predict` chooses."""
        # Not 1 - cosine, which would make ties of what is not quite one.
        return self._cosines(bits) if self.metric == "cosine" else -self.distances(bits)

    def _cosines(self, bits: BitMatrix) -> NDArray[np.float64]:
        self._check_fitted()
        _check_bits("bits", bits, self.counts_.shape[1])
        sums = _core.linear_scores_bits(
            bits.words,
            bits.n_bits,
            self.counts_,
            np.zeros(len(self.counts_), dtype=np.int64),
            check_threads(self.n_threads),
        )
        lengths = np.sqrt(np.sum(self.counts_.astype(np.float64) ** 2, axis=1))
        norms = lengths * np.sqrt(bits.popcount().astype(np.float64))[:, None]
        cosines = np.zeros(sums.shape)
        np.divide(sums, norms, out=cosines, where=norms > 0)
        cosines[:, self.n_samples_ == 0] = -np.inf
        return cosines

    def quantize(self, bits: int = 8) -> QuantizedReadout:
        """Round the class means to few bits a unit.

        A mean is rounded to ``code / (2**bits - 1)``, half-way cases down; the label is that of the
        least exact squared distance to the rounded means.

        Parameters
        ----------
        bits : int, default=8
            Of a mean, 1 to 8. With 1 bit the distance is Hamming's.

        Returns
        -------
        QuantizedReadout
            Its score of class c is ``M**2 (popcount(x) - d2[c])`` with M = ``2**bits - 1`` and d2
            the squared distance.

        Raises
        ------
        TypeError, ValueError
            If `bits` is not an integer of that range, nothing was fitted, or a class has no
            vectors.
        """
        from randprop.quantized import QuantizedReadout

        bits = check_int("bits", bits, 1, 8)
        self._check_fitted()
        if self.metric == "cosine":
            raise ValueError("class means by cosine have norms and cannot be quantized")
        if self.metric == "hamming" and bits != 1:
            raise ValueError(f"bits must be 1 for metric 'hamming', got {bits}")
        if not self.n_samples_.all():
            empty = self.classes_[self.n_samples_ == 0][0]
            raise ValueError(f"class {empty!r} has no vectors and so no mean to round")
        top = 2**bits - 1
        n = self.n_samples_[:, None]
        codes = (2 * top * self.counts_ + n - 1) // (2 * n)
        return QuantizedReadout(
            codes,
            -np.sum(codes**2, axis=1),
            self.classes_,
            bits=bits,
            multiplier=2 * top,
            scale=1.0 / top**2,
            n_threads=self.n_threads,
        )

    def _spread(
        self, known: list[NDArray[Any]], n_bits: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        """Copy of the counts with a row for every known label."""
        all_classes = _union(known)
        counts = np.zeros((len(all_classes), n_bits), dtype=np.int64)
        n_samples = np.zeros(len(all_classes), dtype=np.int64)
        if hasattr(self, "counts_"):
            rows = as_codes(self.classes_, all_classes)
            counts[rows] = self.counts_
            n_samples[rows] = self.n_samples_
        return counts, n_samples, all_classes

    def _check_fitted(self) -> None:
        if not hasattr(self, "counts_") or not len(self.classes_):
            raise NotFittedError("this Centroids is not fitted yet; call fit or partial_fit first")

    def __repr__(self) -> str:
        metric = "" if self.metric == "euclidean" else f"metric={self.metric!r}"
        if not hasattr(self, "counts_"):
            return f"Centroids({metric})"
        n_classes, n_bits = self.counts_.shape
        return (
            f"Centroids(n_classes={n_classes}, n_bits={n_bits}, "
            f"n_samples={self.n_samples_.sum()}{metric and ', ' + metric})"
        )
