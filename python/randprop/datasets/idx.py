"""Reader of IDX files (LeCun and Cortes), plain or gzip-compressed.

Nothing is allocated from a size that a file states before that size was held against the file's
own length.
"""

from __future__ import annotations

import math
import struct
import sys
import threading
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["gunzip", "parse"]

_GZIP_MAGIC = b"\x1f\x8b"
# No deflate stream expands further (RFC 1951: 258 bytes from 2 bits, less the block's overhead).
_MAX_RATIO = 1032
_UNSIGNED_BYTE = 0x08
_MAX_DIMENSIONS = 8


def parse(data: bytes, name: str) -> NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes, of the shape that it states.

    `name` is what errors call it. Raises ValueError where it is no such file, or cut short.
    """
    content = gunzip(data, name) if data[:2] == _GZIP_MAGIC else np.frombuffer(data, np.uint8)
    head = content[: 4 + 4 * _MAX_DIMENSIONS].tobytes()
    if len(head) < 4:
        raise ValueError(f"{name}: {len(content)} bytes are too short for an IDX header")
    zero, kind, n_dims = struct.unpack(">HBB", head[:4])
    if zero != 0:
        raise ValueError(f"{name}: bytes 0 and 1 of an IDX file are 0, got 0x{zero:04x}")
    if kind != _UNSIGNED_BYTE:
        raise ValueError(
            f"{name}: byte 2 gives element type 0x{kind:02x}, expected 0x08 (unsigned byte)"
        )
    if not 1 <= n_dims <= _MAX_DIMENSIONS:
        raise ValueError(
            f"{name}: byte 3 gives {n_dims} dimensions, expected 1 to {_MAX_DIMENSIONS}"
        )
    start = 4 + 4 * n_dims
    if len(content) < start:
        raise ValueError(f"{name}: cut short in the header: {len(content)} bytes, expected {start}")
    shape = struct.unpack(f">{n_dims}I", head[4:start])
    expected = start
    size = math.prod(shape)
    expected += size
    if size == 0 and math.prod(length for length in shape if length) > sys.maxsize:
        raise ValueError(f"{name}: no array of shape {shape} can be indexed")
    if len(content) != expected:
        problem = "cut short" if len(content) < expected else "too long"
        raise ValueError(
            f"{name}: {problem}: shape {shape} needs {expected} bytes, the file has {len(content)}"
        )
    return content[start:].reshape(shape)


def gunzip(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decompress a gzip file, members that tell their length side by side.

    `name` is what errors call it. Raises ValueError where it is damaged or cut short.
    """
    members = _member_bounds(data)
    if members is None:
        return np.frombuffer(_inflate(data, name), np.uint8)
    sizes = [struct.unpack_from("<I", data, stop - 4)[0] for _, stop in members]
    if sum(sizes) > _MAX_RATIO * len(data):
        raise ValueError(f"{name}: states {sum(sizes)} bytes, more than its length can hold")
    starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    out = np.empty(int(starts[-1]), dtype=np.uint8)
    errors: list[ValueError] = []
    view = memoryview(data)

    def inflate(indices: range) -> None:
        for i in indices:
            begin, stop = members[i]
            try:
                # The size in the trailer is a hint to zlib here, which allocates once, and is
                # checked against what came.
                part = zlib.decompress(view[begin:stop], wbits=31, bufsize=sizes[i] + 1)
            except zlib.error as error:
                errors.append(ValueError(f"{name}: not a valid gzip file: {error}"))
                return
            if len(part) != sizes[i]:
                errors.append(ValueError(f"{name}: damaged: a member has the wrong length"))
                return
            out[starts[i] : starts[i + 1]] = np.frombuffer(part, np.uint8)

    # zlib releases the GIL: two threads take half the time.
    helper = threading.Thread(target=inflate, args=(range(1, len(members), 2),))
    helper.start()
    inflate(range(0, len(members), 2))
    helper.join()
    if errors:
        raise errors[0]
    return out


def _member_bounds(data: bytes) -> list[tuple[int, int]] | None:
    """Where each member starts and stops, if all tell ("RP" field of tools/pack_mnist.py)."""
    bounds = []
    start = 0
    while start < len(data):
        head = data[start : start + 20]
        if len(head) < 20 or head[:4] != b"\x1f\x8b\x08\x04" or head[12:16] != b"RP\x04\x00":
            return None
        length = struct.unpack("<I", head[16:20])[0]
        if length < 28 or start + length > len(data):
            return None
        bounds.append((start, start + length))
        start += length
    return bounds if len(bounds) > 1 else None


def _inflate(data: bytes, name: str) -> bytes:
    parts = []
    while data:
        inflater = zlib.decompressobj(wbits=31)
        try:
            parts.append(inflater.decompress(data))
        except zlib.error as error:
            raise ValueError(f"{name}: not a valid gzip file: {error}") from None
        if not inflater.eof:
            raise ValueError(f"{name}: the gzip file is cut short at byte {len(data)}")
        data = inflater.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
