"""Least squares on one-hot classes, from exact integers: the solution for an alpha, and the choice.

With more samples than features the equations are those of the features, in their scatter; with
fewer, those of the samples, in their kernel, whose solutions have the rank of the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from randprop.readouts.base import rows_within
from randprop.readouts.factors import factor

__all__ = [
    "GRID", "Equations", "Fit", "centred", "centred_kernel", "fit_alpha", "solve",
    "too_small",
]  # fmt: skip

Floats = NDArray[np.float64]

# What alpha="auto" chooses from: half decades, in units of the mean diagonal of the scatter.
GRID = tuple(10.0 ** (half / 2) for half in range(-16, 7))
# Of more degrees of freedom than this share of the samples no fit is chosen: there the criterion
# is a quotient of two numbers that both vanish.
_MOST_FREEDOM = 0.9
# Where the search for one begins: what it most often finds.
_START = GRID.index(1e-3)
# So many equations have their eigenvalues computed, and every alpha of the grid tried: of features,
# and of samples, whose products with what a fit leaves come with them. More are solved for some
# alphas. Of so many the trace of the inverse is computed, of more it comes from so many probes.
_MAX_EIGEN, _MAX_EIGEN_SAMPLES = 192, 512
_MAX_TRACE = 512
_PROBES = 32


@dataclass(frozen=True, eq=False)
class Equations:
    """(matrix + alpha) x = right, one column a class, with what a criterion needs beside."""

    matrix: Floats
    right: Floats
    total: float  # sum of the squares of the centred targets
    n: int  # samples
    of_samples: bool  # whether an equation stands for a sample rather than for a feature


@dataclass(frozen=True, eq=False)
class Fit:
    """A solution of `Equations`."""

    x: Floats
    residual: float = 0.0  # sum of the squares of what the fit leaves
    freedom: float = 0.0  # effective degrees of freedom
    left: Floats | None = None  # of samples: products of the targets with what the fit leaves


def fit_alpha(equations: Equations, unit: float, alpha: float | None) -> tuple[float, Fit]:
    """Return alpha in units of `unit`, and the fit; None chooses alpha from `GRID`.

    The criterion is generalised cross-validation; of equal ones the largest alpha is taken.

    References
    ----------
    Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good
    ridge parameter", Technometrics 21(2).
    """
    if not unit > 0.0:  # nothing varies
        none = np.zeros_like(equations.right)
        left = equations.right.T @ equations.right if equations.of_samples else None
        return GRID[-1] if alpha is None else alpha, Fit(none, left=left)
    small = len(equations.matrix) <= (_MAX_EIGEN_SAMPLES if equations.of_samples else _MAX_EIGEN)
    if alpha is not None and not (small and equations.of_samples):
        return alpha, solve(equations, unit, alpha)
    solver = _ByEigenvalues(equations) if small else _ByCholesky(equations)
    if alpha is not None:
        return alpha, solver.fit(min(alpha * unit, 1e300))
    fits: dict[int, Fit] = {}

    def score(index: int) -> float:
        fits[index] = solver.fit(GRID[index] * unit)
        return _criterion(fits[index], equations.n)

    if small:
        scores = np.array([score(index) for index in range(len(GRID))])
        best = int(np.flatnonzero(scores == scores.min())[-1])
    else:
        best = _least(score, len(GRID), _START)
    return GRID[best], fits[best]


def _criterion(fit: Fit, n: int) -> float:
    if fit.freedom > _MOST_FREEDOM * n:
        return np.inf
    return max(fit.residual, 0.0) / (1.0 - fit.freedom / n) ** 2


def _least(score: Callable[[int], float], n: int, start: int) -> int:
    """Index of the least of n values that fall and then rise, the last of equal ones.

    Steps that double lead from `start` to both sides of it, and halving goes on between them: near
    `start` it looks at three.
    """
    known: dict[int, tuple[float, int]] = {}

    def at(index: int) -> tuple[float, int]:
        if index not in known:
            known[index] = (score(index), -index) if 0 <= index < n else (np.inf, n)
        return known[index]

    best = start
    up = at(start + 1) < at(start)
    sign, step = (1, 1) if up else (-1, 1)
    while at(best + sign * step) < at(best):
        best += sign * step
        step *= 2
    # The least lies between what is known to be worse on either side.
    low = max([i for i in known if i < best], default=best - 1)
    high = min([i for i in known if i > best], default=best + 1)
    while high - low > 2:
        left, right = best - low, high - best
        tried = best - left // 2 if left > right else best + right // 2
        if at(tried) < at(best):
            low, high = (low, best) if tried < best else (best, high)
            best = tried
        elif tried < best:
            low = tried
        else:
            high = tried
    return best


class _ByEigenvalues:
    """Every alpha at the cost of one decomposition."""

    def __init__(self, equations: Equations) -> None:
        found, vectors = np.linalg.eigh(equations.matrix)
        # What rounding made of zeros, and would make of a small alpha.
        least = len(found) * np.finfo(np.float64).eps * max(float(found[-1]), 0.0)
        self.equations = equations
        self.values = np.where(found > least, found, 0.0)
        self.vectors, self.right = vectors, vectors.T @ equations.right

    def fit(self, alpha: float) -> Fit:
        values, right, equations = self.values, self.right, self.equations
        # Where the samples do not vary there is nothing to solve.
        inverse = np.where(values > 0.0, 1.0 / (values + alpha), 0.0)
        x = self.vectors @ (inverse[:, None] * right)
        freedom = 1.0 + float(np.sum(values * inverse))
        if equations.of_samples:
            rest = 1.0 - values * inverse
            left = (right.T * rest) @ right
            return Fit(x, float(np.sum((rest[:, None] * right) ** 2)), freedom, left)
        return Fit(x, _residual(equations, x, alpha), freedom)


class _ByCholesky:
    """One factor an alpha; the trace of a large inverse by probes of -1 and +1, always the same."""

    def __init__(self, equations: Equations) -> None:
        m = len(equations.matrix)
        n_probes = 0 if m <= _MAX_TRACE else _PROBES
        probes = np.random.RandomState(0).randint(0, 2, (m, n_probes)) * 2.0 - 1.0
        self.equations, self.probes = equations, probes

    def fit(self, alpha: float) -> Fit:
        equations, probes = self.equations, self.probes
        n_classes = equations.right.shape[1]
        matrix = equations.matrix.copy()
        matrix[np.diag_indices_from(matrix)] += alpha
        found = factor(matrix)
        if found is None:
            return Fit(np.zeros_like(equations.right), freedom=np.inf)
        both = found.solve(np.hstack([equations.right, probes]))
        x = np.ascontiguousarray(both[:, :n_classes])
        if probes.shape[1]:
            trace = float(np.sum(probes * both[:, n_classes:])) / probes.shape[1]
        else:
            inverse = found.inverse()
            trace = float(np.vdot(inverse, inverse))
        freedom = 1.0 + len(matrix) - alpha * trace
        if equations.of_samples:
            left = alpha * (equations.right.T @ x)
            return Fit(x, float(alpha**2 * np.sum(x**2)), freedom, left)
        return Fit(x, _residual(equations, x, alpha), freedom)


def _residual(equations: Equations, x: Floats, alpha: float) -> float:
    """Return what (S + alpha) x = r leaves of the targets' squares t: t - r x - alpha x x."""
    return equations.total - float(np.sum(equations.right * x) + alpha * np.sum(x**2))


def solve(equations: Equations, unit: float, relative: float) -> Fit:
    """Solve for one alpha; refuse noise as the solution."""
    alpha = min(relative * unit, 1e300)
    matrix = equations.matrix.copy()
    largest = float(matrix.diagonal().max())
    matrix[np.diag_indices_from(matrix)] += alpha
    # A power of 2 for each unit brings its variance near 1, and rounds nothing: units that hardly
    # vary are no reason to call the system ill-conditioned.
    powers = np.ldexp(1.0, -(np.frexp(matrix.diagonal())[1] // 2))
    matrix *= powers
    matrix *= powers[:, None]
    norm = float(np.abs(matrix).sum(axis=0).max())
    found = factor(matrix)
    if found is not None and found.condition(norm) >= np.finfo(np.float64).eps:
        x = found.solve(equations.right * powers[:, None]) * powers[:, None]
        if np.isfinite(x).all():
            left = alpha * (equations.right.T @ x) if equations.of_samples else None
            return Fit(x, left=left)
    raise ValueError(too_small(relative, largest / unit * len(matrix) * 1e-15))


def too_small(alpha: float, least: float) -> str:
    """Say that rounding swamps an alpha."""
    return (
        f"alpha = {alpha:g} is too small for these features: some of them are sums of others, and "
        f"rounding errors would decide the coefficients; use an alpha of at least {least:.0e}"
    )


def centred(
    products: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], n: int
) -> Floats:
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
) -> Floats:  # fmt: skip
    if exact:
        # n times the result is an integer of 63 bits: exact, for bits always.
        return (n * products - np.outer(rows, columns)).astype(np.float64) / n
    # Sums of many bytes: about the whole parts of the means first, which leaves remainders below n.
    row_means, column_means = rows // n, columns // n
    products = products - np.outer(row_means, columns) - np.outer(rows, column_means)
    products += n * np.outer(row_means, column_means)
    rest = np.outer(rows - n * row_means, columns - n * column_means)
    return products.astype(np.float64) - rest.astype(np.float64) / n


def centred_kernel(kernel: NDArray[np.int64]) -> Floats:
    """Return the products of samples about their mean, from those of fewer than 2**15 samples."""
    n = len(kernel)
    sums = kernel.sum(axis=0)
    # n**2 times the result stays below 2**62, though a sum on the way may wrap around and back.
    exact: NDArray[np.int64] = n * n * kernel - n * (sums[:, None] + sums) + sums.sum()
    return exact.astype(np.float64) / n**2
