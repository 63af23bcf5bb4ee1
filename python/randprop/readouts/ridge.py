"""Least squares on bits or bytes, from statistics that are integers and add."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_int, check_number
from randprop.bits import BitMatrix, Features
from randprop.readouts.base import (
    Arrays,
    NotFittedError,
    SummingReadout,
    Take,
    from_core,
    of_one_state,
    rows_within,
    snapshot,
)
from randprop.readouts.quantized import QuantizedReadout

__all__ = ["RidgeReadout"]

# A Gram matrix of so many bits takes 8.6 GB.
_MAX_BITS = 1 << 15
_MAX_SAMPLES = 1 << 31


class RidgeReadout(SummingReadout):
    """Linear readout of bits or bytes by least squares with an L2 term, in closed form.

    Not the readout of Itoh (2024), which is `Centroids`, and never a default: its coefficients are
    fitted to the labels. It is here since it reads more out of the same bits at the same cost on a
    device. Like class means it keeps integers alone, the sums of x_i x_j, and of x_i by class (of
    bits: how many training vectors have bits i and j both set), so that parts fitted anywhere merge
    into exactly what fitting on the whole gives. Threads may share one: a call sees it as it was
    before or after what another thread adds, and additions wait for each other.

    For class c the target is 1 for its own vectors and 0 for others; the intercept is not
    penalised.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the L2 term, above 0. One so small that rounding would decide the coefficients is
        refused when they are computed.
    n_threads : int, optional
        Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use, in a worker of a
        pool its share of them; -1: all, -2: all but one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    gram_ : ndarray of shape (n_bits, n_bits), dtype int64
        Sums of products: of bits, training vectors with both set.
    counts_ : ndarray of shape (n_classes, n_bits), dtype int64
        Sum of the class's training vectors.
    n_samples_ : ndarray of shape (n_classes,), dtype int64
        Training vectors of the class.
    coef_ : ndarray of shape (n_classes, n_bits), dtype float64
    intercept_ : ndarray of shape (n_classes,), dtype float64
        The solution, computed when first asked for.

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

    kind: ClassVar[str] = "ridge"
    parameters: ClassVar[tuple[str, ...]] = ("alpha",)
    bits_keyword: ClassVar[str] = "ridge_bits"
    least_bits: ClassVar[int] = 2

    gram_: NDArray[np.int64]
    # (alpha, coefficients, intercepts), where they have been computed or read from a file.
    _solution: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None

    def __init__(self, alpha: float = 1.0, *, n_threads: int | None = None) -> None:
        self.alpha = alpha
        self.n_threads = n_threads

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Coefficients, of shape (n_classes, n_bits)."""
        return self._solve()[0]

    @property
    def intercept_(self) -> NDArray[np.float64]:
        """Intercepts, of shape (n_classes,)."""
        return self._solve()[1]

    @property
    def n_features(self) -> int | None:
        """Bits or bytes of a vector; None before it was fitted."""
        seen = snapshot(self)
        if seen._solution is not None:
            return int(seen._solution[1].shape[1])
        return super(RidgeReadout, seen).n_features

    def max_samples(self) -> int:  # noqa: D102
        return _MAX_SAMPLES

    def more_sums(self, features: Features, threads: int) -> dict[str, Any]:  # noqa: D102
        n = features.shape[1]
        if n > _MAX_BITS:
            raise ValueError(
                f"bits must have at most {_MAX_BITS} bits, whose Gram matrix takes 8.6 GB, got {n}"
            )
        gram = np.zeros((n, n), dtype=np.int64)
        from_core("add_gram", features, gram, threads)
        return {"gram_": gram, "_solution": None}

    def merged_sums(self, other: RidgeReadout, *, reuse: bool) -> dict[str, Any]:  # noqa: D102
        if hasattr(self, "gram_"):
            gram = np.add(self.gram_, other.gram_, out=other.gram_ if reuse else None)
        else:
            gram = other.gram_ if reuse else other.gram_.copy()
        return {"gram_": gram, "_solution": None}

    @of_one_state
    def scores(self, bits: Features) -> NDArray[np.float64]:  # noqa: D102
        self.check_fitted()
        features = self.check_features("bits", bits)
        coef, intercept = self._solve()
        out = np.empty((len(features), len(coef)))
        rows = self.block_rows()
        for start in range(0, len(features), rows):
            part = features[start : start + rows]
            values = part.to_array() if isinstance(part, BitMatrix) else part
            np.matmul(values.astype(np.float64), coef.T, out=out[start : start + rows])
            out[start : start + rows] += intercept
        return out

    decision_function = scores

    def block_rows(self) -> int:  # noqa: D102
        # Vectors as bytes and as float64. Blocks of `predict` are those of `scores`: a product of
        # floats may differ in its last bit with the number of rows.
        return rows_within(9 * (self.n_features or 0) + 8 * len(self.classes_))

    @of_one_state
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
        """
        bits = check_int("bits", bits, self.least_bits, 16)
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
        bias = np.rint(intercept / scale)
        worst = int(np.abs(bias).argmax())
        if not abs(bias[worst]) <= 2**61:
            raise ValueError(
                f"RidgeReadout cannot be rounded to integers: the intercept of class "
                f"{self.classes_.tolist()[worst]!r}, {intercept[worst]:.3g}, is too large beside "
                f"coefficients of at most {largest:.3g}; use a smaller alpha than {self.alpha:g}"
            )
        return QuantizedReadout(
            np.clip(np.rint(coef / scale), -top, top).astype(np.int64) + half,
            bias.astype(np.int64),
            self.classes_,
            bits=bits,
            offset=half,
            scale=scale,
            of_bytes=not self.reads_bits,
            n_threads=self.n_threads,
        )

    def check_takes_samples(self) -> None:  # noqa: D102
        self._check_alpha()
        if self._solution is not None and not hasattr(self, "gram_"):
            raise ValueError(
                "this RidgeReadout came from a file, which holds its coefficients but not the sums "
                "that more samples, or another alpha, need; fit a new one"
            )

    @of_one_state
    def check_fitted(self) -> None:  # noqa: D102
        if self._solution is None and not (hasattr(self, "gram_") and self.n_samples_.any()):
            raise NotFittedError(
                "this RidgeReadout is not fitted yet; call fit or partial_fit first"
            )

    @of_one_state
    def arrays(self) -> tuple[Arrays, dict[str, Any]]:  # noqa: D102
        # Not the sums, which take more than all the rest of a file.
        return {"coef": self.coef_, "intercept": self.intercept_}, {"alpha": float(self.alpha)}

    @classmethod
    def from_arrays(  # noqa: D102
        cls,
        described: dict[str, Any],
        take: Take,
        classes: NDArray[Any],
        n_features: int,
        *,
        of_bits: bool,
    ) -> RidgeReadout:
        coef = take("coef", (len(classes), n_features), "f8", np.float64)
        intercept = take("intercept", (len(classes),), "f8", np.float64)
        if max(np.abs(coef).max(), np.abs(intercept).max()) > 1e296:
            # Sums of 2**28 of 255 times smaller ones stay finite.
            raise ValueError("coef or intercept beyond 1e296")
        readout = cls(described["alpha"])
        readout.classes_, readout.reads_bits = classes, of_bits
        readout._solution = (readout._check_alpha(), coef, intercept)
        return readout

    @of_one_state
    def _solve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self.check_fitted()
        alpha = self._check_alpha()
        if self._solution is not None and self._solution[0] == alpha:
            return self._solution[1:]
        self.check_takes_samples()
        n = int(self.n_samples_.sum())
        ones = self.counts_.sum(axis=0)
        scatter = _centred(self.gram_, ones, ones, n)
        products = _centred(self.counts_, self.n_samples_, ones, n)
        coef = _solved(scatter, products.T, alpha).T
        intercept = (self.n_samples_ - coef @ ones) / n
        self._solution = (alpha, coef, intercept)
        return coef, intercept

    def _check_alpha(self) -> float:
        alpha = check_number("alpha", self.alpha)
        if alpha <= 0.0:
            raise ValueError(f"alpha must be above 0, got {alpha}")
        return alpha


def _solved(
    scatter: NDArray[np.float64], products: NDArray[np.float64], alpha: float
) -> NDArray[np.float64]:
    """Solve (scatter + alpha) x = products, in the place of `scatter`; refuse noise as x."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve
    from scipy.linalg.lapack import dpocon

    largest = float(scatter.diagonal().max())
    scatter[np.diag_indices_from(scatter)] += alpha
    # A power of 2 for each unit brings its variance near 1, and rounds nothing: units that hardly
    # vary are no reason to call the system ill-conditioned.
    powers = np.ldexp(1.0, -(np.frexp(scatter.diagonal())[1] // 2))
    scatter *= powers
    scatter *= powers[:, None]
    norm = float(np.abs(scatter).sum(axis=0).max())
    try:
        # LAPACK's order of a symmetric matrix, so that it needs no copy.
        factor, lower = cho_factor(scatter.T, overwrite_a=True, check_finite=False)
        condition = float(dpocon(factor, norm, uplo="L" if lower else "U")[0])
    except LinAlgError:
        condition = 0.0
    if condition >= np.finfo(np.float64).eps:
        scaled = cho_solve((factor, lower), products * powers[:, None], check_finite=False)
        solution = scaled * powers[:, None]
        if np.isfinite(solution).all():
            return np.asarray(solution)
    raise ValueError(
        f"alpha = {alpha:g} is too small for these features: some of them are sums of others, and "
        "rounding alone would decide the coefficients; take an alpha of at least "
        f"{max(largest, 1.0) * len(scatter) * 1e-15:.0e}"
    )


def _centred(
    products: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """Return sums of products less rows[i] columns[j] / n: what they are about the means."""
    exact = n * max(int(products.max(initial=0)), int(columns.max(initial=0))) < 2**63
    found = np.empty(products.shape)
    step = rows_within(32 * products.shape[1])
    for start in range(0, len(products), step):
        part = slice(start, start + step)
        found[part] = _centred_rows(products[part], rows[part], columns, n, exact)
    return found


def _centred_rows(
    products: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], n: int,
    exact: bool,
) -> NDArray[np.float64]:  # fmt: skip
    if exact:
        # n times the result is an integer of 63 bits: exact, for bits always.
        return (n * products - np.outer(rows, columns)).astype(np.float64) / n
    # Sums of many bytes: about the whole parts of the means first, which leaves remainders below n.
    row_means, column_means = rows // n, columns // n
    products = products - np.outer(row_means, columns) - np.outer(rows, column_means)
    products += n * np.outer(row_means, column_means)
    rest = np.outer(rows - n * row_means, columns - n * column_means)
    return products.astype(np.float64) - rest.astype(np.float64) / n
