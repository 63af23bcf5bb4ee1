"""What maps features to what a network reads: fixed, and part of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_reals, check_number, check_threads
from randprop._warnings import warn_data
from randprop.bits import BitMatrix, Features, bits_above, stack
from randprop.features import Table, check_width, is_sparse, read_table, row_blocks, with_values
from randprop.model.mapping import AS_THEY_COME, Floats, extremes_by_group, fits_bytes, map_block
from randprop.network.step_network import StepNetwork

__all__ = [
    "AS_BYTES", "BinaryScaling", "FixedScaling", "LinearScaling", "check_features",
    "propagate_parts", "propagate_table", "warn_outside",
]  # fmt: skip

# Bytes are mapped by a table for each range, up to so many of them.
_MOST_TABLES = 16
# What a network puts out of many samples is worked on so much at a time.
_PART_BYTES = 1 << 24


class FixedScaling:
    """What maps features to what a network reads; it never changes."""

    kind: ClassVar[str]
    gives_bits: ClassVar[bool]
    n_groups: int

    def transform(self, X: ArrayLike) -> Any:
        """Map features to bytes or bits for a network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            In any form that `to_bytes` takes.

        Returns
        -------
        ndarray of uint8, or BitMatrix, of shape (n_samples, n_features)
            A sparse matrix of uint8 if `X` is sparse and zeros are mapped to zeros.
        """
        values = check_features("X", X, empty=True).values
        self.check_groups(values.shape[1])
        return self.map_values(values)

    def map_values(self, X: Any, n_threads: int = 1) -> Any:
        """Map features that are checked: an array or a CSR matrix of finite numbers."""
        raise NotImplementedError

    def keeps_zeros(self, n_features: int) -> bool:
        """Whether zeros stay zeros, so that a sparse matrix stays one."""
        return False

    def levels(self, rows: Floats, columns: NDArray[np.intp] | None = None) -> Floats:
        """Map features, all or those of some columns, on a scale of 0 to 255, as near as it goes.

        Where the scaling gives bits, 0 and 255.
        """
        raise NotImplementedError

    def outside(self, X: Any) -> str | None:
        """Say what of later features does not fit what earlier ones gave, if anything."""
        raise NotImplementedError

    def check_groups(self, n_features: int) -> None:
        """Refuse a scaling of other features than a network has."""
        if n_features % self.n_groups:
            raise ValueError(
                f"scaling has {self.n_groups} ranges, which do not divide {n_features} features "
                "evenly"
            )

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Low and high where they are the same for all features."""
        return None

    def _state(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FixedScaling):
            return NotImplemented
        return self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())


class LinearScaling(FixedScaling):
    """Map features linearly from [low, high] to the integers 0 to 255.

    Results are rounded to the nearest integer. Features outside the range become 0 or 255.

    Parameters
    ----------
    low, high : array-like of shape (n_groups,) or float
        Range of each group of features. Feature j belongs to group ``j mod n_groups``. (0, 255)
        leaves integers from 0 to 255 as they are.
    """

    kind = "linear"
    gives_bits = False

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        self.low, self.high = (
            np.atleast_1d(as_reals(name, value)) + 0.0  # -0.0 is 0.0
            for name, value in (("low", low), ("high", high))
        )
        if self.low.ndim != 1 or self.low.shape != self.high.shape or not self.low.size:
            raise ValueError(
                "low and high must be numbers, or of the same length, "
                f"got shapes {np.shape(low)} and {np.shape(high)}"
            )
        if (self.low > self.high).any():
            place = int(np.flatnonzero(self.low > self.high)[0])
            raise ValueError(
                f"low must be at most high, got {self.low[place]} and {self.high[place]}"
            )
        self.low.flags.writeable = self.high.flags.writeable = False
        self.n_groups = len(self.low)

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Low and high where they are the same for all features."""
        return (float(self.low[0]), float(self.high[0])) if self.n_groups == 1 else None

    @property
    def as_is(self) -> bool:
        """Whether integers of [0, 255] are left as they are."""
        return self.input_range == AS_THEY_COME

    def map_values(self, X: Any, n_threads: int = 1) -> Any:  # noqa: D102
        if is_sparse(X):
            return self._sparse(X)
        if X.dtype == np.uint8 and self.as_is:
            return np.ascontiguousarray(X)
        out = np.empty(X.shape, dtype=np.uint8)
        if X.dtype == np.uint8 and self.n_groups <= _MOST_TABLES:
            values = np.arange(256, dtype=np.uint8)[:, None]
            for group in range(self.n_groups):
                part = slice(group, group + 1)
                table = map_block(values, self.low[part], self.high[part])[:, 0]
                out[:, group :: self.n_groups] = table[X[:, group :: self.n_groups]]
            return out
        low, high = self._by_feature(X.shape[1])
        for rows in row_blocks(X, 40):
            out[rows] = map_block(X[rows], low, high)
        return out

    def _by_feature(self, n_features: int) -> tuple[Floats, Floats]:
        """Return low and high by feature; one of each where they are the same for all."""
        if self.n_groups in (1, n_features):
            return self.low, self.high
        repeats = n_features // self.n_groups
        return np.tile(self.low, repeats), np.tile(self.high, repeats)

    def keeps_zeros(self, n_features: int) -> bool:  # noqa: D102
        low, high = self._by_feature(n_features)
        return not map_block(np.zeros((1, len(low))), low, high).any()

    def _sparse(self, X: Any) -> Any:
        low, high = self._by_feature(X.shape[1])
        if not self.keeps_zeros(X.shape[1]):
            out = np.empty(X.shape, dtype=np.uint8)
            for rows in row_blocks(X, 40):
                out[rows] = map_block(X[rows].toarray(), low, high)
            return out
        values = np.empty(X.data.shape, dtype=np.uint8)
        for part in row_blocks(X.data):
            groups = X.indices[part] if len(low) > 1 else slice(None)
            values[part] = map_block(X.data[part], low[groups], high[groups])
        return with_values(X, values)

    def levels(self, rows: Floats, columns: NDArray[np.intp] | None = None) -> Floats:  # noqa: D102
        if self.as_is:
            return np.clip(rows, -1e6, 1e6)
        if self.n_groups == 1:
            low, high = self.low, self.high
        else:
            columns = np.arange(rows.shape[1]) if columns is None else columns
            low, high = self.low[columns % self.n_groups], self.high[columns % self.n_groups]
        # In halves: the width of a range need not be a float64.
        span = np.where(high > low, high / 2 - low / 2, 127.5)
        with np.errstate(all="ignore"):
            levels = (rows / 2 - low / 2) / np.where(span == 0.0, 127.5, span) * 255.0
        return np.clip(levels, -1e6, 1e6)

    def outside(self, X: Any) -> str | None:  # noqa: D102
        least, most = extremes_by_group(X, self.n_groups)
        beyond = np.flatnonzero((least < self.low) | (most > self.high))
        if not beyond.size:
            return None
        group = int(beyond[0])
        several = f" in feature {group}" if self.n_groups > 1 else ""
        return f"values from {least[group]} to {most[group]}{several}"

    def _state(self) -> tuple[Any, ...]:
        return self.kind, self.low.tobytes(), self.high.tobytes()

    def __reduce__(self) -> tuple[Any, ...]:
        return LinearScaling, (self.low, self.high)

    def __repr__(self) -> str:
        if self.n_groups == 1:
            return f"LinearScaling({self.low[0]}, {self.high[0]})"
        return f"LinearScaling(<{self.n_groups} numbers>, <{self.n_groups} numbers>)"


class BinaryScaling(FixedScaling):
    """Map features to bits: 1 if x > level, else 0.

    Parameters
    ----------
    level : float
    """

    kind = "binary"
    gives_bits = True
    n_groups = 1

    def __init__(self, level: float) -> None:
        self.level = check_number("level", level)

    def map_values(self, X: Any, n_threads: int = 1) -> Features:  # noqa: D102
        if isinstance(X, np.ndarray) and X.dtype == np.uint8:
            return bits_above(X, self.level, n_threads)
        parts = [self._bits(X[rows]) for rows in row_blocks(X, 2)]
        if not parts:
            return BitMatrix.from_array(np.zeros(X.shape, dtype=np.uint8))
        return stack(parts)

    def _bits(self, block: Any) -> BitMatrix:
        if is_sparse(block):
            block = block.toarray()
        level: Any = self.level
        if block.dtype.kind in "iu":
            # Of integers x > level where x > floor(level): exact beyond 2**53 too.
            info = np.iinfo(block.dtype)
            level = int(np.floor(level))
            if not info.min <= level <= info.max:
                constant = level < info.min
                return BitMatrix.from_array(np.full(block.shape, constant))
            level = block.dtype.type(level)
        elif block.dtype.kind == "f" and block.dtype.itemsize < 8:
            block = block.astype(np.float64)
        return BitMatrix.from_array(block > level)

    def levels(self, rows: Floats, columns: NDArray[np.intp] | None = None) -> Floats:  # noqa: D102
        return np.where(rows > self.level, 255.0, 0.0)

    def outside(self, X: Any) -> str | None:  # noqa: D102
        return None

    def _state(self) -> tuple[Any, ...]:
        return self.kind, self.level

    def __repr__(self) -> str:
        return f"BinaryScaling({self.level})"


AS_BYTES = LinearScaling(*AS_THEY_COME)


def check_features(
    name: str, X: Any, *, empty: bool = False, shape: tuple[int, ...] | None = None
) -> Table:
    """Return features and their names; bits are no features. `shape` is that of `as_rows`."""
    if isinstance(X, BitMatrix):
        raise TypeError(f"{name} must be an array of features, got a BitMatrix")
    return read_table(name, X, empty=empty, shape=shape)


def propagate_table(
    network: StepNetwork, X: Any, scaling: FixedScaling, n_threads: int | None
) -> Features:
    """Return what a network puts out, some samples at a time: what is made on the way is small."""
    check_width("X", X.shape, network.n_features, "the network")
    small = X.dtype == np.uint8 if not is_sparse(X) else scaling.keeps_zeros(X.shape[1])
    if small:
        threads = check_threads(n_threads)
        whole: Features = network.propagate(scaling.map_values(X, threads), n_threads=threads)
        return whole
    parts: list[Features] = [
        network.propagate(scaling.map_values(X[rows]), n_threads=n_threads)
        for rows in row_blocks(X, 4)
    ]
    return stack(parts)


def propagate_parts(
    network: StepNetwork, X: Any, scaling: FixedScaling, n_threads: int | None
) -> Iterator[Features]:
    """Give what a network puts out in parts of many samples: all of it may be larger than `X`."""
    n_outputs = network.widths[-1]
    row_bytes = n_outputs if network.gives_bytes else n_outputs // 8 + 8
    # What is summed over a part is a square of the features, which some parts are added to.
    rows = max(_PART_BYTES // row_bytes, 4 * n_outputs)
    for start in range(0, max(1, X.shape[0]), rows):
        yield propagate_table(network, X[start : start + rows], scaling, n_threads)


def warn_outside(name: str, X: Any, scaling: FixedScaling, first: str) -> bool:
    """Warn where later features do not fit what `first` gave; return whether they do not."""
    if scaling == AS_BYTES and fits_bytes(X):
        return False
    found = scaling.outside(X)
    rule, cure = "keeps integers from 0 to 255 as they are", "input_range=(low, high)"
    if scaling == AS_BYTES:
        found = found or "values that are not integers"
    elif scaling.input_range is not None:
        rule = f"maps the range {scaling.input_range}"
    else:
        rule, cure = "has one range per feature", "a fitted Scaling"
    if found is None:
        return False
    warn_data(
        f"{name} has {found}, but the scaling was chosen from {first} and {rule}: values that do "
        f"not fit are rounded or cut. Give {cure} of all data, or call prepare with samples that "
        "cover all data"
    )
    return True
