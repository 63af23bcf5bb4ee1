"""Atheris target: any bytes are an IDX file that is read whole, or a `ValueError`."""

from __future__ import annotations

import gzip
import math
import struct

import numpy as np

from harness import fuzz
from randprop.datasets import idx


def _read(data: bytes) -> None:
    try:
        array = idx.parse(data, "file", idx.INTEGERS)
    except ValueError as error:
        if not str(error).startswith("file: "):
            raise
        return
    content = idx.unpack(data, "file").tobytes()
    if data[:2] == b"\x1f\x8b":
        assert content == gzip.decompress(data)
    n_dims = content[3]
    shape = struct.unpack_from(f">{n_dims}I", content, 4)
    dtype = {8: "|u1", 9: "|i1", 11: ">i2", 12: ">i4"}[content[2]]
    assert array.shape == shape
    assert array.dtype == np.dtype(dtype).newbyteorder("=")
    assert array.size == math.prod(shape)
    assert array.astype(dtype).tobytes() == content[4 + 4 * n_dims :]


def test_one(data: bytes) -> None:
    """Read the bytes as they are, compressed whole, and compressed in two members.

    A fuzzer makes no valid deflate stream by chance. The last byte chooses where the members part,
    and damages one of them now and then.
    """
    if not data:
        return
    choice, content = data[-1], data[:-1]
    _read(data)
    _read(content)
    _read(gzip.compress(content, 1, mtime=0))
    cut = choice % (len(content) + 1)
    parts = (gzip.compress(part, 1, mtime=0) for part in (content[:cut], content[cut:]))
    members = bytearray(b"".join(parts))
    if choice >= 128 and content:
        members[content[-1] % len(members)] ^= 1 << choice % 8
    _read(bytes(members))


if __name__ == "__main__":
    fuzz(test_one)
