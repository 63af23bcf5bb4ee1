"""What a stage of a network reads: bits as they are, or integers of [0, 255], sparse ones too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop.bits import BitMatrix
from randprop.features import check_width, is_sparse, read_table, row_blocks, stored, with_values

__all__ = ["as_input", "parts_of"]

# Beyond a share of features that are not zero the kernels for dense rows are faster; they lay out
# the weights of all inputs, which of too many is gigabytes.
_DENSE_SHARE = 1 / 32
_DENSE_WIDTH = 1 << 14


def as_input(X: Any, n_inputs: int, shape: tuple[int, ...] | None = None) -> Any:
    """Return bits, or integers of any type as bytes, in a CSR matrix where they came sparse.

    Nothing is rounded here. `shape` is that of a sample where the network knows one.
    """
    if isinstance(X, BitMatrix):
        check_width("X", X.shape, n_inputs, "the network")
        return X
    table = read_table("X", X, empty=True, shape=shape).values
    values = stored(table)
    if values.dtype.kind not in "bui":
        raise TypeError(
            f"X must be a BitMatrix or integers from 0 to 255, got {values.dtype}; "
            "randprop.to_bytes(X) makes such integers of other numbers, "
            "randprop.BitMatrix.from_array packs 0/1 arrays"
        )
    if values.dtype != np.uint8 and values.dtype.kind != "b":
        for rows in row_blocks(values):
            _check_values(values[rows])
    check_width("X", table.shape, n_inputs, "the network")
    as_bytes = np.ascontiguousarray(values, dtype=np.uint8)
    return with_values(table, as_bytes) if is_sparse(table) else as_bytes


def parts_of(X: Any, *, as_sparse: bool = False) -> Iterator[Any]:
    """Cut an input into what can be read at once: of a sparse one some rows at a time, made dense.

    With `as_sparse` it is given as it is, unless so much of it is not zero that this would be slow.
    """
    if not is_sparse(X):
        yield X
        return
    n_samples, n_features = X.shape
    few = X.nnz <= _DENSE_SHARE * n_samples * n_features or n_features > _DENSE_WIDTH
    if as_sparse and few:
        yield X
        return
    for rows in row_blocks(X, 1) if n_samples else [slice(0, 0)]:
        yield X[rows].toarray()


def _check_values(block: NDArray[Any]) -> None:
    if block.size and not (block.min() >= 0 and block.max() <= 255):
        others = "randprop.to_bytes(X) maps others"
        if block.dtype == np.uint64:
            others = "packed words are randprop.BitMatrix(words, n_bits), " + others
        raise ValueError(
            "X must hold integers from 0 to 255, "
            f"got values from {block.min()} to {block.max()}; {others}"
        )
