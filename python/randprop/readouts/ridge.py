"""Least squares on bits or bytes, from statistics that are integers and add."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from randprop.readouts.linear import LinearReadout
from randprop.readouts.regression import Equations, fit_alpha

__all__ = ["RidgeReadout"]

Floats = NDArray[np.float64]


class RidgeReadout(LinearReadout):
    """Ridge regression on the labels, for bits or bytes, in closed form.

    The readout of Itoh (2024) is `Centroids`, and not this one. Ridge is more accurate with the
    same bits, at the same cost on a device. Like class means it keeps only integers: the sums of
    x_i x_j, and of x_i by class. So readouts that are fitted to parts of the data merge into
    exactly the readout of all data. Threads may share a readout. A call sees it as it was before or
    after another thread adds samples. Additions wait for each other.

    For class c, the target is 1 for vectors of the class and 0 for others. The intercept is not
    penalised. Scores are fitted values, not probabilities.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Weight of the L2 term, above 0, in units of the mean diagonal of the centred Gram matrix:
        the mean over features of the sum of squares about their mean. If it is so small that
        rounding errors would decide the coefficients, it is refused when they are computed.
        ``"auto"`` tries 1e-8, 3.2e-8, ..., 1e3 (half decades) and takes the value with the smallest
        generalised cross-validation error, among those whose fit has at most 0.9 degrees of freedom
        per sample. It depends only on the sums, and so not on the order of parts.
    n_threads : int, optional
        Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use; in a
        worker of a pool, its share of them. -1 means all, -2 all but one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    gram_ : ndarray of shape (n_bits, n_bits), dtype int64
        Sums of products. For bits: the number of training vectors with both bits set. While there
        are fewer vectors than bits, the vectors are kept, and this is computed on request.
    counts_ : ndarray of shape (n_classes, n_bits), dtype int64
        Sum of the training vectors of each class.
    n_samples_ : ndarray of shape (n_classes,), dtype int64
        Number of training vectors of each class.
    coef_ : ndarray of shape (n_classes, n_bits), dtype float64
    intercept_ : ndarray of shape (n_classes,), dtype float64
        The solution. It is computed when it is first used.
    alpha_ : float
        The alpha that was used: the one given, or the one that was chosen.

    References
    ----------
    Hoerl & Kennard (1970), "Ridge regression", Technometrics 12(1). Golub, Heath & Wahba (1979),
    "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21(2).

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

    kind: ClassVar[str] = "ridge"

    def _fitted(
        self, equations: Equations, n_samples: Floats, alpha: float | None
    ) -> tuple[float, Floats, Floats]:
        unit = float(equations.matrix.diagonal().sum()) / self.counts_.shape[1]
        used, fit = fit_alpha(equations, unit, alpha)
        return used, self._on_features(equations, fit.x), n_samples / equations.n
