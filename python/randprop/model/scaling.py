"""Features of any numbers as the 8-bit integers that a network reads.

Integers of [0, 255] are used as they come, whatever their type; anything else is mapped by a range,
low to 0 and high to 255. One function decides, by the values alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import check_number, told
from randprop._warnings import warn_data
from randprop.bits import BitMatrix, Features, stack
from randprop.features import (
    Table,
    check_width,
    is_sparse,
    read_table,
    row_blocks,
    stored,
    with_values,
)
from randprop.network.step_network import StepNetwork

__all__ = [
    "AS_THEY_COME", "arithmetic_of", "check_features", "check_range", "choose_range", "fits_bytes",
    "map_to_bytes", "outside", "propagate_table", "to_bytes", "warn_outside",
]  # fmt: skip

AS_THEY_COME = (0.0, 255.0)
_EXACT = 2**53  # float64 holds every integer to here


def to_bytes(X: ArrayLike, input_range: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Map features to the 8-bit integers that a network reads.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite real numbers of any type: an array, nested lists, a sparse matrix, a DataFrame of
        numbers. Images of shape (n_samples, height, width) or (n_samples, height, width, channels)
        are laid out as rows.
    input_range : (float, float), optional
        Low and high, which become 0 and 255; those outside become 0 or 255. Default: integers of
        [0, 255] are used as they come, whatever their type; other features are mapped by the
        smallest and the largest of `X`. Give it where several arrays are to be mapped alike.

    Returns
    -------
    ndarray of shape (n_samples, n_features), dtype uint8
        The integers nearest to 255 (x - low) / (high - low), half to even; with high = low the
        divisor is 1.

    Examples
    --------
    >>> import randprop
    >>> randprop.to_bytes([[-1.0, 0.0], [0.5, 1.0]])
    array([[  0, 128],
           [191, 255]], dtype=uint8)
    >>> randprop.to_bytes([[3.0, 0.0]])
    array([[3, 0]], dtype=uint8)
    >>> randprop.to_bytes([[3.0, 0.0]], input_range=(0, 4))
    array([[191,   0]], dtype=uint8)
    """
    given = None if input_range is None else check_range("input_range", input_range)
    values = check_features("X", X).values
    return map_to_bytes(values, choose_range(values, given) or AS_THEY_COME)


def check_features(name: str, X: Any, *, empty: bool = False) -> Table:
    """Return features and their names; bits are no features."""
    if isinstance(X, BitMatrix):
        raise TypeError(f"{name} must be an array of features, got a BitMatrix")
    return read_table(name, X, empty=empty)


def fits_bytes(X: Any) -> bool:
    """Whether all features are integers of [0, 255], whatever their type."""
    values = stored(X)
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        return True
    for rows in row_blocks(values):
        block = values[rows]
        if block.size and not (block.min() >= 0 and block.max() <= 255):
            return False
        if block.dtype.kind == "f" and (np.rint(block) != block).any():
            return False
    return True


def choose_range(
    X: Any, input_range: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Return the range that maps features to bytes, None where they are used as they come.

    A range that is given is the one. Otherwise the values decide.
    """
    if input_range is not None:
        return input_range
    return None if fits_bytes(X) else _range_of(X)


def check_range(name: str, value: object) -> tuple[float, float]:
    """Return (low, high); None stands for (0, 255)."""
    if value is None:
        return AS_THEY_COME
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise TypeError(f"{name} must be (low, high) or None, got {told(value)}")
    low, high = check_number(f"{name}[0]", value[0]), check_number(f"{name}[1]", value[1])
    if low > high:
        raise ValueError(f"{name} must have low <= high, got {told(value)}")
    return low, high


def map_to_bytes(X: Any, input_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Map features to the nearest integers to 255 (x - low) / (high - low), cut to 0 and 255.

    Integers are left as they are by (0, 255).
    """
    as_bytes = X.dtype == np.uint8 and input_range == AS_THEY_COME
    if as_bytes and not is_sparse(X):
        return np.ascontiguousarray(X)
    out = np.empty(X.shape, dtype=np.uint8)
    for rows in row_blocks(X, 40):
        block = X[rows].toarray() if is_sparse(X) else X[rows]
        out[rows] = block if as_bytes else _mapped(block, input_range)
    return out


def propagate_table(
    network: StepNetwork, X: Any, input_range: tuple[float, float], n_threads: int | None
) -> Features:
    """Return what a network puts out, some samples at a time: what is made on the way is small."""
    check_width("X", X.shape, network.n_features, "the network")
    if is_sparse(X) and not _mapped(np.zeros(1, X.dtype), input_range)[0]:
        # A zero stays one: what is stored is mapped, and nothing else is looked at.
        mapped = with_values(X, map_to_bytes(X.data, input_range))
        found: Features = network.propagate(mapped, n_threads=n_threads)
        return found
    if not is_sparse(X) and X.dtype == np.uint8:
        whole: Features = network.propagate(map_to_bytes(X, input_range), n_threads=n_threads)
        return whole
    parts: list[Features] = [
        network.propagate(map_to_bytes(X[rows], input_range), n_threads=n_threads)
        for rows in row_blocks(X, 4)
    ]
    return stack(parts)


def outside(X: Any, input_range: tuple[float, float] | None) -> str | None:
    """Say what of later features a range that earlier ones gave does not map, if anything."""
    low, high = AS_THEY_COME if input_range is None else input_range
    if input_range is None and fits_bytes(X):
        return None
    least, most = _extremes(X)
    if least < low or most > high:
        return f"values from {least} to {most}"
    return "values that are no integers" if input_range is None else None


def warn_outside(name: str, X: Any, input_range: tuple[float, float] | None, first: str) -> bool:
    """Warn where later features do not fit what `first` gave; return whether they do not."""
    found = outside(X, input_range)
    if found is None:
        return False
    rule = "integers of [0, 255] are used as they come"
    if input_range is not None:
        rule = f"they are mapped by {input_range}"
    warn_data(
        f"{name} has {found}, but {rule}, as {first} had it; what does not fit is rounded or cut. "
        "Give input_range=(low, high), the range of all of the data"
    )
    return True


def arithmetic_of(input_range: tuple[float, float]) -> tuple[float, float, float]:
    """Return (unit, low, scale): a feature x becomes (unit x - low) scale, rounded and cut.

    The unit is a power of two: 1 but for ranges whose width, or whose scale, float64 does not hold.
    Whatever maps features by a model's range, in other languages too, computes this.
    """
    low, high = input_range
    unit = 1.0
    if high - low == np.inf:
        unit = 0.5
    elif high > low and 255.0 / (high - low) == np.inf:
        unit = 2.0**100
    low, high = unit * low, unit * high
    return unit, low, 255.0 / (high - low if high > low else 1.0)


def _mapped(block: NDArray[Any], input_range: tuple[float, float]) -> NDArray[np.uint8]:
    unit, low, scale = arithmetic_of(input_range)
    # Beyond float64 is beyond the range: infinities are cut.
    with np.errstate(over="ignore"):
        part = block.astype(np.float64)
        if unit != 1.0:
            part *= unit
        part -= low
        if block.dtype.kind in "iu" and block.dtype.itemsize == 8 and unit == 1.0:
            large = (block > _EXACT) | (block < -_EXACT)
            # In halves, each exact in float64, which an integer of this size is not.
            top, rest = np.divmod(block[large], block.dtype.type(2**32))
            part[large] = (top * 2.0**32 - low) + rest
        part *= scale
    np.clip(part, 0.0, 255.0, out=part)
    return np.rint(part, out=part).astype(np.uint8)


def _extremes(X: Any) -> tuple[Any, Any]:
    """Return the smallest and the largest feature, the zeros that are not stored among them."""
    values = stored(X)
    found = [f(values[rows]) for rows in row_blocks(values) for f in (np.min, np.max)]
    if is_sparse(X) and X.nnz < X.shape[0] * X.shape[1]:
        found.append(values.dtype.type(0))
    return min(found), max(found)


def _range_of(X: Any) -> tuple[float, float]:
    least, most = _extremes(X)
    low, high = float(least), float(most)
    # Of integers beyond 2**53 the nearest floats that have them between them.
    if isinstance(least, np.integer) and int(low) > least:
        low = float(np.nextafter(low, -np.inf))
    if isinstance(most, np.integer) and int(high) < most:
        high = float(np.nextafter(high, np.inf))
    return low, high
