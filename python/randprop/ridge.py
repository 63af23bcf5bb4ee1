"""Least squares on packed bits, from statistics that are integers and add."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop import _core
from randprop._validation import check_int, check_number, check_threads
from randprop.bits import BitMatrix
from randprop.quantized import QuantizedReadout
from randprop.readouts import Centroids, NotFittedError, _check_bits, _labelled

__all__ = ["RidgeReadout"]

# A Gram matrix of so many bits takes 8.6 GB.
_MAX_BITS = 1 << 15
_MAX_SAMPLES = 1 << 31


class RidgeReadout:
    """Linear readout of bits by least squares with an L2 term, in closed form.

    Not the readout of Itoh (2024), which is `Centroids`, and never a default: its coefficients are
    fitted to the labels. It is here since it reads more out of the same bits at the same cost on a
    device. Like class means it keeps integers alone, how many training vectors have bits i and j
    both set and how many of a class have bit i, so that parts fitted anywhere merge into exactly
    what fitting on the whole gives.

    For class c the target is 1 for its own vectors and 0 for others; the intercept is not
    penalised.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the L2 term, above 0.
    n_threads : int, optional
        Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    gram_ : ndarray of shape (n_bits, n_bits), dtype int64
        Training vectors with both bits set.
    counts_ : ndarray of shape (n_classes, n_bits), dtype int64
        Training vectors of the class with the bit set.
    n_samples_ : ndarray of shape (n_classes,), dtype int64
        Training vectors of the class.
    coef_ : ndarray of shape (n_classes, n_bits), dtype float64
    intercept_ : ndarray of shape (n_classes,), dtype float64
        The solution, computed when first asked for.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    References
    ----------
    Hoerl & Kennard (1970), "Ridge regression", Technometrics 12(1).

    Examples
    --------
    >>> import numpy as np
    >>> from randprop import BitMatrix, RidgeReadout
    >>> bits = BitMatrix.from_array(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> readout = RidgeReadout().fit(bits, ["a", "a", "b"])
    >>> readout.predict(bits)
    array(['a', 'a', 'b'], dtype='<U1')
    >>> readout.gram_
    array([[2, 1, 0],
           [1, 1, 0],
           [0, 0, 1]])
    """

    gram_: NDArray[np.int64]

    def __init__(self, alpha: float = 1.0, *, n_threads: int | None = None) -> None:
        self.alpha = alpha
        self.n_threads = n_threads
        self._centroids = Centroids(n_threads=n_threads)
        self._solution: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None

    @classmethod
    def _of_solution(
        cls,
        classes: NDArray[Any],
        coef: NDArray[np.float64],
        intercept: NDArray[np.float64],
        alpha: float,
    ) -> RidgeReadout:
        """Return a readout that predicts, without the sums that it was computed from."""
        readout = cls(alpha)
        readout._centroids.classes_ = classes
        readout._solution = (readout._check_alpha(), coef, intercept)
        return readout

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels, sorted."""
        return self._centroids.classes_

    @property
    def counts_(self) -> NDArray[np.int64]:
        """Training vectors of each class with each bit set."""
        return self._centroids.counts_

    @property
    def n_samples_(self) -> NDArray[np.int64]:
        """Training vectors of each class."""
        return self._centroids.n_samples_

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Coefficients, of shape (n_classes, n_bits)."""
        return self._solve()[0]

    @property
    def intercept_(self) -> NDArray[np.float64]:
        """Intercepts, of shape (n_classes,)."""
        return self._solve()[1]

    def fit(
        self, bits: BitMatrix | Iterable[tuple[BitMatrix, ArrayLike]], y: ArrayLike | None = None
    ) -> RidgeReadout:
        """Count, forgetting what was fitted before.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits), or iterable of (BitMatrix, labels)
            Training vectors, at least one, of at most 32,768 bits; part by part as for
            `Centroids.fit`.
        y : array-like of shape (n_samples,), optional
            Their labels: numbers or strings. Not given with an iterable.

        Returns
        -------
        RidgeReadout
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above; nothing is changed then.
        """
        fitted = RidgeReadout(self.alpha, n_threads=self.n_threads)
        for part, labels in _labelled(bits, y):
            fitted.partial_fit(part, labels)
        if not hasattr(fitted, "gram_") or not fitted.n_samples_.sum():
            raise ValueError("bits must hold at least one sample, got 0")
        self._centroids, self.gram_, self._solution = fitted._centroids, fitted.gram_, None
        return self

    def partial_fit(
        self, bits: BitMatrix, y: ArrayLike, classes: ArrayLike | None = None
    ) -> RidgeReadout:
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
        RidgeReadout
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is listed above, or `bits` has another number of bits than
            before; nothing is changed then.
        """
        self._check_alpha()
        self._check_takes_samples()
        threads = check_threads(self.n_threads)
        fitted = hasattr(self, "gram_")
        _check_bits("bits", bits, self.gram_.shape[0] if fitted else None)
        if bits.n_bits > _MAX_BITS:
            raise ValueError(
                f"bits must have at most {_MAX_BITS} bits, whose Gram matrix takes 8.6 GB, "
                f"got {bits.n_bits}"
            )
        counted = Centroids(n_threads=self.n_threads)
        if fitted:
            counted.merge(self._centroids)
        counted.partial_fit(bits, y, classes)
        if counted.n_samples_.sum() >= _MAX_SAMPLES:
            raise ValueError(f"a RidgeReadout holds fewer than {_MAX_SAMPLES} samples")
        # Apart from what was fitted before, which an interrupt must leave as it was.
        gram = np.zeros((bits.n_bits, bits.n_bits), dtype=np.int64)
        _core.add_gram_bits(bits.words, bits.n_bits, gram, threads)
        if fitted:
            gram += self.gram_
        self.gram_, self._centroids, self._solution = gram, counted, None
        return self

    def merge(self, other: RidgeReadout) -> RidgeReadout:
        """Add the counts of another readout: the same as having been fitted on both.

        Parameters
        ----------
        other : RidgeReadout
            Fitted on vectors of the same number of bits.

        Returns
        -------
        RidgeReadout
            Itself.

        Raises
        ------
        TypeError, ValueError
            If `other` is not fitted, or on another number of bits; nothing is changed then.
        """
        if not isinstance(other, RidgeReadout):
            raise TypeError(f"other must be a RidgeReadout, got {type(other).__name__}")
        for readout in (self, other):
            readout._check_takes_samples()
        other._check_fitted()
        self._centroids.merge(other._centroids)
        self.gram_ = self.gram_ + other.gram_ if hasattr(self, "gram_") else other.gram_.copy()
        self._solution = None
        return self

    def decision_function(self, bits: BitMatrix) -> NDArray[np.float64]:
        """Fitted value of each vector for each class.

        Parameters
        ----------
        bits : BitMatrix of shape (n_samples, n_bits)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), dtype float64

        Raises
        ------
        TypeError, ValueError
            If `bits` is not a BitMatrix of the fitted number of bits, or nothing was fitted.
        """
        self._check_fitted()
        kept = self.gram_ if hasattr(self, "gram_") else self._solve()[0]
        _check_bits("bits", bits, kept.shape[1])
        coef, intercept = self._solve()
        out = np.empty((len(bits), len(coef)))
        for start in range(0, len(bits), 4096):  # keeps the unpacked copy small
            part = bits[start : start + 4096].to_array().astype(np.float64)
            out[start : start + 4096] = part @ coef.T + intercept
        return out

    def predict(self, bits: BitMatrix) -> NDArray[Any]:
        """Label of the largest fitted value, the first class at a tie.

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
            As `decision_function`.
        """
        values = self.decision_function(bits)
        return np.asarray(self.classes_[np.argmax(values, axis=1)])

    def quantize(self, bits: int = 8) -> QuantizedReadout:
        """Round the coefficients to integers of few bits, with one scale for all.

        Parameters
        ----------
        bits : int, default=8
            Of a coefficient, 2 to 16: values from ``-(2**(bits-1) - 1)`` to ``2**(bits-1) - 1``.

        Returns
        -------
        QuantizedReadout
            Integers alone; its labels are the same on every machine.

        Raises
        ------
        TypeError, ValueError
            If `bits` is not an integer of that range, or nothing was fitted.
        """
        bits = check_int("bits", bits, 2, 16)
        coef, intercept = self._solve()
        top = 2 ** (bits - 1) - 1
        largest = float(np.abs(coef).max()) or 1.0
        # Few bits are better spent on the many small coefficients than on the largest: of a
        # hundred clipping points the one with the least squared error.
        scale = min(
            (largest * clip / 100 / top for clip in range(100, 0, -1)),
            key=lambda s: float(np.sum((coef - s * np.clip(np.rint(coef / s), -top, top)) ** 2)),
        )
        half = 2 ** (bits - 1)
        return QuantizedReadout(
            np.clip(np.rint(coef / scale), -top, top).astype(np.int64) + half,
            np.rint(intercept / scale).astype(np.int64),
            self.classes_,
            bits=bits,
            offset=half,
            scale=scale,
            n_threads=self.n_threads,
        )

    def _solve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self._check_fitted()
        alpha = self._check_alpha()
        if self._solution is None or self._solution[0] != alpha:
            self._check_takes_samples()
            from scipy.linalg import cho_factor, cho_solve

            n = int(self.n_samples_.sum())
            ones = self.counts_.sum(axis=0)
            # n times the centred sums of squares and products, exact in int64 for n < 2^31.
            scatter = (n * self.gram_ - np.outer(ones, ones)).astype(np.float64) / n
            scatter[np.diag_indices_from(scatter)] += alpha
            products = (n * self.counts_ - np.outer(self.n_samples_, ones)).astype(np.float64) / n
            factor = cho_factor(scatter, overwrite_a=True, check_finite=False)
            coef = cho_solve(factor, products.T, check_finite=False).T
            self._solution = (alpha, coef, (self.n_samples_ - coef @ ones) / n)
        return self._solution[1], self._solution[2]

    def _check_alpha(self) -> float:
        alpha = check_number("alpha", self.alpha)
        if alpha <= 0.0:
            raise ValueError(f"alpha must be above 0, got {alpha}")
        return alpha

    def _check_takes_samples(self) -> None:
        if self._solution is not None and not hasattr(self, "gram_"):
            raise ValueError(
                "this RidgeReadout came from a file, which holds its coefficients but not the sums "
                "that more samples, or another alpha, need; fit a new one"
            )

    def _check_fitted(self) -> None:
        if self._solution is not None:
            return
        if not hasattr(self, "gram_") or not self.n_samples_.sum():
            raise NotFittedError(
                "this RidgeReadout is not fitted yet; call fit or partial_fit first"
            )

    def __repr__(self) -> str:
        return f"RidgeReadout(alpha={self.alpha})"
