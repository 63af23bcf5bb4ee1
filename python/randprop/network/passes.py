"""Inputs through the compiled network, whichever way it takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop.bits import BitMatrix
from randprop.features import is_sparse
from randprop.network.activations import ACTIVATIONS
from randprop.network.inputs import parts_of
from randprop.network.stages import Dense, Shape, Stage

__all__ = ["count_set", "make_core", "ranked_sums", "reads_sparse", "run"]

_Columns = NDArray[np.int32] | NDArray[np.int64]


def make_core(
    stages: Sequence[Stage], shape: Shape, weight_bits: int, activation: str, seed: int
) -> _core.Network:
    """Return the compiled network of a chain whose input has this shape."""
    bits = ACTIVATIONS[activation].bits
    assert bits is not None
    image: Shape | None = None
    if stages[0].input_dims > 1:
        image = shape if len(shape) == 3 else (shape[0], 1, shape[1])
    cores = [stage.core(weight_bits) for stage in stages]
    return _core.Network(math.prod(shape), cores, bits, seed, image)


def reads_sparse(stages: Sequence[Stage], m: int) -> bool:
    """Whether a stage takes sparse rows as they are."""
    return m == 0 and isinstance(stages[0], Dense)


def run(
    core: _core.Network, X: Any, first: int, last: int, keep: _core.Keep, n_threads: int
) -> list[Any]:
    """Return words of bits, or bytes, behind the stages; `X` is a part that `parts_of` gave."""
    if isinstance(X, BitMatrix):
        return core.propagate_bits(X.words, X.n_bits, first, last, keep, n_threads)
    if is_sparse(X):
        return core.propagate_sparse(*_sparse(X), last, keep, n_threads)
    return core.propagate_bytes(X, first, last, keep, n_threads)


def count_set(
    core: _core.Network, X: Any, m: int, n_threads: int, *, as_sparse: bool
) -> NDArray[np.int64]:
    """Return how often each unit of stage `m` is set over the samples and positions of `X`."""
    parts = parts_of(X, as_sparse=as_sparse)
    counts = [_count_part(core, part, m, n_threads) for part in parts]
    total: NDArray[np.int64] = np.sum(counts, axis=0)
    return total


def ranked_sums(
    core: _core.Network, X: Any, m: int, ranks: NDArray[np.int64], n_threads: int
) -> NDArray[np.int64]:
    """Return of each unit of stage `m` the sum of a rank; nothing where they are not at hand."""
    if isinstance(X, BitMatrix):
        return core.ranked_sums_bits(X.words, X.n_bits, m, ranks, n_threads)
    if is_sparse(X):
        return np.zeros(0, dtype=np.int64)
    return core.ranked_sums_bytes(X, m, ranks, n_threads)


def _count_part(core: _core.Network, X: Any, m: int, n_threads: int) -> NDArray[np.int64]:
    if isinstance(X, BitMatrix):
        return core.count_set_bits(X.words, X.n_bits, m, n_threads)
    if is_sparse(X):
        return core.count_set_sparse(*_sparse(X), n_threads)
    return core.count_set_bytes(X, m, n_threads)


def _sparse(X: Any) -> tuple[NDArray[np.int64], _Columns, NDArray[np.uint8], int]:
    """Return where rows start, the columns and the values of a CSR matrix, and its width."""
    starts = np.ascontiguousarray(X.indptr, dtype=np.int64)
    columns: _Columns = np.ascontiguousarray(X.indices)
    if columns.dtype != np.int32:
        columns = columns.astype(np.int64, copy=False)
    return starts, columns, X.data, X.shape[1]
