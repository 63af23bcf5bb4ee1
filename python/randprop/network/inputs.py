"""What the first matrix of a network reads: bits as they are, or integers of [0, 255]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop.bits import BitMatrix, Features
from randprop.features import check_width, is_sparse, read_table, row_blocks, stored

__all__ = ["as_input"]


def as_input(X: Any, n_inputs: int, shape: tuple[int, ...] | None = None) -> Features:
    """Return bits, or integers of any type as bytes in one block; nothing is rounded here.

    `shape` is that of a sample where the network knows one.
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
    dense = table.astype(np.uint8).toarray() if is_sparse(table) else table
    return np.ascontiguousarray(dense, dtype=np.uint8)


def _check_values(block: NDArray[Any]) -> None:
    if block.size and not (block.min() >= 0 and block.max() <= 255):
        others = "randprop.to_bytes(X) maps others"
        if block.dtype == np.uint64:
            others = "packed words are randprop.BitMatrix(words, n_bits), " + others
        raise ValueError(
            "X must hold integers from 0 to 255, "
            f"got values from {block.min()} to {block.max()}; {others}"
        )
