"""What the linear readouts share: integer statistics of second order, scores, few bits, files."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from randprop._blas import few_threads
from randprop._labels import as_codes
from randprop._validation import check_number, check_threads
from randprop._warnings import warn_data
from randprop.bits import Features
from randprop.readouts.base import Arrays, NotFittedError, Take, of_one_state, snapshot
from randprop.readouts.describe import Picture, coefficients
from randprop.readouts.products import (
    MAX_SAMPLES,
    Products,
    add_products,
    as_bytes,
    gram_of,
    kernel_of,
    linear_scores,
    on_features,
    row_order,
)
from randprop.readouts.quantized import QuantizedReadout
from randprop.readouts.regression import Equations, centred
from randprop.readouts.rounding import Levels, check_bits, round_each, round_with_feedback
from randprop.readouts.summing import SummingReadout

__all__ = ["LARGEST", "LinearReadout", "check_alpha"]

Self = TypeVar("Self", bound="LinearReadout")
Floats = NDArray[np.float64]

# Coefficients of more are not rounded with feedback, which takes some matrices of that size.
_MAX_FEEDBACK = 1 << 12
# Sums of 2**28 smaller ones stay finite.
LARGEST = 1e296


def check_alpha(alpha: object) -> float | None:
    """Return an alpha above 0, or None for "auto"."""
    if isinstance(alpha, str):
        if alpha != "auto":
            raise ValueError(f"alpha must be a number above 0 or 'auto', got {alpha!r}")
        return None
    number = check_number("alpha", alpha)
    if number <= 0.0:
        raise ValueError(f"alpha must be above 0, got {number}")
    return number


class LinearReadout(SummingReadout):
    """Linear readout that is solved from sums of products of features.

    While samples are fewer than features they are kept themselves; as many as features give their
    place to the sums. Both are integers, and which it is follows from their number alone: nothing
    depends on the parts.
    """

    parameters: ClassVar[tuple[str, ...]] = ("alpha",)
    bits_keyword: ClassVar[str] = "ridge_bits"
    linear: ClassVar[bool] = True
    absent: ClassVar[float] = 0.0  # intercept of a class without vectors

    _gram: NDArray[np.int64] | None = None
    _rows: Features | None = None
    _codes: NDArray[np.int32]  # classes of the rows
    # (alpha as given, alpha as used, coefficients, intercepts): computed, or read from a file.
    _solution: tuple[float | None, float, Floats, Floats] | None = None

    def __init__(self, alpha: float | str = "auto", *, n_threads: int | None = None) -> None:
        self.alpha = alpha
        self.n_threads = n_threads

    @property
    def coef_(self) -> Floats:
        """Coefficients, of shape (n_classes, n_bits)."""
        return self._solved()[1]

    @property
    def intercept_(self) -> Floats:
        """Intercepts, of shape (n_classes,)."""
        return self._solved()[2]

    @property
    def alpha_(self) -> float:
        """The alpha that was used: the given one, or the chosen one."""
        return self._solved()[0]

    @property
    def gram_(self) -> NDArray[np.int64]:
        """Sums of products of features, of shape (n_bits, n_bits)."""
        seen = snapshot(self)
        if seen._gram is not None:
            return seen._gram
        if seen._rows is None:
            raise NotFittedError(f"this {type(self).__name__} holds no sums")
        return gram_of([seen._rows], check_threads(seen.n_threads))

    @property
    def n_features(self) -> int | None:
        """Number of bits or bytes of a vector. None before `fit`."""
        seen = snapshot(self)
        if seen._solution is not None:
            return int(seen._solution[2].shape[1])
        return super(LinearReadout, seen).n_features

    def max_samples(self) -> int:  # noqa: D102
        return MAX_SAMPLES

    def more_sums(self, n_samples: int, n_features: int, threads: int) -> Products:  # noqa: D102
        return Products(n_samples, n_features, threads)

    def merged_sums(  # noqa: D102
        self: Self, other: Self, classes: NDArray[Any], *, reuse: bool
    ) -> dict[str, Any]:
        held = [readout for readout in (self, other) if readout._holds_sums()]
        rows = [readout._rows for readout in held if readout._rows is not None]
        grams = [readout._gram for readout in held if readout._gram is not None]
        spare = other._gram if reuse else None
        kept, gram = add_products(rows, grams, check_threads(self.n_threads), spare=spare)
        codes = np.zeros(0, np.int32)
        if kept is not None:
            known = [as_codes(one.classes_, classes)[one._codes] for one in held]
            codes = np.concatenate(known)
        return {"_rows": kept, "_codes": codes, "_gram": gram, "_solution": None}

    def _equations(self) -> Equations:
        """Least squares of centred one-hot classes, those with vectors, on centred features."""
        there = self.n_samples_ > 0
        n_samples, n = self.n_samples_[there], int(self.n_samples_.sum())
        total = float(np.sum(n_samples - n_samples**2 / n))
        if self._rows is None:
            assert self._gram is not None
            ones = self.counts_.sum(axis=0)
            scatter = centred(self._gram, ones, ones, n)
            products = centred(self.counts_[there], n_samples, ones, n)
            return Equations(scatter, np.ascontiguousarray(products.T), total, n, False)
        rows, codes = self._ordered_rows()
        kernel = kernel_of(rows, check_threads(self.n_threads))
        one_hot = (codes[:, None] == np.flatnonzero(there)).astype(np.float64)
        return Equations(kernel, one_hot - n_samples / n, total, n, True)

    def _ordered_rows(self) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Rows as bytes and their classes, in an order that does not depend on how they came."""
        assert self._rows is not None
        rows = as_bytes(self._rows)
        order = row_order(rows)
        order = order[np.argsort(self._codes[order], kind="stable")]
        return rows[order], self._codes[order]

    def _on_features(self, equations: Equations, x: Floats) -> Floats:
        """Return coefficients on the features, of shape (n_bits, n_classes), from a solution."""
        if not equations.of_samples:
            return x
        rows, _ = self._ordered_rows()
        return on_features(rows, self.counts_.sum(axis=0) / equations.n, x)

    def _fitted(
        self, equations: Equations, n_samples: Floats, alpha: float | None
    ) -> tuple[float, Floats, Floats]:
        """Return alpha, a column of coefficients on the features a class, and intercepts.

        Of the classes of `equations`, whose vectors are `n_samples`; intercepts are for features
        less their mean. Subclasses say how.
        """
        raise NotImplementedError

    @of_one_state
    def _solved(self) -> tuple[float, Floats, Floats]:
        self.check_fitted()
        alpha = check_alpha(self.alpha)
        if self._solution is not None and self._solution[0] == alpha:
            return self._solution[1:]
        self.check_takes_samples()
        there, n = self.n_samples_ > 0, int(self.n_samples_.sum())
        n_samples = self.n_samples_[there].astype(np.float64)
        coef, intercept = np.zeros(self.counts_.shape), np.full(len(there), self.absent)
        with few_threads(min(n, self.counts_.shape[1])):
            used, columns, about_mean = self._fitted(self._equations(), n_samples, alpha)
            coef[there] = columns.T
            intercept[there] = about_mean - coef[there] @ self.counts_.sum(axis=0) / n
        self._solution = (alpha, used, coef, intercept)
        return self._solution[1:]

    def _picture(self) -> Picture | None:
        # Not solved for a picture: the class means are there before.
        solved = self._solution
        return super()._picture() if solved is None else coefficients(solved[2])

    @of_one_state
    def scores(self, bits: Features) -> Floats:  # noqa: D102
        self.check_fitted()
        features = self.check_features("bits", bits)
        _, coef, intercept = self._solved()
        return linear_scores(features, coef, intercept, check_threads(self.n_threads))

    decision_function = scores

    @of_one_state
    def quantize(self, bits: int | str = 8) -> QuantizedReadout:
        """Round the coefficients to integers of few bits, with one scale for all.

        They are rounded one after the other, beginning with the feature of the largest variance.
        The coefficients that remain compensate for each rounding error, by means of the sums of
        products. In a readout from a file, or with more than 4,096 features, each coefficient is
        rounded alone.

        Parameters
        ----------
        bits : int or "ternary", default=8
            Bits of each coefficient, 1 to 16. ``"ternary"``: coefficients of -1, 0 and +1.

        Returns
        -------
        QuantizedReadout
            It has only integers, and its labels are the same on every machine. Its scores times its
            scale approximate the scores of this readout, up to a number that all classes share.

        Warns
        -----
        RandpropDataWarning
            If each coefficient is rounded alone, to fewer than 8 bits.
        """
        levels = Levels(check_bits("bits", bits, 1, 16))
        _, coef, intercept = self._solved()
        self._check_rounds()
        # What all classes share decides nothing.
        wanted = coef - coef.mean(axis=0)
        if self._holds_sums() and coef.shape[1] <= _MAX_FEEDBACK:
            ones, n = self.counts_.sum(axis=0), int(self.n_samples_.sum())
            rounded, scale = round_with_feedback(wanted, centred(self.gram_, ones, ones, n), levels)
            bias = intercept - intercept.mean() + (wanted - scale * rounded) @ (ones / n)
        else:
            if levels.bits < 8:
                warn_data(self._why_each())
            rounded, scale = round_each(wanted, levels)
            bias = intercept - intercept.mean()
        half = (levels.top + 1) // 2
        # Codes are not about 0, which adds the same to all classes.
        bias = np.rint(bias / scale)
        worst = int(np.abs(bias).argmax())
        if not abs(bias[worst]) <= 2**61:
            raise ValueError(
                f"{type(self).__name__} cannot be rounded to integers: the intercept of class "
                f"{self.classes_.tolist()[worst]!r}, {intercept[worst]:.3g}, is too large beside "
                f"coefficients of at most {np.abs(coef).max():.3g}; use a smaller alpha than "
                f"{self.alpha_:g}"
            )
        return QuantizedReadout(
            levels.codes(rounded),
            bias.astype(np.int64),
            self.classes_,
            bits=levels.bits,
            offset=half,
            scale=scale,
            of_bytes=not self.reads_bits,
            n_threads=self.n_threads,
        )

    def _check_rounds(self) -> None:
        """Raise ValueError where no integers stand for the intercepts."""

    def _holds_sums(self) -> bool:
        return self._gram is not None or self._rows is not None

    def _why_each(self) -> str:
        why, cure = f"has more than {_MAX_FEEDBACK:,} features", "use 8 bits"
        if not self._holds_sums():
            why = "came from a file, which holds its coefficients but not the sums of products"
            cure += ", or quantize the readout before it is saved"
        return (
            f"this {type(self).__name__} {why}: each coefficient is rounded alone, and with few "
            f"bits that is far less accurate; {cure}"
        )

    def check_takes_samples(self) -> None:  # noqa: D102
        check_alpha(self.alpha)
        if self._solution is not None and not self._holds_sums():
            raise ValueError(
                f"this {type(self).__name__} came from a file, which holds its coefficients but "
                "not the sums that are needed for more samples or another alpha; fit a new readout"
            )

    @of_one_state
    def check_fitted(self) -> None:  # noqa: D102
        if self._solution is None and not (self._holds_sums() and self.n_samples_.any()):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit or partial_fit first"
            )

    @of_one_state
    def arrays(self) -> tuple[Arrays, dict[str, Any]]:  # noqa: D102
        # Not the sums, which take more than all the rest of a file.
        alpha, coef, intercept = self._solved()
        return {"coef": coef, "intercept": intercept}, {"alpha": alpha}

    @classmethod
    def from_arrays(  # noqa: D102
        cls: type[Self], described: dict[str, Any], take: Take, classes: NDArray[Any],
        n_features: int, *, of_bits: bool,
    ) -> Self:  # fmt: skip
        coef = take("coef", (len(classes), n_features), "f8", np.float64)
        intercept = take("intercept", (len(classes),), "f8", np.float64)
        if max(np.abs(coef).max(), np.abs(intercept).max()) > LARGEST:
            raise ValueError("coef and intercept must lie in [-1e296, 1e296]")
        readout = cls(check_number("alpha", described["alpha"]))
        alpha = check_alpha(readout.alpha)
        assert alpha is not None
        readout.classes_, readout.reads_bits = classes, of_bits
        readout._solution = (alpha, alpha, coef, intercept)
        return readout
