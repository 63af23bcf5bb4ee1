"""Weights of other shapes than the definition's: integers that stand for them, by a table.

The packed kernels and their exact sums serve them too; a step does not see the scale of a row.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from randprop._registry import Registry
from randprop._validation import told
from randprop.bits import BitMatrix, Features, stack
from randprop.network.own_weights import apply_weights

__all__ = ["UNIFORM", "WEIGHTS", "ShapedNetwork", "check_weights", "draw_weights"]

UNIFORM = "uniform"  # the definition's
_SPREAD = 30  # standard deviation of 8-bit integers that stand for a Gaussian: 4.2 of them fit
_HEAVY = 32_000  # the largest weight of a Cauchy row: 16 bits
# Of a generator in quotes: NumPy loads that part when it is first asked for.
Draw = Callable[["np.random.Generator", tuple[int, int], int], NDArray[np.int32]]


@dataclass(frozen=True)
class WeightShape:
    """How a matrix of a shape is drawn: by a generator, a shape (n_out, n_in) and a number."""

    draw: Draw | None
    numbers: range = range(0)  # which numbers may stand for the letter of the name


WEIGHTS: Registry[WeightShape] = Registry()


def check_weights(name: str) -> str:
    """Return the name of a distribution of weights if it is one.

    ``shifted_P`` is uniform on (-a + s, a + s) with s = P % of a; ``fan_in_K`` has K inputs a unit,
    weights -1 and +1 at random; ``fan_in_K_balanced``, K even, as many of one as of the other.
    """
    if not isinstance(name, str) or _find(name) is None:
        raise ValueError(
            f"weights must be one of {', '.join(map(repr, WEIGHTS))}, with P from 1 to 100 and K "
            f"from 1 to 4096, even where balanced; got {told(name)}"
        )
    return name


def draw_weights(name: str, n_in: int, n_out: int, *, layer: int, seed: int) -> NDArray[np.int32]:
    """Draw a matrix of integer weights, of shape (n_out, n_in): a function of its arguments."""
    found = _find(name)
    assert found is not None
    entry, number = found
    assert entry.draw is not None
    rng = np.random.default_rng([zlib.crc32(name.encode()), layer, seed])
    return entry.draw(rng, (n_out, n_in), number)


@dataclass(frozen=True)
class ShapedNetwork:
    """Chain of dense stages of one width with weights of a shape."""

    width: int
    n_stages: int
    weights: str
    activation: str = "step"
    seed: int = 0

    def advance(
        self, m: int, train: Features, test: Features, *, n_threads: int | None = None
    ) -> tuple[BitMatrix, BitMatrix]:
        """Send the inputs of a stage through it: see `randprop.network.chain`."""
        W = draw_weights(self.weights, train.shape[1], self.width, layer=m, seed=self.seed)
        # Together, so that the weights are laid out once.
        both = stack([train, test])
        bits = apply_weights(both, W, activation=self.activation, n_threads=n_threads)
        return bits[: len(train)], bits[len(train) :]


def _find(name: str) -> tuple[WeightShape, int] | None:
    """Return the entry of a name, and the number in it."""
    digits = re.search(r"_([1-9]\d*)(?=_|$)", name)
    if digits is None:
        entry = WEIGHTS.get(name)
        return None if entry is None or entry.numbers else (entry, 0)
    for letter in "PK":
        entry = WEIGHTS.get(f"{name[: digits.start()]}_{letter}{name[digits.end() :]}")
        if entry is not None and int(digits[1]) in entry.numbers:
            return entry, int(digits[1])
    return None


def _rounded(values: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.asarray(np.clip(np.rint(values), -127, 127), dtype=np.int32)


def _gaussian(rng: np.random.Generator, shape: tuple[int, int], _: int) -> NDArray[np.int32]:
    return _rounded(_SPREAD * rng.standard_normal(shape, dtype=np.float32))


def _ternary(rng: np.random.Generator, shape: tuple[int, int], _: int) -> NDArray[np.int32]:
    return rng.integers(-1, 2, shape, dtype=np.int32)


def _cauchy(rng: np.random.Generator, shape: tuple[int, int], _: int) -> NDArray[np.int32]:
    values = rng.standard_cauchy(shape)
    values *= _HEAVY / np.abs(values).max(axis=1, keepdims=True)
    return np.rint(values).astype(np.int32)


def _orthogonal(rng: np.random.Generator, shape: tuple[int, int], _: int) -> NDArray[np.int32]:
    # Rows, or where there are more of them than inputs columns, are orthonormal.
    tall = rng.standard_normal((max(shape), min(shape)), dtype=np.float32)
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # makes it uniform over orthogonal matrices
    return _rounded(_SPREAD * np.sqrt(max(shape)) * (q if shape[0] >= shape[1] else q.T))


def _zero_sum(rng: np.random.Generator, shape: tuple[int, int], _: int) -> NDArray[np.int32]:
    """Weights shifted by the mean of their row, in whole numbers, to the sum 0."""
    weights = rng.integers(-100, 101, shape, dtype=np.int32)
    n_in = shape[1]
    sums = weights.sum(axis=1)
    weights = weights - (sums // n_in)[:, None].astype(np.int32)
    rest = (sums % n_in)[:, None]
    # As many weights as are left over lose one more, at random places.
    order = np.argsort(rng.random(shape, dtype=np.float32), axis=1)
    return np.asarray(weights - (np.argsort(order, axis=1) < rest), dtype=np.int32)


def _shifted(rng: np.random.Generator, shape: tuple[int, int], percent: int) -> NDArray[np.int32]:
    return rng.integers(-60, 61, shape, dtype=np.int32) + round(60 * percent / 100)


def _fan_in(
    rng: np.random.Generator, shape: tuple[int, int], k: int, *, balanced: bool = False
) -> NDArray[np.int32]:
    n_out, n_in = shape
    k = min(k, n_in)
    columns = np.argsort(rng.random(shape, dtype=np.float32), axis=1)[:, :k]
    if balanced:
        signs = np.tile(np.where(np.arange(k) % 2 == 0, 1, -1), (n_out, 1))
    else:
        signs = rng.choice(np.array([-1, 1]), size=(n_out, k))
    weights = np.zeros(shape, dtype=np.int32)
    np.put_along_axis(weights, columns, signs.astype(np.int32), axis=1)
    return weights


def _balanced(rng: np.random.Generator, shape: tuple[int, int], k: int) -> NDArray[np.int32]:
    return _fan_in(rng, shape, k, balanced=True)


for _name, _draw, _numbers in (
    (UNIFORM, None, range(0)),
    ("gaussian", _gaussian, range(0)),
    ("ternary", _ternary, range(0)),
    ("cauchy", _cauchy, range(0)),
    ("orthogonal", _orthogonal, range(0)),
    ("zero_sum", _zero_sum, range(0)),
    ("shifted_P", _shifted, range(1, 101)),
    ("fan_in_K", _fan_in, range(1, 4097)),
    ("fan_in_K_balanced", _balanced, range(2, 4097, 2)),
):
    WEIGHTS.add(_name, WeightShape(_draw, _numbers))
