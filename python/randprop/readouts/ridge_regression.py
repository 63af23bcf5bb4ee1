"""Least squares on real targets, from statistics that are exact and add."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._blas import few_threads
from randprop._validation import as_reals, check_threads
from randprop.bits import BitMatrix, Features
from randprop.readouts.base import (
    NotFittedError,
    Reader,
    changing,
    of_one_state,
    rows_within,
    snapshot,
)
from randprop.readouts.linear import check_alpha
from randprop.readouts.products import (
    MAX_SAMPLES,
    Products,
    add_products,
    as_bytes,
    kernel_of,
    linear_scores,
    on_features,
    row_order,
)
from randprop.readouts.regression import Equations, centred, fit_alpha
from randprop.readouts.targets import TargetSums, integers_of, quotient, sums_of

__all__ = ["RidgeRegression", "as_targets"]

Self = TypeVar("Self", bound="RidgeRegression")
Floats = NDArray[np.float64]
_LARGEST = np.finfo(np.float64).max


class RidgeRegression(Reader):
    """Ridge regression of real targets on bits or bytes, in closed form.

    Sums of products of features are integers. Sums of targets, and of their products with features,
    are kept exactly too, see `targets`. So readouts that are fitted to parts of the data, in any
    order, merge into exactly the readout of all data. Threads may share a readout.

    The intercept is not penalised. Several targets share one alpha. ``"auto"`` divides the error of
    each target by its variance. The solution uses targets in units of a power of 2 near their root
    mean square, so that none is too large or too small.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Weight of the L2 term, as in `RidgeReadout`.
    n_threads : int, optional

    Attributes
    ----------
    n_samples_ : int
    coef_ : ndarray of shape (n_bits,) or (n_targets, n_bits), dtype float64
    intercept_ : float or ndarray of shape (n_targets,), dtype float64
        The solution. It is computed when it is first used.
    alpha_ : float
        The alpha that was used: the one given, or the one that was chosen.
    """

    parameters: ClassVar[tuple[str, ...]] = ("alpha",)

    n_samples_: int
    _ones: NDArray[np.int64]  # sums of the features
    _sums: TargetSums
    _targets: Floats | None  # of the rows, of shape (n_samples, n_targets)
    _rows: Features | None
    _gram: NDArray[np.int64] | None
    _alone: bool  # whether targets came without a dimension of their own
    # (alpha as given, alpha as used, coefficients, intercepts, exponents of 2 of both)
    _solution: tuple[float | None, float, Floats, Floats, NDArray[np.intc]] | None = None

    def __init__(self, alpha: float | str = "auto", *, n_threads: int | None = None) -> None:
        self.alpha = alpha
        self.n_threads = n_threads

    @property
    def n_features(self) -> int | None:
        """Bits or bytes of a vector; None before it was fitted."""
        return len(self._ones) if hasattr(self, "_ones") else None

    @property
    def coef_(self) -> Floats:
        """Coefficients, the nearest float64s."""
        seen = snapshot(self)
        _, coef, _, exponents = seen._solved()
        found = _scaled("coef_", coef, exponents[:, None])
        return found[0] if seen._alone else found

    @property
    def intercept_(self) -> Floats | float:
        """Intercepts, the nearest float64s."""
        seen = snapshot(self)
        _, _, intercept, exponents = seen._solved()
        found = _scaled("intercept_", intercept, exponents)
        return float(found[0]) if seen._alone else found

    @property
    def alpha_(self) -> float:
        """The alpha that was used: the one given, or the one that was chosen."""
        return self._solved()[0]

    def check_fitted(self) -> None:  # noqa: D102
        if not getattr(self, "n_samples_", 0):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call partial_fit")

    def partial_fit(self: Self, bits: Features, y: ArrayLike) -> Self:
        """Add training vectors and their targets, of shape (n_samples,) or (n_samples, n_targets).

        Nothing is changed where an argument is refused.
        """
        seen = snapshot(self)
        threads = check_threads(seen.n_threads)
        check_alpha(seen.alpha)
        features = seen.check_features("bits", bits)
        _check_total(len(features))
        targets = as_targets("y", y)
        if len(targets) != len(features):
            raise ValueError(f"bits has {len(features)} rows, y has {len(targets)}")
        seen.check_targets("y", targets)
        alone = targets.ndim == 1
        columns = targets[:, None] if alone else targets
        part = seen.fresh()
        products = Products(len(features), features.shape[1], threads)
        products.add(features)
        rows, gram = products.rows, products.gram
        part._take(
            n_samples_=len(features),
            _ones=_sums_of_features(features),
            _sums=sums_of(features, columns),
            _targets=None if rows is None else columns.copy(),
            _rows=rows,
            _gram=gram,
            _alone=alone,
            reads_bits=isinstance(features, BitMatrix),
        )
        with changing():
            self._add(part, spare=gram)
        return self

    def add_parts(self: Self, parts: Iterable[Features], y: Any, **more: Any) -> Self:  # noqa: D102
        targets, start = as_targets("y", y), 0
        for features in parts:
            self.partial_fit(features, targets[start : start + len(features)])
            start += len(features)
        return self

    def merge(self: Self, other: Self) -> Self:
        """Add what another was fitted to; nothing is changed where it is refused."""
        if not isinstance(other, RidgeRegression):
            raise TypeError(f"other must be a RidgeRegression, got {type(other).__name__}")
        seen = snapshot(other)
        seen.check_fitted()
        with changing():
            self._add(seen)
        return self

    @of_one_state
    def predict(self, bits: Features) -> Floats:
        """Return targets, of shape (n_samples,) or (n_samples, n_targets), as they were fitted.

        What lies beyond float64 is the largest number there is.
        """
        self.check_fitted()
        features = self.check_features("bits", bits)
        _, coef, intercept, exponents = self._solved()
        scores = linear_scores(features, coef, intercept, check_threads(self.n_threads))
        with np.errstate(over="ignore"):
            found = np.ldexp(scores, exponents)
        found = np.asarray(np.clip(found, -_LARGEST, _LARGEST))
        return found[:, 0] if self._alone else found

    def _add(self: Self, other: Self, spare: NDArray[np.int64] | None = None) -> None:
        """Add the sums of `other`; `spare`, of its own, may be used up for it."""
        if self.n_features is None:
            self._take(**{name: value for name, value in vars(other).items() if name in _KEPT})
            return
        if (len(other._ones), other.reads_bits) != (len(self._ones), self.reads_bits):
            kinds = ("bytes", "bits")
            raise ValueError(
                f"other was fitted on {len(other._ones)} {kinds[other.reads_bits]}, "
                f"this readout on {len(self._ones)} {kinds[self.reads_bits]}"
            )
        self._check_columns("other", len(other._sums.squares), other._alone)
        n_samples = self.n_samples_ + other.n_samples_
        _check_total(n_samples)
        rows = [one._rows for one in (self, other) if one._rows is not None]
        grams = [one._gram for one in (self, other) if one._gram is not None]
        targets = [one._targets for one in (self, other) if one._targets is not None]
        kept, gram = add_products(rows, grams, check_threads(self.n_threads), spare=spare)
        self._take(
            n_samples_=n_samples,
            _ones=self._ones + other._ones,
            _sums=self._sums.plus(other._sums),
            _targets=None if kept is None else np.concatenate(targets),
            _rows=kept,
            _gram=gram,
            _alone=self._alone,
            reads_bits=self.reads_bits,
        )

    def _take(self, **sums: Any) -> None:
        # One step: an interrupt leaves the readout as it was or as it is to be.
        self.__dict__ = {**self.__dict__, **sums, "_solution": None}

    def check_targets(self, name: str, targets: Floats) -> None:
        """Raise ValueError where there are more or fewer targets than before."""
        if self.n_features is not None:
            alone = targets.ndim == 1
            self._check_columns(name, 1 if alone else targets.shape[1], alone)

    def _check_columns(self, name: str, n_targets: int, alone: bool) -> None:
        ours = len(self._sums.squares), self._alone
        if (n_targets, alone) != ours:
            raise ValueError(
                f"{name} has {_told(n_targets, alone)}, the readout was fitted on {_told(*ours)}"
            )

    @of_one_state
    def _solved(self) -> tuple[float, Floats, Floats, NDArray[np.intc]]:
        self.check_fitted()
        alpha = check_alpha(self.alpha)
        if self._solution is not None and self._solution[0] == alpha:
            return self._solution[1:]
        rows, targets = self._ordered_rows()
        with few_threads(min(self.n_samples_, len(self._ones))):
            equations, roots, means, exponents = self._equations(rows, targets)
            unit = float(equations.matrix.diagonal().sum()) / len(self._ones)
            used, fit = fit_alpha(equations, unit, alpha)
            feature_means = self._ones / self.n_samples_
            columns = fit.x if rows is None else on_features(rows, feature_means, fit.x)
            coef = np.ascontiguousarray(columns.T) * roots[:, None]
            intercept = means - coef @ feature_means
        self._solution = (alpha, used, coef, intercept, exponents)
        return self._solution[1:]

    def _equations(
        self, rows: NDArray[np.uint8] | None, targets: Floats | None
    ) -> tuple[Equations, Floats, Floats, NDArray[np.intc]]:
        """Least squares of centred targets of length 1, their lengths, means and exponents.

        Lengths and means are in units of 2**exponents. What the totals say is rounded once.
        """
        n, sums = self.n_samples_, self._sums
        n_targets = len(sums.squares)
        roots, means = np.zeros(n_targets), np.zeros(n_targets)
        exponents = np.zeros(n_targets, dtype=np.intc)
        columns = []
        whole = None if targets is None else integers_of(targets, sums.unit)
        for t in range(n_targets):
            total, squares = sums.sum_of(t), sums.square_of(t)
            half = (squares.bit_length() - n.bit_length()) // 2 if squares else 0
            about_mean = n * squares - total * total
            roots[t] = np.sqrt(quotient(about_mean, n, -2 * half))
            means[t] = quotient(total, n, -half)
            exponents[t] = half + sums.unit
            if whole is None:
                numbers = n * sums.products_of(t) - self._ones.astype(object) * total
            else:
                numbers = n * whole[:, t] - total
            column = [quotient(number, n, -half) for number in numbers.tolist()]
            columns.append(np.array(column) / (roots[t] or 1.0))
        right = np.ascontiguousarray(np.array(columns).T)
        varying = float(np.count_nonzero(roots))
        if rows is None:
            assert self._gram is not None
            scatter = centred(self._gram, self._ones, self._ones, n)
            return Equations(scatter, right, varying, n, False), roots, means, exponents
        kernel = kernel_of(rows, check_threads(self.n_threads))
        return Equations(kernel, right, varying, n, True), roots, means, exponents

    def _ordered_rows(self) -> tuple[NDArray[np.uint8] | None, Floats | None]:
        """Rows as bytes and their targets, in an order that does not depend on how they came."""
        if self._rows is None or self._targets is None:
            return None, None
        rows = as_bytes(self._rows)
        order = row_order(self._targets.view(np.uint8))
        order = order[row_order(rows[order])]
        return rows[order], self._targets[order]


_KEPT = {
    "n_samples_", "_ones", "_sums", "_targets", "_rows", "_gram", "_alone", "reads_bits",
}  # fmt: skip


def as_targets(name: str, y: ArrayLike) -> Floats:
    """Return targets as float64, without a negative zero, which equals the other one."""
    with np.errstate(over="ignore"):  # of longer floats
        array = as_reals(name, y)
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ValueError(
            f"{name} must have shape (n_samples,) or (n_samples, n_targets), got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must lie in the range of float64")
    return np.asarray(array + 0.0)


def _check_total(n_samples: int) -> None:
    if n_samples >= MAX_SAMPLES:
        raise ValueError(f"a RidgeRegression holds fewer than {MAX_SAMPLES} samples")


def _sums_of_features(features: Features) -> NDArray[np.int64]:
    sums = np.zeros(features.shape[1], dtype=np.int64)
    step = rows_within(9 * features.shape[1])
    for start in range(0, len(features), step):
        sums += as_bytes(features[start : start + step]).sum(axis=0, dtype=np.int64)
    return sums


def _scaled(name: str, values: Floats, exponents: NDArray[np.intc]) -> Floats:
    with np.errstate(over="ignore"):
        found = np.ldexp(values, exponents)
    if not np.isfinite(found).all():
        raise ValueError(
            f"{name} is larger than float64 allows, 1.8e308; use predict, which works in other "
            "units, or divide the targets by a constant"
        )
    return found


def _told(n_targets: int, alone: bool) -> str:
    return "one target in a 1-dimensional array" if alone else f"{n_targets} targets"
