"""Linear readouts in integers of few bits: what a device computes, on the desktop."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from randprop._labels import as_classes
from randprop._validation import as_integers, check_flag, check_int, check_number, check_threads
from randprop.bits import Features
from randprop.readouts.base import Arrays, Readout, Take, from_core, narrow
from randprop.readouts.describe import Picture, coefficients

__all__ = ["QuantizedReadout"]

# Beside it 2**28 bits of 16-bit codes times 2**16 stay within 63 bits.
_MAX_BIAS = 2**61


class QuantizedReadout(Readout):
    """Linear readout in integers. The label is the class with the largest score.

    The score of a class is its bias plus the sum of its coefficients over the set bits. A
    coefficient is ``multiplier * (code - offset)`` with a code of few bits. No result is rounded.
    So scores and labels are the same on every machine. `Centroids.quantize`,
    `RidgeReadout.quantize` and `DiscriminantReadout.quantize` make it.

    Parameters
    ----------
    codes : ndarray of shape (n_classes, n_bits), integer
        In [0, 2**bits).
    bias : ndarray of shape (n_classes,), integer
        In [-2**61, 2**61].
    classes : ndarray of shape (n_classes,)
        Labels.
    bits : int
        Bits of a code, 1 to 16.
    offset : int, default=0
        In [0, 2**bits).
    multiplier : int, default=1
        In [1, 65535].
    scale : float, default=1.0
        Size of one unit of the scores, in the scores of the readout before quantization.
    of_bytes : bool, default=False
        Whether vectors are bytes and not bits.
    n_threads : int, optional
        Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use; in a
        worker of a pool, its share of them. -1 means all, -2 all but one.

    Attributes
    ----------
    codes_, bias_, classes_, bits, offset, multiplier, scale
        The arguments.
    coef_ : ndarray of shape (n_classes, n_bits), dtype int64
        ``multiplier * (codes - offset)``.

    Examples
    --------
    >>> import numpy as np
    >>> from randprop import BitMatrix, RidgeReadout
    >>> bits = BitMatrix.from_array(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> readout = RidgeReadout().fit(bits, ["a", "a", "b"]).quantize(4)
    >>> readout.coef_
    array([[ 3,  0, -4],
           [-4, -1,  3]])
    >>> readout.predict(bits)
    array(['a', 'a', 'b'], dtype='<U1')
    """

    kind: ClassVar[str] = "quantized"

    def __init__(
        self,
        codes: NDArray[np.int64],
        bias: NDArray[np.int64],
        classes: NDArray[Any],
        *,
        bits: int,
        offset: int = 0,
        multiplier: int = 1,
        scale: float = 1.0,
        of_bytes: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.bits = check_int("bits", bits, 1, 16)
        self.offset = check_int("offset", offset, 0, 2**self.bits - 1)
        self.multiplier = check_int("multiplier", multiplier, 1, 65535)
        self.scale = check_number("scale", scale)
        self.reads_bits = not check_flag("of_bytes", of_bytes)
        self.n_threads = n_threads
        self.classes_ = as_classes("classes", classes)
        n_classes = len(self.classes_)
        self.codes_ = as_integers("codes", codes, (n_classes, "n_bits"))
        self.bias_ = as_integers("bias", bias, (n_classes,))
        for label, value in zip(self.classes_.tolist(), self.bias_.tolist(), strict=True):
            if abs(value) > _MAX_BIAS:
                raise ValueError(
                    f"bias must lie in [-2**61, 2**61], got {value} for class {label!r}"
                )
        top = 2**self.bits - 1
        if self.codes_.size and (self.codes_.min() < 0 or self.codes_.max() > top):
            raise ValueError(
                f"codes must lie in [0, {top}], got values from {self.codes_.min()} "
                f"to {self.codes_.max()}"
            )
        largest = self.codes_.shape[1] * (1 if self.reads_bits else 255) * top * self.multiplier
        if largest > _MAX_BIAS:
            raise ValueError(
                "n_features times the largest feature, code and multiplier must be at most 2**61, "
                f"got {largest}"
            )

    @property
    def coef_(self) -> NDArray[np.int64]:
        """Coefficients, of shape (n_classes, n_bits)."""
        return np.asarray(self.multiplier * (self.codes_ - self.offset))

    @property
    def n_features(self) -> int:
        """Number of bits or bytes of a vector."""
        return int(self.codes_.shape[1])

    def scores(self, bits: Features) -> NDArray[np.int64]:  # noqa: D102
        features = self.check_features("bits", bits)
        zeros, codes = np.zeros_like(self.bias_), self.codes_ - self.offset
        sums = from_core("linear_scores", features, codes, zeros, check_threads(self.n_threads))
        scores = np.asarray(sums)
        scores *= self.multiplier
        scores += self.bias_
        return scores

    decision_function = scores

    def quantize(self, bits: int | str | None = None) -> QuantizedReadout:
        """Return itself: it has integers already."""
        return self

    def fresh(self) -> QuantizedReadout:  # noqa: D102
        raise TypeError("a QuantizedReadout cannot be fitted; call `quantize` of a fitted readout")

    def arrays(self) -> tuple[Arrays, dict[str, Any]]:  # noqa: D102
        numbers = ("bits", "offset", "multiplier", "scale")
        arrays = {"codes": narrow(self.codes_), "bias": self.bias_}
        return arrays, {name: getattr(self, name) for name in numbers}

    @classmethod
    def from_arrays(  # noqa: D102
        cls,
        described: dict[str, Any],
        take: Take,
        classes: NDArray[Any],
        n_features: int,
        *,
        of_bits: bool,
    ) -> QuantizedReadout:
        bias = take("bias", (len(classes),), "i8", np.int64)
        # 2**28 codes of 16 bits times 2**16 stay below 2**60: no score leaves 63 bits.
        if (bias > 1 << 61).any() or (bias < -(1 << 61)).any():
            raise ValueError("bias must lie in [-2**61, 2**61]")
        return cls(
            take("codes", (len(classes), n_features), "u", np.int64),
            bias,
            classes,
            **{name: described[name] for name in ("bits", "offset", "multiplier", "scale")},
            of_bytes=not of_bits,
        )

    def _facts(self) -> list[tuple[str, str]]:
        return [*super()._facts(), ("bits of a coefficient", str(self.bits))]

    def _picture(self) -> Picture | None:
        return coefficients(self.coef_)

    def __repr__(self) -> str:
        n_classes, n_bits = self.codes_.shape
        return f"QuantizedReadout(n_classes={n_classes}, n_bits={n_bits}, bits={self.bits})"
