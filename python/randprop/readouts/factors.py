"""Cholesky factors: by LAPACK where SciPy is there, else by NumPy, block after block.

Both round differently in the last digits. What is read out of them, labels, is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Factor", "factor"]

Floats = NDArray[np.float64]

# Rows that NumPy solves for at a time: what is left of the work is products of matrices.
_BLOCK = 64


class Factor:
    """The lower triangular L of a matrix L L'."""

    def __init__(self, lower: Floats) -> None:
        self.lower = lower

    def solve(self, right: Floats) -> Floats:
        """Return x of L L' x = right, one column each."""
        lapack = _lapack()
        if lapack is not None:
            found, _ = lapack.dpotrs(self.lower, right, lower=1)
            return np.asarray(found)
        return self._backward(self._forward(right))

    def inverse(self) -> Floats:
        """Return the inverse of L, a triangle as L is."""
        lower, lapack = self.lower, _lapack()
        if lapack is not None:
            found, _ = lapack.dtrtri(lower, lower=1)
            return np.asarray(found)  # 0 above the diagonal, as the factor is
        inverse = np.zeros_like(lower)
        for start, stop in self._blocks():
            right = np.zeros((stop - start, stop))
            right[:, :start] = -(lower[start:stop, :start] @ inverse[:start, :start])
            right[:, start:] = np.eye(stop - start)
            inverse[start:stop, :stop] = np.linalg.solve(lower[start:stop, start:stop], right)
        return np.tril(inverse)  # pivots leave roundings above the diagonal

    def condition(self, norm: float) -> float:
        """Return an estimate of 1 / (norm |A^-1|), sums of columns, for an A of that norm.

        References
        ----------
        Higham (1988), "FORTRAN codes for estimating the one-norm of a real or complex matrix",
        ACM Transactions on Mathematical Software 14(4).
        """
        lapack = _lapack()
        if lapack is not None:
            return float(lapack.dpocon(self.lower, norm, uplo="L")[0])
        with np.errstate(over="ignore", invalid="ignore"):
            largest = self._norm_of_inverse()
        return 1.0 / (largest * norm) if 0.0 < largest * norm < np.inf else 0.0

    def _norm_of_inverse(self) -> float:
        n = len(self.lower)
        x, largest, last = np.full((n, 1), 1.0 / n), 0.0, -1
        for _ in range(5):
            y = self.solve(x)
            found = float(np.abs(y).sum())
            if found <= largest:
                break
            largest = found
            z = self.solve(np.where(y < 0.0, -1.0, 1.0))
            place = int(np.abs(z).argmax())
            if place == last or abs(z[place, 0]) <= float(np.sum(z * x)):
                break
            last = place
            x = np.zeros((n, 1))
            x[place] = 1.0
        # What the steps above miss where terms cancel.
        swinging = (1.0 + np.arange(n) / max(1, n - 1)) * np.where(np.arange(n) % 2, -1.0, 1.0)
        other = 2.0 * float(np.abs(self.solve(swinging[:, None])).sum()) / (3.0 * n)
        return max(largest, other)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        n = len(self.lower)
        return ((start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))

    def _forward(self, right: Floats) -> Floats:
        lower, x = self.lower, np.array(right, dtype=np.float64)
        for start, stop in self._blocks():
            x[start:stop] -= lower[start:stop, :start] @ x[:start]
            x[start:stop] = np.linalg.solve(lower[start:stop, start:stop], x[start:stop])
        return x

    def _backward(self, x: Floats) -> Floats:
        lower = self.lower
        for start, stop in reversed(list(self._blocks())):
            x[start:stop] -= lower[stop:, start:stop].T @ x[stop:]
            x[start:stop] = np.linalg.solve(lower[start:stop, start:stop].T, x[start:stop])
        return x


def factor(matrix: Floats) -> Factor | None:
    """Factorise a symmetric matrix, which may be overwritten; None where it is not positive."""
    lapack = _lapack()
    if lapack is not None:
        # LAPACK's order of a symmetric matrix, so that it needs no copy.
        lower, failed = lapack.dpotrf(matrix.T, lower=1, clean=1, overwrite_a=1)
        return None if failed else Factor(lower)
    try:
        return Factor(np.asarray(np.linalg.cholesky(matrix), dtype=np.float64))
    except np.linalg.LinAlgError:
        return None


@cache
def _lapack() -> Any:
    """Return SciPy's LAPACK, or None. Loaded with the first factor: most runs need none."""
    try:
        from scipy.linalg import lapack
    except ModuleNotFoundError:
        return None
    return lapack
