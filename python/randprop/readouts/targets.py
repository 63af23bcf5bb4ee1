"""Sums of real targets that are exact: each target is split into integers of 24 bits.

A float64 is a sum of at most four limbs, integers below 2**24 of its sign, times 2**(24 place).
Places are the same for all targets, so that limbs add; their products with bytes are integers that
float64 and int64 hold. What is computed from the sums is rounded once, and depends on no order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from randprop.bits import Features
from randprop.readouts.base import rows_within
from randprop.readouts.products import as_bytes

__all__ = ["Integers", "TargetSums", "integers_of", "quotient", "sums_of"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BITS = 24
_LIMBS = 4
_LOWEST = -47  # no float64 has a limb of a lower place
# Sums of so many limbs times bytes are below 2**53, and of so many products of limbs below 2**63.
_ROWS = 1 << 20
_SQUARED_ROWS = 1 << 14


@dataclass(frozen=True, eq=False)
class TargetSums:
    """Exact sums over samples: of targets, of their squares, of their products with features."""

    places: tuple[int, ...]  # rising; those at which any target has a limb
    sums: Integers  # (n_places, n_targets)
    products: Integers  # (n_places, n_targets, n_features)
    squares: tuple[int, ...]  # of each target, in units of 2**(48 _LOWEST)

    def plus(self, other: TargetSums) -> TargetSums:
        """Return the sums over the samples of both."""
        places = tuple(sorted({*self.places, *other.places}))
        sums = np.zeros((len(places), *self.sums.shape[1:]), dtype=np.int64)
        products = np.zeros((len(places), *self.products.shape[1:]), dtype=np.int64)
        for one in (self, other):
            rows = np.searchsorted(places, one.places)
            sums[rows] += one.sums
            products[rows] += one.products
        squares = (a + b for a, b in zip(self.squares, other.squares, strict=True))
        return TargetSums(places, sums, products, tuple(squares))

    @property
    def unit(self) -> int:
        """Return the exponent of 2 of which all targets are integer multiples."""
        return _BITS * self.places[0] if self.places else 0

    def sum_of(self, target: int) -> int:
        """Return the sum of a target, in its unit."""
        return int(self._whole(self.sums[:, target]).item())

    def square_of(self, target: int) -> int:
        """Return the sum of squares of a target, in units of the square of its unit."""
        return self.squares[target] >> 2 * (self.unit - _BITS * _LOWEST)

    def products_of(self, target: int) -> NDArray[np.object_]:
        """Return the sums of a target's products with each feature, in its unit."""
        return self._whole(self.products[:, target])

    def _whole(self, limbs: Integers) -> NDArray[np.object_]:
        shifts = [_BITS * place - self.unit for place in self.places]
        parts = (limb << shift for limb, shift in zip(limbs.astype(object), shifts, strict=True))
        return np.asarray(sum(parts, np.zeros(limbs.shape[1:], dtype=object)), dtype=object)


def sums_of(features: Features, y: Floats) -> TargetSums:
    """Return the sums of targets of shape (n_samples, n_targets), and with features."""
    lowest, limbs = _split(y)
    found: set[int] = set()
    for k, limb in enumerate(limbs):
        found |= set(np.unique(lowest[limb != 0] + k).tolist())
    places = tuple(sorted(found))
    (n_targets, n_features), n_places = (y.shape[1], features.shape[1]), len(places)
    sums = np.zeros((n_places, n_targets), dtype=np.int64)
    products = np.zeros((n_places, n_targets, n_features), dtype=np.int64)
    step = min(_ROWS, rows_within(9 * n_features + 16 * n_targets * (n_places + 1)))
    for start in range(0, len(y) if places else 0, step):
        part = slice(start, start + step)
        at_places = np.stack([_at(place, lowest[part], limbs[:, part]) for place in places])
        sums += at_places.sum(axis=1)
        columns = at_places.transpose(0, 2, 1).reshape(n_places * n_targets, -1)
        values = as_bytes(features[part]).astype(np.float64)
        added = columns.astype(np.float64) @ values
        products += added.astype(np.int64).reshape(products.shape)
    return TargetSums(places, sums, products, _squares(lowest, limbs))


def integers_of(y: Floats, unit: int) -> NDArray[np.object_]:
    """Return targets as integers, in units of 2**unit, of which they are multiples."""
    lowest, limbs = _split(y)
    # A limb that is 0 may stand at a lower place than any of the unit.
    shifts = (_BITS * (lowest + k) - unit for k in range(_LIMBS))
    parts = (
        limb.astype(object) << np.maximum(shift, 0).astype(object)
        for limb, shift in zip(limbs, shifts, strict=True)
    )
    return np.asarray(sum(parts, np.zeros(y.shape, dtype=object)), dtype=object)


def quotient(number: int, divisor: int, exponent: int) -> float:
    """Return number * 2**exponent / divisor as the nearest float64."""
    if exponent >= 0:
        return (number << exponent) / divisor
    return number / (divisor << -exponent)


def _split(y: Floats) -> tuple[Integers, Integers]:
    """Return the place of the lowest of four limbs of each target, and the limbs."""
    fraction, exponent = np.frexp(y)
    whole = np.abs(np.ldexp(fraction, 53)).astype(np.int64)
    lowest, shift = np.divmod(exponent.astype(np.int64) - 53, _BITS)
    first = _BITS - shift  # bits of the lowest limb
    rest = whole >> first
    below = (1 << _BITS) - 1
    limbs = [(whole - (rest << first)) << shift, rest & below, (rest >> _BITS) & below]
    return lowest, np.stack([*limbs, rest >> 2 * _BITS]) * np.sign(y).astype(np.int64)


def _at(place: int, lowest: Integers, limbs: Integers) -> Integers:
    """Return what each target has at a place."""
    return np.asarray(sum(np.where(lowest + k == place, limbs[k], 0) for k in range(_LIMBS)))


def _squares(lowest: Integers, limbs: Integers) -> tuple[int, ...]:
    totals = [0] * lowest.shape[1]
    for start in range(0, len(lowest), _SQUARED_ROWS):
        part = slice(start, start + _SQUARED_ROWS)
        for place in np.unique(lowest[part]).tolist():
            here = np.where(lowest[part] == place, limbs[:, part], 0)
            for i in range(_LIMBS):
                for j in range(i, _LIMBS):
                    products = (here[i] * here[j]).sum(axis=0).tolist()
                    shift = _BITS * (2 * (place - _LOWEST) + i + j) + (i != j)
                    totals = [
                        total + (product << shift)
                        for total, product in zip(totals, products, strict=True)
                    ]
    return tuple(totals)
