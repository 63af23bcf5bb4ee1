"""Reader of IDX files (LeCun and Cortes), plain or gzip-compressed.

Nothing is allocated from a size that a file states before that size was held against the file's
own length, and no more is unpacked than the header says.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from randprop.datasets.inflate import inflate

__all__ = ["INTEGERS", "parse", "unpack"]

_GZIP_MAGIC = b"\x1f\x8b"
# No deflate stream expands further (RFC 1951: 258 bytes from 2 bits, less the block's overhead).
_MAX_RATIO = 1032
_MAX_DIMENSIONS = 8
_MAX_HEADER = 4 + 4 * _MAX_DIMENSIONS
_Dtypes = dict[int, "np.dtype[Any]"]
_BYTE: _Dtypes = {0x08: np.dtype(np.uint8)}
# Element types of whole numbers, as they stand in a file.
INTEGERS: _Dtypes = {**_BYTE, 0x09: np.dtype(np.int8), 0x0B: np.dtype(">i2"), 0x0C: np.dtype(">i4")}
_NAMES = {0x08: "unsigned byte", 0x09: "signed byte", 0x0B: "short", 0x0C: "int"}


class _Header(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int  # of the elements
    n_bytes: int  # of the file

    def wrong(self, length: int | str) -> ValueError:
        """Return the error of a file whose length is not what the header says."""
        short = isinstance(length, int) and length < self.n_bytes
        problem = "cut short" if short else "too long"
        return ValueError(
            f"{problem}: shape {self.shape} needs {self.n_bytes} bytes, the file has {length}"
        )


def parse(data: bytes, name: str, dtypes: _Dtypes = _BYTE) -> NDArray[Any]:
    """Return the array of an IDX file, of the shape that it states.

    `name` is what errors call it. Raises ValueError where it is no such file, cut short or too
    long, or its element type is not among `dtypes`.
    """
    try:
        content, header = _unpack(data, dtypes)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    array = content[header.start :].view(header.dtype).reshape(header.shape)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def unpack(data: bytes, name: str) -> NDArray[np.uint8]:
    """Return the bytes of an IDX file, decompressed; errors are those of `parse`."""
    try:
        return _unpack(data, INTEGERS)[0]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _unpack(data: bytes, dtypes: _Dtypes) -> tuple[NDArray[np.uint8], _Header]:
    if data[:2] != _GZIP_MAGIC:
        header = _read_header(data[:_MAX_HEADER], dtypes)
        if len(data) != header.n_bytes:
            raise header.wrong(len(data))
        return np.frombuffer(data, np.uint8), header
    header = _read_header(_first_bytes(data), dtypes)
    if header.n_bytes > _MAX_RATIO * len(data):
        raise ValueError(
            f"cut short: shape {header.shape} needs {header.n_bytes} bytes, "
            "more than the file's length can hold"
        )
    out = np.empty(header.n_bytes, dtype=np.uint8)
    _fill(out, inflate(data), header)
    return out, header


def _read_header(head: bytes, dtypes: _Dtypes) -> _Header:
    """Read the header from the first bytes, or all that there are."""
    if len(head) < 4:
        raise ValueError(f"{len(head)} bytes are too short for an IDX header")
    zero, kind, n_dims = struct.unpack(">HBB", head[:4])
    if zero != 0:
        raise ValueError(f"bytes 0 and 1 of an IDX file are 0, got 0x{zero:04x}")
    if kind not in dtypes:
        wanted = ", ".join(f"0x{code:02x} ({_NAMES[code]})" for code in dtypes)
        raise ValueError(f"byte 2 gives element type 0x{kind:02x}, expected {wanted}")
    if not 1 <= n_dims <= _MAX_DIMENSIONS:
        raise ValueError(f"byte 3 gives {n_dims} dimensions, expected 1 to {_MAX_DIMENSIONS}")
    start = 4 + 4 * n_dims
    if len(head) < start:
        raise ValueError(f"cut short in the header: {len(head)} bytes, expected {start}")
    shape = struct.unpack(f">{n_dims}I", head[4:start])
    dtype, size = dtypes[kind], math.prod(shape)
    if (
        size == 0
        and math.prod(length for length in shape if length) > sys.maxsize // dtype.itemsize
    ):
        raise ValueError(f"no array of shape {shape} can be indexed")
    return _Header(dtype, shape, start, start + size * dtype.itemsize)


def _first_bytes(data: bytes) -> bytes:
    head = b""
    for part in inflate(data):
        head += part[:_MAX_HEADER]
        if len(head) >= _MAX_HEADER:
            break
    return head[:_MAX_HEADER]


def _fill(out: NDArray[np.uint8], parts: Iterable[bytes], header: _Header) -> None:
    filled = 0
    for part in parts:
        if len(part) > len(out) - filled:
            raise header.wrong("more")
        out[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    if filled < len(out):
        raise header.wrong(filled)
