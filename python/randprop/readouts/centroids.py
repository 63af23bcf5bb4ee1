"""Nearest class mean: the paper's readout."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_choice, check_int, check_threads, told
from randprop.bits import BitMatrix, Features
from randprop.readouts.base import Arrays, Take, from_core, narrow, of_one_state, snapshot
from randprop.readouts.quantized import QuantizedReadout
from randprop.readouts.summing import MAX_CLASS_SAMPLES, SummingReadout

__all__ = ["DISTANCES", "Centroids"]

DISTANCES = ("euclidean", "cosine", "hamming")


class Centroids(SummingReadout):
    """Nearest class mean of bits or bytes, in exact arithmetic.

    It keeps only integers: the sums of the training vectors of each class. So you may fit parts of
    the data in any order, on any machines, and merge the readouts. The result is the same. Threads
    may share a readout. A call sees it as it was before or after another thread adds samples.
    Additions wait for each other.

    Parameters
    ----------
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        What "nearest" means. ``"euclidean"``: Euclidean distance to the class mean, as in the
        paper. ``"cosine"``: the angle to it. ``"hamming"``: Hamming distance to the class mean
        rounded to bits, which is the majority of the class in each bit. It is only for bits.
    n_threads : int, optional
        Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use; in a
        worker of a pool, its share of them. -1 means all, -2 all but one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    counts_ : ndarray of shape (n_classes, n_bits), dtype int64
        Sum of the training vectors of each class. For bits: the number of vectors with the bit set.
    n_samples_ : ndarray of shape (n_classes,), dtype int64
        Number of training vectors of each class.

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

    kind: ClassVar[str] = "centroids"
    parameters: ClassVar[tuple[str, ...]] = ("metric",)
    bits_keyword: ClassVar[str] = "centroid_bits"

    def __init__(self, *, metric: str = "euclidean", n_threads: int | None = None) -> None:
        self.metric = str(check_choice("metric", metric, DISTANCES))
        self.n_threads = n_threads

    @of_one_state
    def with_metric(self, metric: str) -> Centroids:
        """Return a readout with another metric, which shares the counts.

        Parameters
        ----------
        metric : {"euclidean", "cosine", "hamming"}

        Returns
        -------
        Centroids
        """
        other = Centroids(metric=metric, n_threads=self.n_threads)
        if hasattr(self, "counts_"):
            other.set_sums(self.classes_, self.counts_, self.n_samples_, of_bits=self.reads_bits)
        return other

    @of_one_state
    def distances(self, bits: Features) -> NDArray[np.float64]:
        """Return the distance of each vector to each class, by the readout's metric.

        Parameters
        ----------
        bits : BitMatrix or ndarray of uint8, of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), dtype float64
            ``"euclidean"``: the squared distance to the class mean, an exact rational number that
            is rounded once. ``"hamming"``: the number of bits that differ from the majority of the
            class. ``"cosine"``: 1 minus the cosine of the angle to the class mean, or 1 if one of
            them is zero. Infinity for a class without vectors.
        """
        if self.metric == "cosine":
            cosines = self._cosines(bits)
            np.subtract(1.0, cosines, out=cosines)
            return cosines
        self.check_fitted()
        features = self.check_features("bits", bits)
        counts, n_samples = self.counts_, self.n_samples_
        if self.metric == "hamming":
            if not self.reads_bits:
                raise ValueError("metric 'hamming' is for bits, the readout was fitted on bytes")
            # The mean rounded to bits is the mean of one vector.
            counts = (2 * counts > n_samples[:, None]).astype(np.int64)
            n_samples = np.minimum(n_samples, 1)
        found: NDArray[np.float64] = from_core(
            "centroid_distances", features, counts, n_samples, check_threads(self.n_threads)
        )
        return found

    @of_one_state
    def scores(self, bits: Features) -> NDArray[np.float64]:  # noqa: D102
        if self.metric == "cosine":  # not 1 - cosine, which makes ties of what is not quite one
            return self._cosines(bits)
        distances = self.distances(bits)
        np.negative(distances, out=distances)
        return distances

    def _cosines(self, bits: Features) -> NDArray[np.float64]:
        self.check_fitted()
        features, threads = self.check_features("bits", bits), check_threads(self.n_threads)
        zeros = np.zeros(len(self.counts_), dtype=np.int64)
        lengths = np.sqrt(np.sum(self.counts_.astype(np.float64) ** 2, axis=1))
        cosines = np.zeros((len(features), len(self.counts_)))
        rows = self.block_rows()
        for start in range(0, len(features), rows):
            part, out = features[start : start + rows], cosines[start : start + rows]
            sums = from_core("linear_scores", part, self.counts_, zeros, threads)
            if isinstance(part, BitMatrix):
                squares = part.popcount()
            else:
                squares = np.einsum("ij,ij->i", part, part, dtype=np.int64)
            norms = lengths * np.sqrt(squares.astype(np.float64))[:, None]
            np.divide(sums, norms, out=out, where=norms > 0)
        cosines[:, self.n_samples_ == 0] = -np.inf
        return cosines

    @of_one_state
    def quantize(self, bits: int | str = 8) -> QuantizedReadout:
        """Round the class means to few bits.

        A mean is rounded to ``code / (2**bits - 1)``, or for bytes to 255 times that. A half is
        rounded down. The label is the class with the smallest exact squared distance to its rounded
        mean.

        Parameters
        ----------
        bits : int, default=8
            Bits of each mean, 1 to 8 (1 to 7 for means of bytes). With 1 bit the distance is the
            Hamming distance.

        Returns
        -------
        QuantizedReadout
            Its score for class c is ``M**2 (x.x - d2[c])``, where M is ``2**bits - 1`` and d2 is
            the squared distance.
        """
        bits = check_int("bits", bits, 1, 8 if self.reads_bits else 7)
        self.check_fitted()
        if self.metric == "cosine":
            raise ValueError(
                "metric 'cosine' needs norms of the class means, which cannot be quantized"
            )
        if self.metric == "hamming" and bits != 1:
            raise ValueError(f"bits must be 1 for metric 'hamming', got {bits}")
        if not self.n_samples_.all():
            empty = self.classes_[self.n_samples_ == 0][0]
            raise ValueError(f"class {empty!r} has no training vectors, and so no mean to round")
        top = 2**bits - 1
        largest = 1 if self.reads_bits else 255
        n = largest * self.n_samples_[:, None]
        codes = (2 * top * self.counts_ + n - 1) // (2 * n)
        return QuantizedReadout(
            codes,
            -(largest**2) * np.sum(codes**2, axis=1),
            self.classes_,
            bits=bits,
            multiplier=2 * largest * top,
            scale=1.0 / top**2,
            of_bytes=not self.reads_bits,
            n_threads=self.n_threads,
        )

    @of_one_state
    def arrays(self) -> tuple[Arrays, dict[str, Any]]:  # noqa: D102
        return {"counts": narrow(self.counts_), "n_samples": self.n_samples_}, {
            "metric": self.metric
        }

    @classmethod
    def from_arrays(  # noqa: D102
        cls,
        described: dict[str, Any],
        take: Take,
        classes: NDArray[Any],
        n_features: int,
        *,
        of_bits: bool,
    ) -> Centroids:
        metric = described["metric"]
        if not isinstance(metric, str) or metric not in DISTANCES:
            raise ValueError(f"readout has the unknown metric {told(metric)}")
        centroids = cls(metric=metric)
        counts = take("counts", (len(classes), n_features), "u", np.int64)
        n_samples = take("n_samples", (len(classes),), "i8", np.int64)
        if (n_samples < 0).any() or (n_samples > MAX_CLASS_SAMPLES).any():
            raise ValueError("n_samples must lie in [0, 2**34]")
        if (counts > n_samples[:, None] * (1 if of_bits else 255)).any():
            raise ValueError("counts are larger than the sums of n_samples samples can be")
        if metric == "hamming" and not of_bits:
            raise ValueError("metric 'hamming' is for bits, and the network gives bytes")
        centroids.set_sums(classes, counts, n_samples, of_bits=of_bits)
        return centroids

    def __repr__(self) -> str:
        metric = "" if self.metric == "euclidean" else f"metric={self.metric!r}"
        if not hasattr(self, "counts_"):
            return f"Centroids({metric})"
        seen = snapshot(self)
        n_classes, n_bits = seen.counts_.shape
        return (
            f"Centroids(n_classes={n_classes}, n_bits={n_bits}, "
            f"n_samples={seen.n_samples_.sum()}{metric and ', ' + metric})"
        )
